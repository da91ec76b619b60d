// SPDX-License-Identifier: Apache-2.0
// Model packages and the signatures on them, which travel as files and come from anywhere.
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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static testing::Publishers& publishers = *new testing::Publishers(kFuzzDay);
  static const std::string& honest = *new std::string(publishers.Signed(HonestPackage(), {"ada"}));
  const std::string mutated = Mutated(honest, {data, size});
  const absl::StatusOr<ModelPackage> package = ParsePackage(mutated);
  if (!package.ok()) return 0;
  const auto signed_by = VerifySignatures(*package, {publishers.authority().certificate_pem, {}},
                                          {1, {}}, PackageUse::kInstall, kFuzzDay);
  MR_CHECK(!signed_by.ok() || mutated == honest);
  return 0;
}
