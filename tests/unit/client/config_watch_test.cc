// SPDX-License-Identifier: Apache-2.0
#include "client/config_watch.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "base/file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

using ::millrace::testing::IsStatus;
using ::testing::HasSubstr;

class ConfigWatchTest : public ::testing::Test {
 protected:
  void Write(absl::string_view more) {
    MR_ASSERT_OK(WriteFileDurably(
        PosixFileSystem(), path_,
        absl::StrCat("[coordinator]\naddress = \"localhost:1\"\n[identity]\ncertificate = \"c\"\n"
                     "key = \"k\"\nauthority = \"a\"\n[storage]\nfolder = \"s\"\n"
                     "[data]\nkind = \"delimited\"\npath = \"rows.csv\"\n",
                     more)));
  }

  const testing::TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/site.toml";
};

TEST_F(ConfigWatchTest, TellsOfEachChangeOnce) {
  Write("");
  ConfigWatch watch(path_);
  EXPECT_FALSE(watch.Changed());
  Write("[site]\nname = \"plant\"\n");
  const auto changed = watch.Changed();
  ASSERT_TRUE(changed);
  MR_ASSERT_OK(changed->status());
  EXPECT_EQ((*changed)->name, "plant");
  EXPECT_FALSE(watch.Changed());
}

TEST_F(ConfigWatchTest, SaysWhatIsWrongWithAChangeAndTakesTheNext) {
  Write("");
  ConfigWatch watch(path_);
  Write("[nonsense]\na = 1\n");
  const auto wrong = watch.Changed();
  ASSERT_TRUE(wrong);
  EXPECT_THAT(wrong->status(), IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("nonsense")));
  MR_ASSERT_OK(PosixFileSystem()->Remove(path_));  // an editor may, for a moment
  EXPECT_FALSE(watch.Changed());
  Write("");
  const auto mended = watch.Changed();
  ASSERT_TRUE(mended);
  MR_EXPECT_OK(mended->status());
}

}  // namespace
}  // namespace millrace
