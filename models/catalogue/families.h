// SPDX-License-Identifier: Apache-2.0
// The catalogue's families. Each checks the keys of [model] that it uses and writes the graph from
// `x` [batch, window, channels] to `h`.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "models/catalogue/graph_writer.h"
#include "plan/plan.h"

namespace millrace {

/// Bounds on one hyperparameter; far above anything trainable at a site, low enough that no
/// product of a few of them overflows.
inline constexpr int64_t kMaxUnits = 1 << 16;
inline constexpr int64_t kMaxLayers = 256;

/// INVALID_ARGUMENT naming `key` unless it lies within [1, maximum].
absl::Status CheckWithin(absl::string_view key, int64_t value, int64_t maximum);
/// The same for every entry of a list, which must have one to kMaxLayers of them.
absl::Status CheckEntries(absl::string_view key, const std::vector<int64_t>& values,
                          int64_t maximum);

/// The flattened window through ReLU layers to a linear head.
absl::Status WriteMlp(const Plan& plan, GraphWriter& graph);
/// The flattened window through `hidden`, then through their mirror image back to a window.
absl::Status WriteDenseAutoencoder(const Plan& plan, GraphWriter& graph);

/// Blocks of convolution over time, ReLU and optional max-pooling; mean over time; a linear head.
absl::Status WriteCnn1d(const Plan& plan, GraphWriter& graph);
/// Strided convolutions over time, then transposed ones that restore the exact window.
absl::Status WriteConvolutionalAutoencoder(const Plan& plan, GraphWriter& graph);

/// Recurrent layers; the last step's state goes to a linear head.
absl::Status WriteRecurrent(const Plan& plan, GraphWriter& graph);

}  // namespace millrace
