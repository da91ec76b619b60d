// SPDX-License-Identifier: Apache-2.0
#include <torch/torch.h>

#include "models/torch/gate_math.h"
#include "models/torch/recurrent_layers.h"

namespace millrace {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

/// One step, `rows` rows. `gates` [rows, 4 units] turns from what goes into i, f, g, o into what
/// comes out of them.
MR_VECTOR_CLONES void LstmStep(int64_t rows, int64_t units, float* __restrict gates,
                               const float* __restrict cells_before, float* __restrict cells_after,
                               float* __restrict states_after) {
  for (int64_t row = 0; row < rows; ++row) {
    float* i = gates + row * 4 * units;
    float* f = i + units;
    float* g = f + units;
    float* o = g + units;
    const float* c = cells_before + row * units;
    float* cell_out = cells_after + row * units;
    float* state_out = states_after + row * units;
#pragma GCC ivdep
    for (int64_t u = 0; u < units; ++u) {
      const float input = GateSigmoid(i[u]);
      const float forget = GateSigmoid(f[u]);
      const float candidate = GateTanh(g[u]);
      const float output = GateSigmoid(o[u]);
      const float cell = forget * c[u] + input * candidate;
      cell_out[u] = cell;
      state_out[u] = output * GateTanh(cell);
      i[u] = input;
      f[u] = forget;
      g[u] = candidate;
      o[u] = output;
    }
  }
}

/// The derivative of one step. `d_state` is dL/dh'; `d_cell` dL/dc' from later steps on entry and
/// dL/dc on return; `gates` turns from the gates' values into dL/d(what goes into them).
MR_VECTOR_CLONES void LstmStepBackward(int64_t rows, int64_t units, float* __restrict gates,
                                       const float* __restrict cells_before,
                                       const float* __restrict cells_after,
                                       const float* __restrict d_state, float* __restrict d_cell) {
  for (int64_t row = 0; row < rows; ++row) {
    float* i = gates + row * 4 * units;
    float* f = i + units;
    float* g = f + units;
    float* o = g + units;
    const float* before = cells_before + row * units;
    const float* after = cells_after + row * units;
    const float* dh = d_state + row * units;
    float* dc = d_cell + row * units;
#pragma GCC ivdep
    for (int64_t u = 0; u < units; ++u) {
      const float squashed = GateTanh(after[u]);
      const float cell = dc[u] + dh[u] * o[u] * (1 - squashed * squashed);
      const float output = dh[u] * squashed * o[u] * (1 - o[u]);
      const float input = cell * g[u] * i[u] * (1 - i[u]);
      const float candidate = cell * i[u] * (1 - g[u] * g[u]);
      dc[u] = cell * f[u];
      f[u] = cell * before[u] * f[u] * (1 - f[u]);
      i[u] = input;
      g[u] = candidate;
      o[u] = output;
    }
  }
}

struct LstmPass {
  Tensor states;  // [steps, batch, units]
  Tensor cells;   // [steps, batch, units]
  Tensor gates;   // [steps, batch, 4 units]: i, f, g, o
};

/// Weights and x contiguous, without autograd.
LstmPass RunLstm(const Tensor& x, const Tensor& w_ih, const Tensor& w_hh, const Tensor& b_ih,
                 const Tensor& b_hh) {
  const int64_t steps = x.size(0);
  const int64_t batch = x.size(1);
  const int64_t units = w_hh.size(1);
  const Tensor gates = torch::addmm(b_ih + b_hh, x.view({steps * batch, x.size(2)}), w_ih.t())
                           .view({steps, batch, 4 * units});
  const Tensor states = torch::empty({steps, batch, units}, x.options());
  const Tensor cells = torch::empty({steps, batch, units}, x.options());
  const Tensor w_hh_t = w_hh.t();
  const Tensor zeros = torch::zeros({batch, units}, x.options());
  for (int64_t t = 0; t < steps; ++t) {
    Tensor step = gates.select(0, t);
    if (t > 0) step.addmm_(states.select(0, t - 1), w_hh_t);
    const Tensor before = t > 0 ? cells.select(0, t - 1) : zeros;
    LstmStep(batch, units, step.data_ptr<float>(), before.data_ptr<float>(),
             cells.data_ptr<float>() + t * batch * units,
             states.data_ptr<float>() + t * batch * units);
  }
  return {states, cells, gates};
}

struct LstmFunction : torch::autograd::Function<LstmFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& w_ih,
                        const Tensor& w_hh, const Tensor& b_ih, const Tensor& b_hh) {
    const LstmPass pass = RunLstm(x, w_ih, w_hh, b_ih, b_hh);
    context->save_for_backward({x, w_ih, w_hh, pass.states, pass.cells, pass.gates});
    context->saved_data["input_needs_gradient"] = x.requires_grad();
    return pass.states;
  }

  static tensor_list backward(AutogradContext* context, tensor_list outputs) {
    const tensor_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &w_ih = saved[1], &w_hh = saved[2], &states = saved[3],
                 &cells = saved[4];
    const Tensor gates = saved[5].clone();  // turns into its own derivative; backward may run twice
    const Tensor d_states = outputs[0].contiguous();
    const int64_t steps = x.size(0);
    const int64_t batch = x.size(1);
    const int64_t units = w_hh.size(1);
    const Tensor zeros = torch::zeros({batch, units}, x.options());
    Tensor d_state = torch::zeros({batch, units}, x.options());
    Tensor d_cell = torch::zeros({batch, units}, x.options());
    for (int64_t t = steps - 1; t >= 0; --t) {
      d_state.add_(d_states.select(0, t));
      const Tensor step = gates.select(0, t);
      const Tensor before = t > 0 ? cells.select(0, t - 1) : zeros;
      LstmStepBackward(batch, units, step.data_ptr<float>(), before.data_ptr<float>(),
                       cells.data_ptr<float>() + t * batch * units, d_state.data_ptr<float>(),
                       d_cell.data_ptr<float>());
      torch::mm_out(d_state, step, w_hh);
    }
    const Tensor d_gates = gates.view({steps * batch, 4 * units});
    // The first step's state is 0 and adds nothing.
    const Tensor d_w_hh =
        torch::mm(d_gates.narrow(0, batch, (steps - 1) * batch).t(),
                  states.view({steps * batch, units}).narrow(0, 0, (steps - 1) * batch));
    Tensor d_x;
    if (context->saved_data["input_needs_gradient"].toBool()) {
      d_x = torch::mm(d_gates, w_ih).view(x.sizes());
    }
    const Tensor d_bias = d_gates.sum(0);
    return {d_x, torch::mm(d_gates.t(), x.view({steps * batch, x.size(2)})), d_w_hh, d_bias,
            d_bias};
  }
};

}  // namespace

Tensor LstmLayer(const Tensor& x, const Tensor& w_ih, const Tensor& w_hh, const Tensor& b_ih,
                 const Tensor& b_hh) {
  CheckRecurrentShapes(x, w_ih, w_hh, b_ih, b_hh, /*gates=*/4);
  if (!x.is_cpu() || x.scalar_type() != torch::kFloat32) {
    const Tensor start = torch::zeros({1, x.size(1), w_hh.size(1)}, x.options());
    return std::get<0>(torch::lstm(x, {start, start}, {w_ih, w_hh, b_ih, b_hh}, /*has_biases=*/true,
                                   /*num_layers=*/1, /*dropout=*/0, /*train=*/false,
                                   /*bidirectional=*/false, /*batch_first=*/false));
  }
  if (!torch::GradMode::is_enabled()) {
    return RunLstm(x.contiguous(), w_ih, w_hh, b_ih, b_hh).states;
  }
  return LstmFunction::apply(x.contiguous(), w_ih, w_hh, b_ih, b_hh);
}

}  // namespace millrace
