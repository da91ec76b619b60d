// SPDX-License-Identifier: Apache-2.0
#include "client/drift/drift_parameters.h"

namespace millrace {
namespace {

constexpr DoubleRange kPositive = {.min = 0, .max = 1e6, .above_min = true};
constexpr DoubleRange kShare = {.min = 0, .max = 1, .above_min = true, .below_max = true};

/// The keys of the detector that was chosen; those of the others are refused.
void ReadDetector(TomlTable& table, ShiftDetectorParameters& detector) {
  constexpr NamedValue<ShiftDetectorKind> kKinds[] = {
      {"cusum", ShiftDetectorKind::kCusum},
      {"page_hinkley", ShiftDetectorKind::kPageHinkley},
      {"adwin", ShiftDetectorKind::kAdwin}};
  table.Enum("detector", kKinds, &detector.kind);
  if (detector.kind == ShiftDetectorKind::kCusum) {
    table.Double("k", kPositive, &detector.cusum.k);
    table.Double("h", kPositive, &detector.cusum.h);
  } else {
    for (const char* key : {"k", "h"}) table.Forbid(key, "belongs to detector = \"cusum\"");
  }
  if (detector.kind == ShiftDetectorKind::kPageHinkley) {
    table.Double("lambda", kPositive, &detector.page_hinkley.lambda);
    table.Double("delta", kPositive, &detector.page_hinkley.delta);
  } else {
    table.Forbid("lambda", "belongs to detector = \"page_hinkley\"");
  }
  if (detector.kind == ShiftDetectorKind::kAdwin) {
    table.Double("delta", kShare, &detector.adwin.delta);
  } else if (detector.kind == ShiftDetectorKind::kCusum) {
    table.Forbid("delta", "belongs to detector = \"page_hinkley\" or \"adwin\"");
  }
}

}  // namespace

DriftParameters ReadDriftParameters(TomlTable table) {
  constexpr int64_t kWeek = 604'800;
  DriftParameters parameters;
  ReadDetector(table, parameters.detector);
  table.Int("learn_s", {.min = 60, .max = kWeek}, &parameters.learn_s);
  table.Int("recent_s", {.min = 60, .max = 3600}, &parameters.recent_s);
  table.Int("check_s", {.min = 1, .max = 3600}, &parameters.check_s);
  table.Int("doubt_s", {.min = 1, .max = kWeek}, &parameters.doubt_s);
  table.Double("confirm_p", kShare, &parameters.confirm_p);
  table.Double("confirm_index", kPositive, &parameters.confirm_index);
  table.Double("clear_index", kPositive, &parameters.clear_index);
  if (parameters.clear_index >= parameters.confirm_index) {
    table.Refuse("clear_index", "must be less than confirm_index");
  }
  return parameters;
}

}  // namespace millrace
