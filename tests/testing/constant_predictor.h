// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/predictor.h"

namespace millrace::testing {

/// A model without LibTorch that gives `value` for each of a window's `width` outputs: a window's
/// reconstruction error is its values' mean distance from it.
class ConstantPredictor : public Predictor {
 public:
  ConstantPredictor(float value, int64_t width) : value_(value), width_(width) {}
  absl::Status Predict(std::span<const float>, std::span<float> outputs) override {
    std::ranges::fill(outputs, value_);
    return absl::OkStatus();
  }
  absl::StatusOr<Attribution> Attribute(std::span<const float>, std::span<const float>,
                                        int64_t) override {
    return absl::UnimplementedError("");
  }
  int64_t width() const override { return width_; }

 private:
  const float value_;
  const int64_t width_;
};

}  // namespace millrace::testing
