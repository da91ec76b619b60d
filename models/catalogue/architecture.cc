// SPDX-License-Identifier: Apache-2.0
#include "models/catalogue/architecture.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/check.h"
#include "base/random.h"
#include "base/status.h"
#include "models/catalogue/families.h"

namespace millrace {
namespace {

constexpr int64_t kMaxWindow = 1 << 20;  // time steps

absl::Status CheckPlan(const Plan& plan) {
  MR_RETURN_IF_ERROR(CheckWithin("input.window", plan.input.window, kMaxWindow));
  MR_RETURN_IF_ERROR(CheckWithin("the number of input.channels",
                                 static_cast<int64_t>(plan.input.channels.size()), kMaxUnits));
  if (!(plan.model.dropout >= 0 && plan.model.dropout < 1)) {
    return absl::InvalidArgumentError(
        absl::StrCat("model.dropout = ", plan.model.dropout, " must lie in [0, 1)"));
  }
  const bool reconstructs = plan.task() == Task::kReconstruction;
  if (reconstructs != (plan.model.kind == ModelKind::kAutoencoder)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "model.kind = \"", Name(plan.model.kind), "\" does not fit [label]: ",
        reconstructs ? "without labels only an autoencoder can train; choose it or add a label"
                     : "an autoencoder reconstructs its window; remove the label or choose "
                       "another kind"));
  }
  return reconstructs ? absl::OkStatus() : CheckWithin("label.classes", plan.outputs(), kMaxUnits);
}

absl::Status WriteGraph(const Plan& plan, GraphWriter& graph) {
  switch (plan.model.kind) {
    case ModelKind::kMlp:
      return WriteMlp(plan, graph);
    case ModelKind::kCnn1d:
      return WriteCnn1d(plan, graph);
    case ModelKind::kGru:
    case ModelKind::kLstm:
      return WriteRecurrent(plan, graph);
    case ModelKind::kAutoencoder:
      return plan.model.convolutional ? WriteConvolutionalAutoencoder(plan, graph)
                                      : WriteDenseAutoencoder(plan, graph);
  }
  MR_CHECK(false);
}

}  // namespace

absl::Status CheckWithin(absl::string_view key, int64_t value, int64_t maximum) {
  if (value >= 1 && value <= maximum) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(key, " is ", value, "; it must lie within 1 .. ", maximum));
}

absl::Status CheckEntries(absl::string_view key, const std::vector<int64_t>& values,
                          int64_t maximum) {
  MR_RETURN_IF_ERROR(CheckWithin(absl::StrCat("the number of ", key),
                                 static_cast<int64_t>(values.size()), kMaxLayers));
  for (size_t i = 0; i < values.size(); ++i) {
    MR_RETURN_IF_ERROR(CheckWithin(absl::StrCat(key, "[", i, "]"), values[i], maximum));
  }
  return absl::OkStatus();
}

double LabelScale(const LabelPlan& label) {
  return label.kind == LabelKind::kRunToFailure && label.cap > 0 ? label.cap : 1;
}

absl::StatusOr<Architecture> BuildArchitecture(const Plan& plan) {
  MR_RETURN_IF_ERROR(CheckPlan(plan));
  GraphWriter graph;
  MR_RETURN_IF_ERROR(WriteGraph(plan, graph));
  const double scale = LabelScale(plan.label);
  if (scale != 1) graph.Line(absl::StrFormat("h = h * %.17g", scale));
  MR_ASSIGN_OR_RETURN(Architecture architecture, std::move(graph).Finish());
  if (architecture.layout.size() > kMaxParameters) {
    return absl::InvalidArgumentError(
        absl::StrCat("model.kind = \"", Name(plan.model.kind), "\": ", architecture.layout.size(),
                     " parameters in all, at most ", kMaxParameters,
                     "; make the layers narrower, or input.window or input.channels smaller"));
  }
  return architecture;
}

std::vector<float> InitialParameters(const Architecture& architecture, uint64_t seed) {
  MR_CHECK(architecture.initialization.size() == architecture.layout.tensors().size());
  Random random = Random(seed).Fork("initial parameters");
  std::vector<float> parameters;
  parameters.reserve(architecture.layout.size());
  for (size_t i = 0; i < architecture.initialization.size(); ++i) {
    const auto [bound, value] = architecture.initialization[i];
    for (int64_t n = architecture.layout.tensors()[i].Elements(); n > 0; --n) {
      parameters.push_back(
          static_cast<float>(bound == 0 ? value : (2 * random.Uniform() - 1) * bound));
    }
  }
  return parameters;
}

}  // namespace millrace
