// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include "base/check.h"
#include "base/memory_file_system.h"
#include "client/operation/availability.h"
#include "client/operation/proxy_address.h"
#include "client/operation/transfer_pace.h"
#include "client/operation/weekly_window.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsStatus;
using ::testing::Not;

const absl::TimeZone kUtc = absl::UTCTimeZone();

/// A Monday is 2026-01-05.
absl::Time At(int day_of_january, int hour, int minute = 0) {
  return absl::FromCivil(absl::CivilMinute(2026, 1, day_of_january, hour, minute), kUtc);
}

/// Of a clock that has nothing to do with the date.
const absl::Time kStart = absl::UnixEpoch() + absl::Seconds(100);

bool Contains(absl::string_view window, absl::Time time) {
  return WeeklyWindow::Parse(window).value().Contains(time, kUtc);
}

TEST(WeeklyWindow, ContainsItsHoursOnItsDays) {
  EXPECT_TRUE(Contains("mon-fri 06:00-22:00", At(5, 6)));
  EXPECT_TRUE(Contains("mon-fri 06:00-22:00", At(9, 21, 59)));
  EXPECT_FALSE(Contains("mon-fri 06:00-22:00", At(9, 22)));
  EXPECT_FALSE(Contains("mon-fri 06:00-22:00", At(5, 5, 59)));
  EXPECT_FALSE(Contains("mon-fri 06:00-22:00", At(10, 12))) << "a Saturday";
}

TEST(WeeklyWindow, GoesOnPastMidnight) {
  EXPECT_TRUE(Contains("sun 23:30-00:30", At(4, 23, 30)));
  EXPECT_TRUE(Contains("sun 23:30-00:30", At(5, 0, 29)));
  EXPECT_FALSE(Contains("sun 23:30-00:30", At(5, 0, 30)));
  EXPECT_FALSE(Contains("sun 23:30-00:30", At(4, 0, 10))) << "of the night before";
}

TEST(WeeklyWindow, DaysMayBeAListOrGoAroundTheWeek) {
  for (const int day : {10, 11, 12}) EXPECT_TRUE(Contains("sat-mon 00:00-24:00", At(day, 23, 59)));
  EXPECT_FALSE(Contains("sat-mon 00:00-24:00", At(13, 0)));
  EXPECT_TRUE(Contains("tue,thu 10:00-11:00", At(8, 10)));
  EXPECT_FALSE(Contains("tue,thu 10:00-11:00", At(7, 10)));
  EXPECT_TRUE(Contains("daily 10:00-11:00", At(7, 10)));
}

TEST(WeeklyWindow, MeansTheSitesOwnTime) {
  const absl::TimeZone east = absl::FixedTimeZone(2 * 60 * 60);
  EXPECT_TRUE(WeeklyWindow::Parse("mon 00:00-01:00").value().Contains(At(4, 22, 30), east));
}

TEST(WeeklyWindow, AnythingElseIsRefusedWithItsForm) {
  for (const char* const text :
       {"", "mon", "06:00-07:00", "funday 06:00-07:00", "mon 6:00-7:00", "mon 06:00",
        "mon 06:00-06:00", "mon 24:00-06:00", "mon 06:00-24:01", "mon 06:60-07:00",
        "mon-tue-wed 06:00-07:00", "mon 06:00-07:00 x", "mon, 06:00-07:00", "mon -1:00-07:00"}) {
    EXPECT_THAT(WeeklyWindow::Parse(text).status(),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("mon-fri 06:00-22:00")))
        << text;
  }
}

class AvailabilityTest : public ::testing::Test {
 protected:
  AvailabilityTest() { MR_CHECK(files_.CreateDirectories("state").ok()); }

  MemoryFileSystem files_;
  Availability availability_{
      &files_, "state", {WeeklyWindow::Parse("sun 02:00-04:00").value()}, kUtc};
};

TEST_F(AvailabilityTest, SiteTakesWorkUnlessSomebodyObjects) {
  EXPECT_EQ(availability_.Objection(At(5, 12)), "");
  EXPECT_EQ(availability_.Objection(At(4, 3)), "maintenance at the site, sun 02:00-04:00");
}

TEST_F(AvailabilityTest, PauseLastsUntilItIsEnded) {
  MR_ASSERT_OK(PauseSite(&files_, "state", " press 7 is being rebuilt\n"));
  EXPECT_EQ(availability_.Objection(At(5, 12)), "paused at the site: press 7 is being rebuilt");
  MR_ASSERT_OK(PauseSite(&files_, "state", "still"));
  EXPECT_EQ(availability_.Objection(At(5, 12)), "paused at the site: still");
  MR_ASSERT_OK(ResumeSite(&files_, "state"));
  EXPECT_EQ(availability_.Objection(At(5, 12)), "");
  EXPECT_THAT(ResumeSite(&files_, "state"),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("not paused")));
}

TEST_F(AvailabilityTest, ReasonIsOneLine) {
  for (const std::string& reason :
       {std::string(), std::string(" \n"), std::string("a\nb"), std::string(201, 'x')}) {
    EXPECT_THAT(PauseSite(&files_, "state", reason),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("one line")));
  }
  EXPECT_EQ(availability_.Objection(At(5, 12)), "");
}

TEST_F(AvailabilityTest, PauseThatCannotBeReadIsAPause) {
  MR_ASSERT_OK(WriteFileDurably(&files_, "state/paused", std::string(5000, 'x')));
  EXPECT_EQ(availability_.Objection(At(5, 12)), "paused at the site");
}

TEST(ProxyAddress, IsAUrlWithAPort) {
  for (const char* good : {"http://proxy.plant:3128", "http://10.0.0.1:80/",
                           "http://user:p@ss@proxy:3128", "http://[fd00::1]:3128"}) {
    MR_EXPECT_OK(CheckProxyAddress(good)) << good;
  }
}

TEST(ProxyAddress, WhatIsNoneIsRefusedWithoutBeingRepeated) {
  for (const char* bad :
       {"", "proxy:3128", "https://proxy:3128", "http://proxy", "http://:3128",
        "http://proxy:", "http://proxy:port", "http://pro xy:3128",
        "http://us\"er:secret@proxy:3128", "http://proxy:3128/path", "http://proxy\n:3128"}) {
    EXPECT_THAT(CheckProxyAddress(bad),
                IsStatus(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("http://host:port"), Not(HasSubstr("secret")))))
        << bad;
  }
}

TEST(TransferPace, WithoutARateNothingWaits) {
  TransferPace pace({}, {}, kUtc);
  EXPECT_EQ(pace.AfterSending(1 << 30, At(5, 12), kStart), absl::ZeroDuration());
  EXPECT_EQ(pace.AfterReceiving(1 << 30, At(5, 12), kStart), absl::ZeroDuration());
}

TEST(TransferPace, DirectionsHaveTheirOwnRates) {
  TransferPace pace({.up = 1000, .down = 4000}, {}, kUtc);
  EXPECT_EQ(pace.AfterSending(5000, At(5, 12), kStart), absl::Seconds(4))
      << "one second's may come at once";
  EXPECT_EQ(pace.AfterReceiving(8000, At(5, 12), kStart), absl::Seconds(1));
}

TEST(TransferPace, HoursHaveTheirOwnRates) {
  TransferPace pace({.up = 0},
                    {{WeeklyWindow::Parse("mon-fri 06:00-22:00").value(), {.up = 1000}},
                     {WeeklyWindow::Parse("mon 00:00-24:00").value(), {.up = 1}}},
                    kUtc);
  EXPECT_EQ(pace.AfterSending(3000, At(5, 12), kStart), absl::Seconds(2)) << "the first that fits";
  EXPECT_EQ(pace.AfterSending(3000, At(6, 23), kStart), absl::ZeroDuration());
}

TEST(TransferPace, DateThatIsSetBackHoldsNothingUp) {
  TransferPace pace({.up = 1000}, {}, kUtc);
  EXPECT_EQ(pace.AfterSending(3000, At(5, 12), kStart), absl::Seconds(2));
  EXPECT_EQ(pace.AfterSending(1000, At(4, 12), kStart + absl::Seconds(2)), absl::Seconds(1));
}

}  // namespace
}  // namespace millrace
