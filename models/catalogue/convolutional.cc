// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "models/catalogue/families.h"

namespace millrace {
namespace {

/// One convolution over time with padding kernel / 2 at both ends.
struct Block {
  int64_t inputs;   // channels
  int64_t outputs;  // channels
  int64_t kernel;
  int64_t stride;
  int64_t length;  // time steps that come in

  int64_t padding() const { return kernel / 2; }
  int64_t output_length() const { return (length + 2 * padding() - kernel) / stride + 1; }
  /// What the transposed convolution must add at the end to get back to `length`: less than
  /// `stride`, as PyTorch requires.
  int64_t restoring_padding() const {
    return length - ((output_length() - 1) * stride - 2 * padding() + kernel);
  }
};

/// The blocks of [model] filters, kernel, strides, each behind the other and `pool`.
absl::StatusOr<std::vector<Block>> Blocks(const Plan& plan, int64_t pool) {
  const ModelPlan& model = plan.model;
  MR_RETURN_IF_ERROR(CheckEntries("model.filters", model.filters, kMaxUnits));
  MR_RETURN_IF_ERROR(CheckWithin("model.kernel", model.kernel, kMaxUnits));
  MR_RETURN_IF_ERROR(CheckWithin("model.pool", pool, kMaxUnits));
  if (!model.strides.empty()) {
    MR_RETURN_IF_ERROR(CheckEntries("model.strides", model.strides, kMaxUnits));
    if (model.strides.size() != model.filters.size()) {
      return absl::InvalidArgumentError(
          absl::StrCat("model.strides has ", model.strides.size(), " entries, model.filters ",
                       model.filters.size(), "; give one stride per block, or none"));
    }
  }
  std::vector<Block> blocks;
  auto inputs = static_cast<int64_t>(plan.input.channels.size());
  int64_t length = plan.input.window;
  for (size_t i = 0; i < model.filters.size(); ++i) {
    const int64_t stride = model.strides.empty() ? 1 : model.strides[i];
    const Block block{inputs, model.filters[i], model.kernel, stride, length};
    if (stride > length || pool > block.output_length()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "input.window = ", plan.input.window, " is too short: block ", i, " (model.filters[", i,
          "]) gets ", length, " time steps, fewer than its stride ", stride, " and pool ", pool,
          " need; lengthen the window or lower model.strides, model.pool or the number of blocks"));
    }
    blocks.push_back(block);
    inputs = block.outputs;
    length = block.output_length() / pool;
  }
  return blocks;
}

/// `transposed`: the block backwards, from its outputs to its inputs.
void WriteBlock(absl::string_view name, const Block& block, bool transposed, GraphWriter& graph) {
  // Of either weight PyTorch takes the second dimension for the fan-in.
  const double bound = 1 / std::sqrt(static_cast<double>(block.inputs * block.kernel));
  const std::string weight = graph.Parameter(absl::StrCat(name, ".weight"),
                                             {block.outputs, block.inputs, block.kernel}, bound);
  const std::string bias = graph.Parameter(absl::StrCat(name, ".bias"),
                                           {transposed ? block.inputs : block.outputs}, bound);
  if (transposed) {
    graph.Line(absl::StrCat("h = torch.conv_transpose1d(h, ", weight, ", ", bias, ", [",
                            block.stride, "], [", block.padding(), "], [",
                            block.restoring_padding(), "])"));
  } else {
    graph.Line(absl::StrCat("h = torch.conv1d(h, ", weight, ", ", bias, ", [", block.stride, "], [",
                            block.padding(), "])"));
  }
}

}  // namespace

absl::Status WriteCnn1d(const Plan& plan, GraphWriter& graph) {
  const int64_t pool = plan.model.pool;
  MR_ASSIGN_OR_RETURN(const std::vector<Block> blocks, Blocks(plan, pool));
  graph.Line("h = torch.transpose(x, 1, 2)");
  for (size_t i = 0; i < blocks.size(); ++i) {
    WriteBlock(absl::StrCat("blocks.", i), blocks[i], /*transposed=*/false, graph);
    graph.Line("h = torch.relu(h)");
    if (pool > 1) graph.Line(absl::StrCat("h = torch.max_pool1d(h, [", pool, "])"));
    graph.Dropout(plan.model.dropout);
  }
  graph.Line("h = torch.mean(h, [2])");
  graph.Linear("head", blocks.back().outputs, plan.outputs());
  return absl::OkStatus();
}

absl::Status WriteConvolutionalAutoencoder(const Plan& plan, GraphWriter& graph) {
  MR_ASSIGN_OR_RETURN(const std::vector<Block> blocks, Blocks(plan, /*pool=*/1));
  graph.Line("h = torch.transpose(x, 1, 2)");
  for (size_t i = 0; i < blocks.size(); ++i) {
    WriteBlock(absl::StrCat("encoder.", i), blocks[i], /*transposed=*/false, graph);
    graph.Line("h = torch.relu(h)");
    graph.Dropout(plan.model.dropout);
  }
  for (size_t i = blocks.size(); i > 0; --i) {
    WriteBlock(absl::StrCat("decoder.", blocks.size() - i), blocks[i - 1], /*transposed=*/true,
               graph);
    if (i == 1) break;  // the reconstruction itself is linear
    graph.Line("h = torch.relu(h)");
    graph.Dropout(plan.model.dropout);
  }
  graph.Line("h = torch.transpose(h, 1, 2)");
  return absl::OkStatus();
}

}  // namespace millrace
