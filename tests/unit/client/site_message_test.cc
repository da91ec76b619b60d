// SPDX-License-Identifier: Apache-2.0
#include "client/data/site_message.h"

#include <gmock/gmock.h>

#include "base/status.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsStatus;
using ::testing::Not;

TEST(SiteMessage, PrivatePartsStayAtTheSite) {
  const absl::Status status = SiteMessage(Private{"/data/a.csv:", "line "}, 3, ": ",
                                          Private{"\"7,5\"", "a value"}, " is not a number")
                                  .ToStatus(absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(status, IsStatus(absl::StatusCode::kInvalidArgument,
                               "/data/a.csv:3: \"7,5\" is not a number"));
  EXPECT_EQ(PublicText(status), "line 3: a value is not a number");
}

TEST(SiteMessage, OfMessagesAndStatusesWithinWhatMayLeaveDoes) {
  const SiteMessage inner("column ", Private{"x", "c"});
  EXPECT_EQ(PublicText(SiteMessage("a ", inner).ToStatus(absl::StatusCode::kInvalidArgument)),
            "a column c");
  const absl::Status status = SiteMessage("b: ", inner.ToStatus(absl::StatusCode::kInvalidArgument))
                                  .ToStatus(absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(), "b: column x");
  EXPECT_EQ(PublicText(status), "b: column c");
}

TEST(SiteMessage, OfAnyOtherStatusNothingLeavesButTheCode) {
  const absl::Status status = absl::NotFoundError("open /data/SECRET.csv: No such file");
  EXPECT_EQ(PublicText(status), "NOT_FOUND; the site's log has the reason");
  EXPECT_THAT(
      PublicText(SiteMessage("download: ", status).ToStatus(absl::StatusCode::kInvalidArgument)),
      Not(HasSubstr("SECRET")));
}

TEST(SiteMessage, PublicStatusLeavesWholeUnlessItSaysWhatMayLeave) {
  EXPECT_EQ(PublicText(Public(absl::AbortedError("the loss is not finite"))),
            "the loss is not finite");
  const absl::Status marked =
      SiteMessage(Private{"SECRET", "a value"}).ToStatus(absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(PublicText(Public(marked)), "a value");
}

TEST(SiteMessage, PrefixOfAnAnnotatedStatusStaysAtTheSite) {
  const absl::Status status =
      Annotate(SiteMessage("no row").ToStatus(absl::StatusCode::kInvalidArgument), "/data/a.csv");
  EXPECT_EQ(status.message(), "/data/a.csv: no row");
  EXPECT_EQ(PublicText(status), "no row");
}

}  // namespace
}  // namespace millrace
