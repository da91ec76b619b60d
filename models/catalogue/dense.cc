// SPDX-License-Identifier: Apache-2.0
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "models/catalogue/families.h"

namespace millrace {
namespace {

int64_t WindowSize(const Plan& plan) {
  return plan.input.window * static_cast<int64_t>(plan.input.channels.size());
}

}  // namespace

absl::Status WriteMlp(const Plan& plan, GraphWriter& graph) {
  MR_RETURN_IF_ERROR(CheckEntries("model.hidden", plan.model.hidden, kMaxUnits));
  graph.Line("h = torch.flatten(x, 1)");
  int64_t width = WindowSize(plan);
  for (size_t i = 0; i < plan.model.hidden.size(); ++i) {
    graph.Linear(absl::StrCat("hidden.", i), width, plan.model.hidden[i]);
    graph.Line("h = torch.relu(h)");
    graph.Dropout(plan.model.dropout);
    width = plan.model.hidden[i];
  }
  graph.Linear("head", width, plan.outputs());
  return absl::OkStatus();
}

absl::Status WriteDenseAutoencoder(const Plan& plan, GraphWriter& graph) {
  MR_RETURN_IF_ERROR(CheckEntries("model.hidden", plan.model.hidden, kMaxUnits));
  graph.Line("h = torch.flatten(x, 1)");
  std::vector<int64_t> widths = {WindowSize(plan)};
  widths.insert(widths.end(), plan.model.hidden.begin(), plan.model.hidden.end());
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    graph.Linear(absl::StrCat("encoder.", i), widths[i], widths[i + 1]);
    graph.Line("h = torch.relu(h)");
    graph.Dropout(plan.model.dropout);
  }
  for (size_t i = widths.size() - 1; i > 0; --i) {
    graph.Linear(absl::StrCat("decoder.", widths.size() - 1 - i), widths[i], widths[i - 1]);
    if (i == 1) break;  // the reconstruction itself is linear
    graph.Line("h = torch.relu(h)");
    graph.Dropout(plan.model.dropout);
  }
  graph.Line(absl::StrCat("h = h.reshape([-1, ", plan.input.window, ", ",
                          plan.input.channels.size(), "])"));
  return absl::OkStatus();
}

}  // namespace millrace
