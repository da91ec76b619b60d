// SPDX-License-Identifier: Apache-2.0
// The model package: one file that holds a model and everything needed to run and judge it.
// Format: proto/millrace/v1/package.proto.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "millrace/v1/common.pb.h"
#include "millrace/v1/package.pb.h"
#include "models/catalogue/architecture.h"
#include "models/scaling.h"
#include "plan/plan.h"

namespace millrace {

v1::Scaling ToProto(const Scaling& scaling);
/// INVALID_ARGUMENT if the shapes contradict each other or `channels`, or a number cannot be a
/// mean or a deviation.
absl::StatusOr<Scaling> FromProto(const v1::Scaling& proto, int64_t channels);

/// A package that was read and checked: every part fits every other. Who signed it is for
/// models/package_signature.h to find out.
struct ModelPackage {
  v1::PackageManifest manifest;
  std::string manifest_bytes;  // as they are signed
  std::vector<v1::Signature> signatures;
  Plan plan;
  Architecture architecture;
  std::optional<Scaling> scaling;
  std::vector<float> parameters;

  /// Of the manifest's bytes, which bind all but the signatures: the package's name.
  Digest Sha256() const { return Sha256Of(manifest_bytes); }
};

/// The manifest of a model of this plan; the caller fills in version, lineage and metrics.
v1::PackageManifest ManifestOf(absl::string_view plan_text, const Plan& plan,
                               const Architecture& architecture, const Scaling* scaling,
                               const Digest& parameters);

/// The file's bytes up to the parameters, which follow raw: packages of any size can be streamed.
std::string PackagePrefix(const v1::PackageManifest& manifest, int64_t parameter_bytes);

/// The file's bytes behind the parameters.
std::string PackageSuffix(const std::vector<v1::Signature>& signatures);

/// Larger ones do not exist: Protocol Buffers' limit for a message.
inline constexpr int64_t kMaxPackageBytes = (int64_t{1} << 31) - 1;
inline constexpr size_t kMaxCardBytes = size_t{64} << 10;
inline constexpr int kMaxTestVectors = 16;
inline constexpr int kMaxSignatures = 16;

/// Parses and checks a package, of which each has one encoding only. INVALID_ARGUMENT or DATA_LOSS
/// says which part does not fit: digests, length, layout, graph, plan, scaling, test vectors.
absl::StatusOr<ModelPackage> ParsePackage(absl::string_view bytes);

/// The same of a file, of which no more is in memory at a time than the package that comes of it.
absl::StatusOr<ModelPackage> ReadPackage(FileSystem* files, const std::string& path);
absl::Status WritePackage(FileSystem* files, const std::string& path,
                          const v1::PackageManifest& manifest, std::span<const float> parameters);

/// With its signatures.
absl::Status WritePackage(FileSystem* files, const std::string& path, const ModelPackage& package);

/// The same model with another manifest, which nobody has signed. The errors of ParsePackage.
absl::StatusOr<ModelPackage> WithManifest(ModelPackage package,
                                          const v1::PackageManifest& manifest);

}  // namespace millrace
