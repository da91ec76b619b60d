// SPDX-License-Identifier: Apache-2.0
#include "base/status.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "absl/strings/cord.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;

TEST(AnnotateTest, LeavesOkAlone) { MR_EXPECT_OK(Annotate(absl::OkStatus(), "plan.toml")); }

TEST(AnnotateTest, PutsThePrefixInFrontAndKeepsTheCode) {
  EXPECT_EQ(Annotate(absl::NotFoundError("no such run"), "site press-7"),
            absl::NotFoundError("site press-7: no such run"));
}

TEST(AnnotateTest, KeepsPayloads) {
  absl::Status status = absl::AbortedError("late");
  status.SetPayload("millrace/round", absl::Cord("42"));
  EXPECT_EQ(Annotate(status, "site a").GetPayload("millrace/round"), absl::Cord("42"));
}

TEST(ErrnoStatusTest, MapsEachFamilyOfErrors) {
  const std::pair<int, absl::StatusCode> expected[] = {
      {ENOSPC, absl::StatusCode::kResourceExhausted},
      {EDQUOT, absl::StatusCode::kResourceExhausted},
      {EFBIG, absl::StatusCode::kResourceExhausted},
      {ENOENT, absl::StatusCode::kNotFound},
      {EEXIST, absl::StatusCode::kAlreadyExists},
      {EACCES, absl::StatusCode::kPermissionDenied},
      {EPERM, absl::StatusCode::kPermissionDenied},
      {EROFS, absl::StatusCode::kResourceExhausted},
      {EIO, absl::StatusCode::kUnavailable},
  };
  for (const auto& [error, code] : expected) {
    EXPECT_EQ(ErrnoStatus(error, "x").code(), code) << "errno " << error;
  }
}

TEST(ErrnoStatusTest, SaysWhatFailedAndWhy) {
  EXPECT_EQ(ErrnoStatus(ENOENT, "open /a/b").message(), "open /a/b: No such file or directory");
}

absl::StatusOr<int> Half(int n) {
  if (n % 2 != 0) return absl::InvalidArgumentError("odd");
  return n / 2;
}

absl::StatusOr<int> Quarter(int n) {
  MR_ASSIGN_OR_RETURN(const int half, Half(n));
  MR_ASSIGN_OR_RETURN(const int quarter, Half(half));
  return quarter;
}

absl::Status CheckEven(int n, bool* reached_the_end) {
  MR_RETURN_IF_ERROR(Half(n).status());
  *reached_the_end = true;
  return absl::OkStatus();
}

TEST(StatusMacrosTest, AssignOrReturnPassesValuesOn) {
  EXPECT_THAT(Quarter(12), testing::IsOkAndHolds(3));
}

TEST(StatusMacrosTest, AssignOrReturnReturnsTheFirstError) {
  EXPECT_THAT(Quarter(6), testing::IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("odd")));
}

TEST(StatusMacrosTest, ReturnIfErrorStopsOnlyAtAnError) {
  bool reached_the_end = false;
  EXPECT_FALSE(CheckEven(1, &reached_the_end).ok());
  EXPECT_FALSE(reached_the_end);
  MR_EXPECT_OK(CheckEven(2, &reached_the_end));
  EXPECT_TRUE(reached_the_end);
}

}  // namespace
}  // namespace millrace
