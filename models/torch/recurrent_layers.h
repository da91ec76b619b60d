// SPDX-License-Identifier: Apache-2.0
// One recurrent layer over a whole sequence as one operator with its own derivative. torch.gru and
// torch.lstm dispatch some ten operators per step and keep all their results; these run one matrix
// product and one fused loop per step.
//
// x: float32 [steps, batch, inputs], initial state 0; returns the states [steps, batch, units].
// Weights as torch.nn keeps them: w_ih [gates * units, inputs], w_hh [gates * units, units] and the
// biases [gates * units]. Off the CPU and for other types they are torch.gru and torch.lstm.
// Differentiable once.
#pragma once

#include <torch/types.h>

#include <cstdint>

namespace millrace {

/// Throws c10::Error unless the shapes fit one another and there is a step. A graph from a package
/// may call the layers with anything.
void CheckRecurrentShapes(const torch::Tensor& x, const torch::Tensor& w_ih,
                          const torch::Tensor& w_hh, const torch::Tensor& b_ih,
                          const torch::Tensor& b_hh, int64_t gates);

/// Gates r, z, n:  r = s(W_ir x + b_ir + W_hr h + b_hr),  z likewise,
/// n = tanh(W_in x + b_in + r (W_hn h + b_hn)),  h' = (1 - z) n + z h   (Cho et al. 2014).
torch::Tensor GruLayer(const torch::Tensor& x, const torch::Tensor& w_ih, const torch::Tensor& w_hh,
                       const torch::Tensor& b_ih, const torch::Tensor& b_hh);

/// Gates i, f, g, o:  c' = s(f) c + s(i) tanh(g),  h' = s(o) tanh(c')
/// (Hochreiter and Schmidhuber 1997, Gers et al. 2000).
torch::Tensor LstmLayer(const torch::Tensor& x, const torch::Tensor& w_ih,
                        const torch::Tensor& w_hh, const torch::Tensor& b_ih,
                        const torch::Tensor& b_hh);

}  // namespace millrace
