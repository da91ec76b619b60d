// SPDX-License-Identifier: Apache-2.0
// Assignments, as a coordinator can send them to a site: plan, layout, scaling and numbers.
#include "aggregation/exact_sum.h"
#include "client/training/perform.h"
#include "models/catalogue/architecture.h"
#include "tests/fuzz/mutated.h"

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
channels = ["a", "b"]
window = 2
[[input.mode]]
column = "m"
min = 0
max = 1
[label]
kind = "run_to_failure"
cap = 9
)";

v1::Assignment HonestAssignment() {
  const Plan plan = ParsePlan(kPlan).value();
  const Architecture architecture = BuildArchitecture(plan).value();
  v1::Assignment assignment;
  assignment.mutable_id()->set_run("fuzz-1");
  assignment.mutable_id()->set_round(1);
  assignment.mutable_id()->set_attempt(1);
  assignment.set_task(v1::TASK_KIND_TRAINING);
  assignment.set_plan(kPlan);
  assignment.set_parameters(architecture.layout.size());
  assignment.set_statistics(kExactLimbs * StatisticsCount(plan, TaskKind::kTraining));
  const Digest& layout = architecture.layout.digest();
  assignment.set_layout_sha256(std::string(layout.bytes.begin(), layout.bytes.end()));
  assignment.set_model_sha256(std::string(32, 'm'));
  for (v1::Scaling::Mode* mode : {assignment.mutable_scaling()->add_modes(),
                                  assignment.mutable_scaling()->mutable_overall()}) {
    mode->mutable_mean()->Add(0.5F);
    mode->mutable_mean()->Add(1.5F);
    mode->mutable_deviation()->Add(1);
    mode->mutable_deviation()->Add(2);
    mode->set_count(7);
  }
  assignment.mutable_scaling()->set_channels(2);
  return assignment;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const v1::Assignment& honest = *new v1::Assignment(HonestAssignment());
  ReadAssignment(MutatedMessage(honest, {data, size})).IgnoreError();
  return 0;
}
