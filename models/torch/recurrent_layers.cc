// SPDX-License-Identifier: Apache-2.0
#include "models/torch/recurrent_layers.h"

#include <torch/torch.h>

namespace millrace {

void CheckRecurrentShapes(const torch::Tensor& x, const torch::Tensor& w_ih,
                          const torch::Tensor& w_hh, const torch::Tensor& b_ih,
                          const torch::Tensor& b_hh, int64_t gates) {
  TORCH_CHECK(x.dim() == 3 && x.size(0) >= 1, "recurrent layer: x is ", x.sizes(),
              ", not [steps, batch, inputs] with a step");
  TORCH_CHECK(w_ih.dim() == 2 && w_hh.dim() == 2 && b_ih.dim() == 1 && b_hh.dim() == 1 &&
                  w_hh.size(0) == gates * w_hh.size(1) && w_ih.size(0) == w_hh.size(0) &&
                  w_ih.size(1) == x.size(2) && b_ih.size(0) == w_hh.size(0) &&
                  b_hh.size(0) == w_hh.size(0),
              "recurrent layer: weights ", w_ih.sizes(), ", ", w_hh.sizes(), ", ", b_ih.sizes(),
              ", ", b_hh.sizes(), " do not fit one another and x ", x.sizes());
  for (const torch::Tensor* weight : {&w_ih, &w_hh, &b_ih, &b_hh}) {
    TORCH_CHECK(weight->scalar_type() == x.scalar_type() && weight->device() == x.device(),
                "recurrent layer: weights and x differ in type or device");
  }
}

}  // namespace millrace
