// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/live/register_map.h"

namespace millrace {

/// One device, asked over Modbus TCP. The protocol knows no encryption and no user.
struct ModbusConfig {
  std::string host;
  int64_t port = 502;
  int64_t unit = 1;
  std::string machine;
  double period_s = 1;
  double timeout_s = 1;
  std::vector<RegisterPoint> points;

  bool operator==(const ModbusConfig&) const = default;
};

}  // namespace millrace
