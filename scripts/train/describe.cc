// SPDX-License-Identifier: Apache-2.0
#include "scripts/train/describe.h"

#include <memory>

#include "base/crypto/digest.h"
#include "base/status.h"
#include "models/test_vectors.h"

namespace millrace {

v1::PackageManifest DescribeModel(absl::string_view plan_text, const ModelPackage& model,
                                  const std::map<std::string, double>& metrics) {
  const Digest digest = Sha256Of({reinterpret_cast<const char*>(model.parameters.data()),
                                  model.parameters.size() * sizeof(float)});
  v1::PackageManifest manifest = ManifestOf(plan_text, model.plan, model.architecture,
                                            model.scaling ? &*model.scaling : nullptr, digest);
  manifest.set_version(model.plan.run.rounds);
  manifest.mutable_lineage()->set_round(model.plan.run.rounds);
  for (const auto& [name, value] : metrics) (*manifest.mutable_metrics())[name] = value;
  return manifest;
}

absl::Status WriteInstallable(FileSystem* files, const std::string& path, const ModelPackage& model,
                              absl::string_view program, const PredictorFactory& predictors) {
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<Predictor> predictor, predictors(model));
  v1::PackageManifest manifest = model.manifest;
  manifest.mutable_lineage()->set_program(std::string(program));
  MR_RETURN_IF_ERROR(AddTestVectors(model.plan, *predictor, manifest));
  return WritePackage(files, path, manifest, model.parameters);
}

}  // namespace millrace
