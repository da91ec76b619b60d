// SPDX-License-Identifier: Apache-2.0
#include "client/live/read_modbus_source.h"

#include <set>
#include <utility>

#include "client/live/source_keys.h"

namespace millrace {
namespace {

RegisterPoint ReadPoint(TomlTable& table) {
  constexpr NamedValue<RegisterTable> kTables[] = {{"holding", RegisterTable::kHolding},
                                                   {"input", RegisterTable::kInput},
                                                   {"coil", RegisterTable::kCoil},
                                                   {"discrete", RegisterTable::kDiscrete}};
  constexpr NamedValue<RegisterType> kTypes[] = {
      {"int16", RegisterType::kInt16},     {"uint16", RegisterType::kUint16},
      {"int32", RegisterType::kInt32},     {"uint32", RegisterType::kUint32},
      {"float32", RegisterType::kFloat32}, {"float64", RegisterType::kFloat64},
      {"bit", RegisterType::kBit}};
  constexpr NamedValue<bool> kOrders[] = {{"big", false}, {"little", true}};
  constexpr int64_t kAddresses = 65536;
  RegisterPoint point;
  table.Require("channel", "what the value is called");
  table.NonEmptyString("channel", &point.channel);
  table.Enum("table", kTables, &point.table);
  table.Require("address", "of the first register, from 0");
  if (IsBitTable(point.table)) {
    point.type = RegisterType::kBit;
    for (const char* const key : {"type", "bit", "word_order", "byte_order"}) {
      table.Forbid(key, "coils and discrete inputs are single bits; remove it");
    }
  } else {
    table.Require("type", "of the registers: int16, uint16, int32, uint32, float32, float64, bit");
    table.Enum("type", kTypes, &point.type);
    table.Enum("word_order", kOrders, &point.low_word_first);
    table.Enum("byte_order", kOrders, &point.swap_bytes);
    if (point.type == RegisterType::kBit) {
      table.Int("bit", {0, 15}, &point.bit);
    } else {
      table.Forbid("bit", "belongs to type = \"bit\"; remove it");
    }
  }
  table.Int("address", {0, kAddresses - WidthOf(point)}, &point.address);
  table.Double("scale", {}, &point.scale);
  table.Double("offset", {}, &point.offset);
  return point;
}

}  // namespace

ModbusConfig ReadModbusConfig(TomlTable table) {
  ModbusConfig config;
  table.Require("host", "the device's");
  table.NonEmptyString("host", &config.host);
  table.Int("port", {1, 65535}, &config.port);
  table.Int("unit", {0, 255}, &config.unit);
  table.Require("machine", "whose channels the registers are");
  table.NonEmptyString("machine", &config.machine);
  table.Double("period_s", {.min = 0.01, .max = kLongestSeconds}, &config.period_s);
  table.Double("timeout_s", {.min = 0.01, .max = 60}, &config.timeout_s);
  table.Require("register", "at least one [[source.register]]");
  std::set<std::string> channels;
  for (TomlTable& entry : table.Tables("register")) {
    config.points.push_back(ReadPoint(entry));
    if (!channels.insert(config.points.back().channel).second) {
      entry.Refuse("channel", "another register has it");
    }
  }
  return config;
}

}  // namespace millrace
