// SPDX-License-Identifier: Apache-2.0
#include "models/torch/batches.h"

namespace millrace {

BatchLoader::BatchLoader(const Dataset* data, int64_t batch_size, torch::Device device)
    : data_(data), device_(device) {
  // Page-locked memory lets the copy to a GPU run while the host goes on.
  const torch::TensorOptions options =
      torch::TensorOptions(torch::kFloat32).pinned_memory(device.is_cuda());
  inputs_ = torch::empty({batch_size, data->window, data->channels}, options);
  targets_ = torch::empty({batch_size}, options);
}

Batch BatchLoader::Load(std::span<const int64_t> indices) {
  const auto n = static_cast<int64_t>(indices.size());
  const int64_t example_size = data_->window * data_->channels;
  data_->Gather(indices, std::span(inputs_.data_ptr<float>(), n * example_size),
                std::span(targets_.data_ptr<float>(), n));
  Batch batch{inputs_, targets_};
  if (n < inputs_.size(0)) batch = {inputs_.narrow(0, 0, n), targets_.narrow(0, 0, n)};
  if (!device_.is_cpu()) {
    batch.inputs = batch.inputs.to(device_, /*non_blocking=*/true);
    batch.targets = batch.targets.to(device_, /*non_blocking=*/true);
  }
  return batch;
}

}  // namespace millrace
