// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <stdexcept>

#include "coordinator/rpc/peer.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::IsStatus;

TEST(GuardedCall, AnswersWhatItsBodyReturns) {
  EXPECT_THAT(Guarded([]() -> absl::StatusOr<int> { return 5; }), IsOkAndHolds(5));
}

TEST(GuardedCall, LackOfMemoryIsARefusalWithWords) {
  EXPECT_THAT(Guarded([]() -> absl::Status { throw std::bad_alloc(); }),
              IsStatus(absl::StatusCode::kResourceExhausted, HasSubstr("memory")));
}

TEST(GuardedCall, AnyOtherExceptionIsNotSwallowed) {
  EXPECT_THAT(Guarded([]() -> absl::StatusOr<int> { throw std::length_error("vector"); }),
              IsStatus(absl::StatusCode::kInternal, HasSubstr("vector")));
}

}  // namespace
}  // namespace millrace
