// SPDX-License-Identifier: Apache-2.0
#include "client/inference/recorded_rows.h"

#include <gmock/gmock.h>

namespace millrace {
namespace {

constexpr int64_t kTenthOfASecond = 100'000'000;

MachineConfig RecordedPump() {
  MachineConfig kind;
  kind.rate_hz = 10;
  kind.channels = {{.name = "speed", .unit = "", .rate_hz = 10, .rules = {}},
                   {.name = "current", .unit = "A", .rate_hz = 10, .rules = {}}};
  return kind;
}

/// In the order of a time when there was another channel.
StoredRows RowsOfThePump(std::vector<std::string> units, int64_t period_ns = kTenthOfASecond) {
  StoredRows rows;
  rows.channels = {"flow", "current", "speed"};
  rows.period_ns = period_ns;
  rows.units = std::move(units);
  return rows;
}

TEST(RecordedRowsTest, OfAnotherRateAreNotAsNow) {
  EXPECT_TRUE(AreAsNow(RowsOfThePump({}), RecordedPump()));
  EXPECT_FALSE(AreAsNow(RowsOfThePump({}, kTenthOfASecond / 2), RecordedPump()));
}

TEST(RecordedRowsTest, OfAChannelInAnotherUnitAreNotAsNow) {
  EXPECT_TRUE(AreAsNow(RowsOfThePump({"l/min", "A", "rpm"}), RecordedPump()));
  EXPECT_TRUE(AreAsNow(RowsOfThePump({"l/min", "", ""}), RecordedPump())) << "nobody says";
  EXPECT_FALSE(AreAsNow(RowsOfThePump({"", "mA", ""}), RecordedPump()));
}

}  // namespace
}  // namespace millrace
