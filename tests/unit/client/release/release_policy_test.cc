// SPDX-License-Identifier: Apache-2.0
#include "client/release/release_policy.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::millrace::testing::IsStatus;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

absl::StatusOr<ReleasePolicy> ReadPolicy(const std::string& toml) {
  absl::StatusOr<TomlTable> root = TomlTable::Parse(absl::StrCat("[release]\n", toml));
  if (!root.ok()) return root.status();
  ReleasePolicy policy = ReadReleasePolicy(root->Table("release"));
  if (const absl::Status status = root->Finish(); !status.ok()) return status;
  return policy;
}

TEST(ReleasePolicyTest, OneSignatureIsAskedForWhereThereIsAnAuthority) {
  MR_ASSERT_OK_AND_ASSIGN(ReleasePolicy policy, ReadPolicy(""));
  EXPECT_EQ(policy.SignaturesAsked(), 0);
  policy.authority = "authority.crt";
  EXPECT_EQ(policy.SignaturesAsked(), 1);
  EXPECT_TRUE(policy.serve_expired);
}

TEST(ReleasePolicyTest, ASiteMayAskForMoreOrForNone) {
  MR_ASSERT_OK_AND_ASSIGN(ReleasePolicy policy, ReadPolicy(R"(
signatures = 2
publishers = ["ada", "bob"]
minimum_version = 7
test_vectors = true
serve_expired = false
)"));
  EXPECT_EQ(policy.SignaturesAsked(), 2);
  EXPECT_THAT(policy.publishers, ElementsAre("ada", "bob"));
  EXPECT_EQ(policy.minimum_version, 7);
  EXPECT_TRUE(policy.test_vectors);
  EXPECT_FALSE(policy.serve_expired);
  MR_ASSERT_OK_AND_ASSIGN(policy, ReadPolicy("signatures = 0"));
  policy.authority = "authority.crt";
  EXPECT_EQ(policy.SignaturesAsked(), 0);
}

TEST(ReleasePolicyTest, MoreSignaturesThanPublishersAreRefused) {
  EXPECT_THAT(ReadPolicy("signatures = 2\npublishers = [\"ada\"]"),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("names only 1")));
  EXPECT_THAT(ReadPolicy("publishers = [\"a/b\"]"),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("publisher")));
}

}  // namespace
}  // namespace millrace
