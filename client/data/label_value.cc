// SPDX-License-Identifier: Apache-2.0
#include "client/data/label_value.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace millrace {

std::string LabelProblem(const LabelPlan& label, double value) {
  if (label.classes <= 1) return "";
  if (value >= 0 && value < static_cast<double>(label.classes) && value == std::floor(value)) {
    return "";
  }
  return absl::StrCat("label ", value, " is not one of the plan's classes 0 to ",
                      label.classes - 1);
}

}  // namespace millrace
