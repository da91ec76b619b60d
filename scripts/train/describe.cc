// SPDX-License-Identifier: Apache-2.0
#include "scripts/train/describe.h"

#include "base/crypto/digest.h"

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

}  // namespace millrace
