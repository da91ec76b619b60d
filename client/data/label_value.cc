// SPDX-License-Identifier: Apache-2.0
#include "client/data/label_value.h"

#include <cmath>

namespace millrace {

std::optional<SiteMessage> LabelProblem(const LabelPlan& label, double value) {
  if (label.classes <= 1) return std::nullopt;
  if (value >= 0 && value < static_cast<double>(label.classes) && value == std::floor(value)) {
    return std::nullopt;
  }
  return SiteMessage(Private{absl::StrCat("label ", value), "a label"},
                     " is not one of the plan's classes 0 to ", label.classes - 1);
}

}  // namespace millrace
