// SPDX-License-Identifier: Apache-2.0
// Model packages and the signatures on them, which travel as files and come from anywhere.
#include "absl/strings/match.h"
#include "base/check.h"
#include "models/package.h"
#include "models/package_signature.h"
#include "tests/fuzz/mutated.h"
#include "tests/testing/publishers.h"

using namespace millrace;        // NOLINT: the fuzzer's entry point lies outside
using namespace millrace::fuzz;  // NOLINT

namespace {

constexpr char kPlan[] = R"(secure_aggregation = "off"
[run]
name = "fuzz"
[model]
kind = "mlp"
hidden = [2]
[input]
channels = ["a"]
window = 2
[label]
kind = "run_to_failure"
cap = 9
)";

std::string HonestPackage() {
  const Plan plan = ParsePlan(kPlan).value();
  const Architecture architecture = BuildArchitecture(plan).value();
  const std::vector<float> parameters = InitialParameters(architecture, 1);
  const std::string raw(reinterpret_cast<const char*>(parameters.data()),
                        parameters.size() * sizeof(float));
  Scaling scaling;
  scaling.channels = 1;
  scaling.modes = {{0, {1}, {2}, 10}};
  scaling.overall = scaling.modes[0];
  const v1::PackageManifest manifest =
      ManifestOf(kPlan, plan, architecture, &scaling, Sha256Of(raw));
  return PackagePrefix(manifest, static_cast<int64_t>(raw.size())) + raw;
}

const absl::Time kFuzzDay = absl::FromUnixSeconds(1'800'000'000);

/// `honest` with another manifest and other parameters, whose digests are right: what lies behind
/// those. The first byte of `input` says which of the two is changed.
std::string Sealed(const std::string& honest, std::span<const uint8_t> input) {
  v1::ModelPackage file;
  MR_CHECK(file.ParseFromString(honest));
  const std::span<const uint8_t> rest = input.empty() ? input : input.subspan(1);
  const bool changes_parameters = !input.empty() && input[0] % 2 == 1;
  const std::string parameters =
      changes_parameters ? Mutated(file.parameters(), rest) : file.parameters();
  v1::PackageManifest manifest;
  if (!manifest.ParseFromString(changes_parameters ? file.manifest()
                                                   : Mutated(file.manifest(), rest))) {
    return honest;
  }
  manifest.set_parameters_sha256(Sha256Of(parameters).ToBytes());
  return PackagePrefix(manifest, static_cast<int64_t>(parameters.size())) + parameters +
         PackageSuffix({file.signatures().begin(), file.signatures().end()});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static testing::Publishers& publishers = *new testing::Publishers(kFuzzDay);
  static const std::string& honest = *new std::string(publishers.Signed(HonestPackage(), {"ada"}));
  const std::span<const uint8_t> input(data, size);
  const bool sealed = size > 0 && data[0] >= 0x80;
  const std::string mutated = sealed ? Sealed(honest, input.subspan(1)) : Mutated(honest, input);
  const absl::StatusOr<ModelPackage> package = ParsePackage(mutated);
  if (!package.ok()) return 0;
  // One sequence of bytes: whatever is read is written again as it was.
  const auto parameter_bytes = static_cast<int64_t>(package->parameters.size() * sizeof(float));
  MR_CHECK(absl::StartsWith(mutated, PackagePrefix(package->manifest, parameter_bytes)));
  const auto signed_by = VerifySignatures(*package, {publishers.authority().certificate_pem, {}},
                                          {1, {}}, PackageUse::kInstall, kFuzzDay);
  MR_CHECK(!signed_by.ok() || mutated == honest);
  return 0;
}
