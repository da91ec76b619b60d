// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "models/catalogue/families.h"

namespace millrace {

absl::Status WriteRecurrent(const Plan& plan, GraphWriter& graph) {
  const ModelPlan& model = plan.model;
  MR_RETURN_IF_ERROR(CheckEntries("model.hidden", model.hidden, kMaxUnits));
  if (model.hidden.size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("model.hidden has ", model.hidden.size(),
                     " entries; a recurrent model has one width: give one, and model.layers"));
  }
  MR_RETURN_IF_ERROR(CheckWithin("model.layers", model.layers, kMaxLayers));
  const bool lstm = model.kind == ModelKind::kLstm;
  const absl::string_view kind = lstm ? "lstm" : "gru";
  const int64_t units = model.hidden[0];
  const int64_t rows = (lstm ? 4 : 3) * units;  // one block per gate
  const double bound = 1 / std::sqrt(static_cast<double>(units));
  // Steps outermost: each step's rows lie together.
  graph.Line("h = torch.transpose(x, 0, 1)");
  auto inputs = static_cast<int64_t>(plan.input.channels.size());
  for (int64_t i = 0; i < model.layers; ++i) {
    const auto parameter = [&](absl::string_view role, std::vector<int64_t> shape) {
      return graph.Parameter(absl::StrCat(kind, ".", role, "_l", i), std::move(shape), bound);
    };
    const std::string w_ih = parameter("weight_ih", {rows, inputs});
    const std::string w_hh = parameter("weight_hh", {rows, units});
    const std::string b_ih = parameter("bias_ih", {rows});
    const std::string b_hh = parameter("bias_hh", {rows});
    graph.Line(absl::StrCat("h = millrace.", kind, "_layer(h, ", w_ih, ", ", w_hh, ", ", b_ih, ", ",
                            b_hh, ")"));
    if (i + 1 == model.layers) graph.Line("h = torch.select(h, 0, -1)");
    graph.Dropout(model.dropout);
    inputs = units;
  }
  graph.Linear("head", units, plan.outputs());
  return absl::OkStatus();
}

}  // namespace millrace
