// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/local_file.h"

namespace millrace {
namespace {

// The numbers are a contract with scripts: they stand here once more, on purpose.
int CodeOf(const absl::Status& status) { return static_cast<int>(ExitCodeOf(status)); }
int CodeOf(v1::RunPhase phase) { return static_cast<int>(ExitCodeOf(phase)); }

TEST(CliExitCode, OkIsZeroAndUsageIsOne) {
  EXPECT_EQ(CodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(static_cast<int>(ExitCode::kUsage), 1);
}

TEST(CliExitCode, ARefusalIsTwo) {
  EXPECT_EQ(CodeOf(absl::InvalidArgumentError("")), 2);
  EXPECT_EQ(CodeOf(absl::FailedPreconditionError("")), 2);
  EXPECT_EQ(CodeOf(absl::AlreadyExistsError("")), 2);
  EXPECT_EQ(CodeOf(absl::DataLossError("")), 2);
  EXPECT_EQ(CodeOf(absl::InternalError("")), 2);
}

TEST(CliExitCode, AnUnreachableCoordinatorIsThree) {
  EXPECT_EQ(CodeOf(absl::UnavailableError("")), 3);
  EXPECT_EQ(CodeOf(absl::DeadlineExceededError("")), 3);
  EXPECT_EQ(CodeOf(absl::CancelledError("")), 3);
}

TEST(CliExitCode, NotFoundIsFour) { EXPECT_EQ(CodeOf(absl::NotFoundError("")), 4); }

TEST(CliExitCode, AFailedRunIsFiveAndAStoppedOneSix) {
  EXPECT_EQ(CodeOf(v1::RUN_PHASE_FINISHED), 0);
  EXPECT_EQ(CodeOf(v1::RUN_PHASE_FAILED), 5);
  EXPECT_EQ(CodeOf(v1::RUN_PHASE_STOPPED), 6);
}

TEST(CliExitCode, NoPermissionIsSeven) {
  EXPECT_EQ(CodeOf(absl::PermissionDeniedError("")), 7);
  EXPECT_EQ(CodeOf(absl::UnauthenticatedError("")), 7);
}

TEST(CliExitCode, AFaultOfTheOwnDiskIsNotTakenForTheCoordinators) {
  EXPECT_EQ(CodeOf(LocalStatus(absl::UnavailableError("read x: I/O error"))), 2);
  EXPECT_EQ(CodeOf(LocalStatus(absl::NotFoundError("open x"))), 4);
}

}  // namespace
}  // namespace millrace
