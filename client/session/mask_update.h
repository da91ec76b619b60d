// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>

#include "absl/status/status.h"
#include "aggregation/secure/masked_vector.h"
#include "base/file_system.h"
#include "base/life_sign.h"
#include "plan/plan.h"

namespace millrace {

/// Writes to `masked` what may leave the site of the update in `clear` (float32 delta and
/// statistics): the words of `shape` under `masks`, piece by piece. INVALID_ARGUMENT for an update
/// that has another length or is not finite, and for a weight that is no whole number from 1 to the
/// plan's max_weight, or not 1 where the plan weighs sites equally. `heart`, if there is one, beats
/// with every piece.
absl::Status MaskUpdate(const Plan& plan, const MaskedShape& shape, double weight,
                        std::span<const Mask> masks, File* clear, File* masked,
                        Heartbeat* heart = nullptr);

}  // namespace millrace
