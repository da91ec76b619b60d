// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <span>

#include "models/dataset.h"

namespace millrace {

struct Batch {
  torch::Tensor inputs;   // float32 [n, window, channels]
  torch::Tensor targets;  // float32 [n]
};

/// Gathers examples into memory that is allocated once. A batch is valid until the next Load: its
/// backward pass must be over by then.
class BatchLoader {
 public:
  /// `data` outlives the loader.
  BatchLoader(const Dataset* data, int64_t batch_size, torch::Device device);

  /// `indices`: at most `batch_size` examples of the data set.
  Batch Load(std::span<const int64_t> indices);

 private:
  const Dataset* data_;
  torch::Device device_;
  torch::Tensor inputs_;   // [batch_size, window, channels], on the host
  torch::Tensor targets_;  // [batch_size], on the host
};

}  // namespace millrace
