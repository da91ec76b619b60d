// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "scripts/train/site.h"

namespace millrace {

/// Deals the units of all `sites` out to `count` new ones, like cards: unit k, in the order of the
/// sites and of their data, goes to site k mod count. INVALID_ARGUMENT if there are fewer units
/// than sites.
absl::StatusOr<std::vector<Site>> DealByUnit(std::span<const Site> sites, int64_t count);

}  // namespace millrace
