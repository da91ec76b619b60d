// SPDX-License-Identifier: Apache-2.0
#include "models/catalogue/graph_writer.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "base/status.h"

namespace millrace {

std::string GraphWriter::Parameter(std::string name, std::vector<int64_t> shape, double bound) {
  std::string expression = absl::StrCat("self.", absl::StrReplaceAll(name, {{".", "_"}}));
  tensors_.push_back({.name = std::move(name), .shape = std::move(shape)});
  initialization_.push_back({.bound = bound});
  return expression;
}

void GraphWriter::Line(absl::string_view line) { absl::StrAppend(&body_, "    ", line, "\n"); }

void GraphWriter::Linear(absl::string_view name, int64_t inputs, int64_t outputs) {
  const double bound = 1 / std::sqrt(static_cast<double>(inputs));
  const std::string weight = Parameter(absl::StrCat(name, ".weight"), {outputs, inputs}, bound);
  const std::string bias = Parameter(absl::StrCat(name, ".bias"), {outputs}, bound);
  Line(absl::StrCat("h = torch.linear(h, ", weight, ", ", bias, ")"));
}

void GraphWriter::Dropout(double probability) {
  if (probability == 0) return;
  Line(absl::StrFormat("h = torch.dropout(h, %.17g, self.training)", probability));
}

absl::StatusOr<Architecture> GraphWriter::Finish() && {
  Architecture architecture;
  MR_ASSIGN_OR_RETURN(architecture.layout, Layout::Create(std::move(tensors_)));
  architecture.initialization = std::move(initialization_);
  architecture.source = absl::StrCat("def forward(self, x):\n", body_, "    return h\n");
  return architecture;
}

}  // namespace millrace
