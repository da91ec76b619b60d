// SPDX-License-Identifier: Apache-2.0
// The clock of a running daemon's machine is set by a day, forward and back.
#include <gmock/gmock.h>

#include <limits>
#include <string>

#include "absl/strings/match.h"
#include "absl/time/clock.h"
#include "base/file_system.h"
#include "client/store/store_reader.h"
#include "tests/fault/watched_plant.h"
#include "tests/testing/eventually.h"
#include "tests/testing/stepped_clock.h"

namespace millrace {
namespace {

using testing::Eventually;
using testing::SteppedClock;

class LiveClockTest : public ::testing::Test {
 protected:
  /// Sets the clock so far ahead of what it should be; the pump is judged then, as of that day, and
  /// its heart beats.
  bool GoesOnWith(absl::Duration ahead) {
    clock_.Set(ahead);
    return Eventually([&] {
      plant_.GoOn();
      const absl::Duration off = plant_.JudgedNormalAt() - (absl::Now() + ahead);
      return absl::AbsDuration(off) < absl::Hours(1) &&
             absl::StrContains(plant_.Get("/heartbeat/pump-1"), "\"alive\":true");
    });
  }
  int64_t RowsOnDisk() const {
    int64_t count = 0;
    const auto store = StoreReader::Open(PosixFileSystem(), plant_.state() + "/recordings");
    if (!store.ok()) return 0;
    store->Read("pump-1", 0, std::numeric_limits<int64_t>::max(),
                [&](const StoredRows& rows) { count += rows.rows(); });
    return count;
  }

  SteppedClock clock_;
  const std::string program_ = clock_.Under(MILLRACE_CLIENT);
  WatchedPlant plant_{"[store]\n"};
};

TEST_F(LiveClockTest, ThatIsSetByADayCostsNeitherVerdictsNorTheHeart) {
  plant_.Start(program_);
  for (const int hours : {0, 24, 0, -24, 0}) {
    EXPECT_TRUE(GoesOnWith(absl::Hours(hours))) << hours << plant_.daemon().Log();
  }
}

TEST_F(LiveClockTest, ThatIsADayOffAtAStartCostsNoRecordings) {
  plant_.Start(program_);
  int64_t recorded = 0;
  for (const int hours : {24, -24}) {
    ASSERT_TRUE(plant_.IsRecordedFor(10)) << plant_.daemon().Log();
    plant_.daemon().Kill();
    EXPECT_GT(RowsOnDisk(), recorded);
    recorded = RowsOnDisk();
    clock_.Set(absl::Hours(hours));
    plant_.Start(program_);
  }
  ASSERT_TRUE(plant_.IsRecordedFor(10)) << plant_.daemon().Log();
  EXPECT_EQ(plant_.Metric("millrace_store_removed_segments"), 0);
  EXPECT_GT(RowsOnDisk(), recorded) << "whatever day they were taken for";
}

}  // namespace
}  // namespace millrace
