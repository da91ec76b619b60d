// SPDX-License-Identifier: Apache-2.0
#include "base/patient_start.h"

#include <gmock/gmock.h>

#include <vector>

#include "base/retry_after.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsStatus;

class PatientStart : public ::testing::Test {
 protected:
  /// Starts that end one after the other as `ends` says.
  absl::Status Start(const std::vector<absl::Status>& ends) {
    size_t next = 0;
    return StartPatiently([&] { return ends.at(next++); },
                          [&](absl::Duration delay) {
                            pauses_.push_back(delay);
                            return pauses_.size() < stop_after_;
                          });
  }

  std::vector<absl::Duration> pauses_;
  size_t stop_after_ = 100;
};

TEST_F(PatientStart, WaitsForSpaceOnTheDisk) {
  MR_EXPECT_OK(Start({absl::ResourceExhaustedError("full"), absl::ResourceExhaustedError("full"),
                      absl::OkStatus()}));
  EXPECT_THAT(pauses_, ElementsAre(absl::Seconds(5), absl::Seconds(5)));
}

TEST_F(PatientStart, WaitsAsLongAsItIsToldButLooksAgainSoon) {
  const absl::Status early = absl::FailedPreconditionError("not valid before tomorrow");
  MR_EXPECT_OK(Start({WithRetryAfter(early, absl::Minutes(30)),
                      WithRetryAfter(early, absl::Seconds(2)), absl::OkStatus()}));
  EXPECT_THAT(pauses_, ElementsAre(absl::Seconds(10), absl::Seconds(2)));
}

TEST_F(PatientStart, WhatDoesNotPassByItselfIsReturnedAtOnce) {
  EXPECT_THAT(Start({absl::FailedPreconditionError("expired")}),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("expired")));
  EXPECT_THAT(pauses_, IsEmpty());
}

TEST_F(PatientStart, EndsWhenTheProcessIsToEnd) {
  stop_after_ = 1;
  EXPECT_THAT(Start({absl::ResourceExhaustedError("full")}),
              IsStatus(absl::StatusCode::kCancelled, HasSubstr("full")));
}

}  // namespace
}  // namespace millrace
