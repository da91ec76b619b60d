// SPDX-License-Identifier: Apache-2.0
// A block as the payload of a message. Pure functions.
#pragma once

#include <string>

#include "scripts/plant_simulator/plant_feed.h"

namespace millrace {

/// {"timestamp": Unix time of the first row in us, "speed_rpm": 1502.1, ...}, or with arrays where
/// the block has several rows: what a source with format = "json" and channels_in_payload = true
/// reads. A channel that lacks a value in it is left out, or has null in the array.
std::string JsonPayload(const PlantBlock& block);

/// Unix time of the first row in ns (int64), then float32 values, the channels in turn, all little
/// endian: format = "raw", header = "unix_ns".
std::string RawPayload(const PlantBlock& block);

}  // namespace millrace
