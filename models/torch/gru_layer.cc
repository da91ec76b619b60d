// SPDX-License-Identifier: Apache-2.0
#include <torch/torch.h>

#include "models/torch/gate_math.h"
#include "models/torch/recurrent_layers.h"

namespace millrace {
namespace {

using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

/// One step, `rows` rows. On entry `gates` [rows, 3 units] is the input's share of r, z, n and
/// `recurrent` [rows, 3 units] the state's; on return `gates` holds r, z, n themselves and `shares`
/// [rows, units] the state's share of n, which the derivative needs.
MR_VECTOR_CLONES void GruStep(int64_t rows, int64_t units, float* __restrict gates,
                              const float* __restrict recurrent, const float* __restrict before,
                              float* __restrict shares, float* __restrict after) {
  for (int64_t row = 0; row < rows; ++row) {
    float* r = gates + row * 3 * units;
    float* z = r + units;
    float* n = z + units;
    const float* hr = recurrent + row * 3 * units;
    const float* hz = hr + units;
    const float* hn = hz + units;
    const float* h = before + row * units;
    float* share = shares + row * units;
    float* out = after + row * units;
#pragma GCC ivdep
    for (int64_t u = 0; u < units; ++u) {
      const float reset = GateSigmoid(r[u] + hr[u]);
      const float update = GateSigmoid(z[u] + hz[u]);
      const float candidate = GateTanh(n[u] + reset * hn[u]);
      share[u] = hn[u];
      out[u] = candidate + update * (h[u] - candidate);
      r[u] = reset;
      z[u] = update;
      n[u] = candidate;
    }
  }
}

/// The derivative of one step. `state` [rows, units] is dL/dh' on entry and the part of dL/dh that
/// does not pass through the gates on return. `gates` turns from r, z, n into dL/d(their input's
/// share), and `recurrent` becomes dL/d(their state's share).
MR_VECTOR_CLONES void GruStepBackward(int64_t rows, int64_t units, float* __restrict gates,
                                      const float* __restrict shares,
                                      const float* __restrict before, float* __restrict state,
                                      float* __restrict recurrent) {
  for (int64_t row = 0; row < rows; ++row) {
    float* r = gates + row * 3 * units;
    float* z = r + units;
    float* n = z + units;
    const float* share = shares + row * units;
    const float* h = before + row * units;
    float* d = state + row * units;
    float* dr = recurrent + row * 3 * units;
    float* dz = dr + units;
    float* dn = dz + units;
#pragma GCC ivdep
    for (int64_t u = 0; u < units; ++u) {
      const float candidate = d[u] * (1 - z[u]) * (1 - n[u] * n[u]);
      const float update = d[u] * (h[u] - n[u]) * z[u] * (1 - z[u]);
      const float reset = candidate * share[u] * r[u] * (1 - r[u]);
      d[u] *= z[u];
      dn[u] = candidate * r[u];
      dz[u] = update;
      dr[u] = reset;
      n[u] = candidate;
      z[u] = update;
      r[u] = reset;
    }
  }
}

struct GruPass {
  Tensor states;  // [steps, batch, units]
  Tensor gates;   // [steps, batch, 3 units]: r, z, n
  Tensor shares;  // [steps, batch, units], or one step's where no derivative will be asked for
};

/// Weights and x contiguous, without autograd.
GruPass RunGru(const Tensor& x, const Tensor& w_ih, const Tensor& w_hh, const Tensor& b_ih,
               const Tensor& b_hh, bool keep_shares) {
  const int64_t steps = x.size(0);
  const int64_t batch = x.size(1);
  const int64_t units = w_hh.size(1);
  const Tensor gates = torch::addmm(b_ih, x.view({steps * batch, x.size(2)}), w_ih.t())
                           .view({steps, batch, 3 * units});
  const Tensor states = torch::empty({steps, batch, units}, x.options());
  const Tensor shares = torch::empty({keep_shares ? steps : 1, batch, units}, x.options());
  const Tensor w_hh_t = w_hh.t();
  Tensor recurrent = torch::empty({batch, 3 * units}, x.options());
  Tensor before = torch::zeros({batch, units}, x.options());
  for (int64_t t = 0; t < steps; ++t) {
    torch::addmm_out(recurrent, b_hh, before, w_hh_t);
    const Tensor after = states.select(0, t);
    GruStep(batch, units, gates.data_ptr<float>() + t * batch * 3 * units,
            recurrent.data_ptr<float>(), before.data_ptr<float>(),
            shares.data_ptr<float>() + (keep_shares ? t * batch * units : 0),
            after.data_ptr<float>());
    before = after;
  }
  return {states, gates, shares};
}

struct GruFunction : torch::autograd::Function<GruFunction> {
  static Tensor forward(AutogradContext* context, const Tensor& x, const Tensor& w_ih,
                        const Tensor& w_hh, const Tensor& b_ih, const Tensor& b_hh) {
    const GruPass pass = RunGru(x, w_ih, w_hh, b_ih, b_hh, /*keep_shares=*/true);
    context->save_for_backward({x, w_ih, w_hh, pass.states, pass.gates, pass.shares});
    context->saved_data["input_needs_gradient"] = x.requires_grad();
    return pass.states;
  }

  static tensor_list backward(AutogradContext* context, tensor_list outputs) {
    const tensor_list saved = context->get_saved_variables();
    const Tensor &x = saved[0], &w_ih = saved[1], &w_hh = saved[2], &states = saved[3];
    const Tensor gates = saved[4].clone();  // turns into its own derivative; backward may run twice
    const Tensor& shares = saved[5];
    const Tensor d_states = outputs[0].contiguous();
    const int64_t steps = x.size(0);
    const int64_t batch = x.size(1);
    const int64_t units = w_hh.size(1);
    const Tensor d_recurrent = torch::empty_like(gates);
    const Tensor zeros = torch::zeros({batch, units}, x.options());
    Tensor d_state = torch::zeros({batch, units}, x.options());
    for (int64_t t = steps - 1; t >= 0; --t) {
      d_state.add_(d_states.select(0, t));
      const Tensor before = t > 0 ? states.select(0, t - 1) : zeros;
      const Tensor d_step = d_recurrent.select(0, t);
      GruStepBackward(batch, units, gates.data_ptr<float>() + t * batch * 3 * units,
                      shares.data_ptr<float>() + t * batch * units, before.data_ptr<float>(),
                      d_state.data_ptr<float>(), d_step.data_ptr<float>());
      d_state.addmm_(d_step, w_hh);
    }
    const Tensor d_gates = gates.view({steps * batch, 3 * units});
    const Tensor d_hh = d_recurrent.view({steps * batch, 3 * units});
    // The first step's state is 0 and adds nothing.
    const Tensor d_w_hh =
        torch::mm(d_hh.narrow(0, batch, (steps - 1) * batch).t(),
                  states.view({steps * batch, units}).narrow(0, 0, (steps - 1) * batch));
    Tensor d_x;
    if (context->saved_data["input_needs_gradient"].toBool()) {
      d_x = torch::mm(d_gates, w_ih).view(x.sizes());
    }
    return {d_x, torch::mm(d_gates.t(), x.view({steps * batch, x.size(2)})), d_w_hh, d_gates.sum(0),
            d_hh.sum(0)};
  }
};

}  // namespace

Tensor GruLayer(const Tensor& x, const Tensor& w_ih, const Tensor& w_hh, const Tensor& b_ih,
                const Tensor& b_hh) {
  CheckRecurrentShapes(x, w_ih, w_hh, b_ih, b_hh, /*gates=*/3);
  if (!x.is_cpu() || x.scalar_type() != torch::kFloat32) {
    const Tensor start = torch::zeros({1, x.size(1), w_hh.size(1)}, x.options());
    return std::get<0>(torch::gru(x, start, {w_ih, w_hh, b_ih, b_hh}, /*has_biases=*/true,
                                  /*num_layers=*/1, /*dropout=*/0, /*train=*/false,
                                  /*bidirectional=*/false, /*batch_first=*/false));
  }
  if (!torch::GradMode::is_enabled()) {
    return RunGru(x.contiguous(), w_ih, w_hh, b_ih, b_hh, /*keep_shares=*/false).states;
  }
  return GruFunction::apply(x.contiguous(), w_ih, w_hh, b_ih, b_hh);
}

}  // namespace millrace
