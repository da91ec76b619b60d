// SPDX-License-Identifier: Apache-2.0
#include "client/config.h"

#include <gmock/gmock.h>

#include "absl/strings/str_replace.h"
#include "base/file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsStatus;

constexpr char kFull[] = R"(
[coordinator]
address = "cloud.example:9443"
[identity]
certificate = "site.pem"
key = "/etc/millrace/site.key"
authority = "authority.pem"
[storage]
folder = "spool"
quota_mb = 500
[link]
proxy = "http://proxy.plant:3128"
upload_kb_per_s = 100
[[link.hours]]
when = "mon-fri 06:00-22:00"
upload_kb_per_s = 20
download_kb_per_s = 40
[maintenance]
windows = ["sun 02:00-04:00"]
[site]
name = "press-7"
[training]
threads = 3
cuda = false
memory_mb = 2048
[secure]
at_least = "malicious"
minimum_cohort = 12
corrupt = 5
[log]
level = "warn"
format = "text"
[data]
kind = "delimited"
path = "press.csv"
[test]
kind = "delimited"
path = "test.csv"
)";

TEST(SiteConfig, EveryKeyIsReadAndPathsStartAtTheFilesFolder) {
  MR_ASSERT_OK_AND_ASSIGN(const SiteConfig config,
                          ParseSiteConfig(kFull, "/srv/site", SiteConfigUse::kDaemon));
  EXPECT_EQ(config.coordinator, "cloud.example:9443");
  EXPECT_EQ(config.certificate, "/srv/site/site.pem");
  EXPECT_EQ(config.key, "/etc/millrace/site.key");
  EXPECT_EQ(config.authority, "/srv/site/authority.pem");
  EXPECT_EQ(config.folder, "/srv/site/spool");
  EXPECT_EQ(config.quota_mb, 500);
  EXPECT_EQ(config.proxy, "http://proxy.plant:3128");
  EXPECT_EQ(config.rates.up, 100'000);
  EXPECT_EQ(config.rates.down, 0);
  ASSERT_EQ(config.hours.size(), 1u);
  EXPECT_EQ(config.hours[0].when.text(), "mon-fri 06:00-22:00");
  EXPECT_EQ(config.hours[0].rates.up, 20'000);
  EXPECT_EQ(config.hours[0].rates.down, 40'000);
  ASSERT_EQ(config.maintenance.size(), 1u);
  EXPECT_EQ(config.maintenance[0].text(), "sun 02:00-04:00");
  EXPECT_EQ(config.name, "press-7");
  EXPECT_EQ(config.threads, 3);
  EXPECT_FALSE(config.cuda);
  EXPECT_EQ(config.memory_mb, 2048);
  EXPECT_EQ(config.secure.at_least, SecureMode::kMalicious);
  EXPECT_EQ(config.secure.minimum_cohort, 12);
  EXPECT_EQ(config.secure.corrupt, 5);
  EXPECT_EQ(config.log_level, "warn");
  EXPECT_FALSE(config.log_json);
  EXPECT_EQ(config.data.path, "/srv/site/press.csv");
  ASSERT_TRUE(config.test);
  EXPECT_EQ(config.test->path, "/srv/site/test.csv");
}

constexpr char kDataOnly[] = "[data]\nkind = \"delimited\"\npath = \"press.csv\"\n";

TEST(SiteConfig, RecordingsTakeAThirdOfTrainingsMemoryAtMost) {
  const std::string store = "[data]\nkind = \"store\"\npath = \"recordings\"\n";
  const auto bytes_of = [&](const std::string& more) {
    return ParseSiteConfig(store + more, ".", SiteConfigUse::kScript)->data.max_bytes;
  };
  EXPECT_EQ(bytes_of(""), int64_t{1} << 30);
  EXPECT_EQ(bytes_of("[training]\nmemory_mb = 6144\n"), int64_t{1} << 30);
  EXPECT_EQ(bytes_of("[training]\nmemory_mb = 300\n"), 100 << 20);
  EXPECT_EQ(bytes_of("max_bytes = 1000\n[training]\nmemory_mb = 300\n"), 1000);
  MR_ASSERT_OK_AND_ASSIGN(const SiteConfig text,
                          ParseSiteConfig(std::string(kDataOnly) + "[training]\nmemory_mb = 300\n",
                                          ".", SiteConfigUse::kScript));
  EXPECT_EQ(text.data.max_bytes, int64_t{1} << 32) << "which is a bound of each file";
}

TEST(SiteConfig, ScriptNeedsDataOnly) {
  MR_ASSERT_OK_AND_ASSIGN(const SiteConfig config,
                          ParseSiteConfig(kDataOnly, ".", SiteConfigUse::kScript));
  EXPECT_FALSE(config.test);
  EXPECT_EQ(config.folder, "");
}

TEST(SiteConfig, SiteSendsNothingInTheClearUnlessItsFileSaysSo) {
  MR_ASSERT_OK_AND_ASSIGN(const SiteConfig config,
                          ParseSiteConfig(kDataOnly, ".", SiteConfigUse::kScript));
  EXPECT_EQ(config.secure.at_least, SecureMode::kHonestButCurious);
  EXPECT_EQ(config.secure.minimum_cohort, 4);
  EXPECT_EQ(config.secure.corrupt, 0);
}

TEST(SiteConfig, DaemonNeedsItsConnection) {
  EXPECT_THAT(ParseSiteConfig(kDataOnly, ".", SiteConfigUse::kDaemon),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       HasSubstr("[coordinator] address: missing; the coordinator's host:port")));
}

TEST(SiteConfig, FileWithoutANameNamesTheSite) {
  const testing::TemporaryFolder folder;
  const std::string path = folder.path() + "/plant_2.toml";
  MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), path, kDataOnly));
  MR_ASSERT_OK_AND_ASSIGN(const SiteConfig config, ReadSiteConfig(path, SiteConfigUse::kScript));
  EXPECT_EQ(config.name, "plant_2");
  EXPECT_EQ(config.data.path, folder.path() + "/press.csv");
}

TEST(SiteConfig, RefusalNamesTheFile) {
  const testing::TemporaryFolder folder;
  const std::string path = folder.path() + "/site.toml";
  EXPECT_THAT(ReadSiteConfig(path, SiteConfigUse::kScript),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr(path)));
  MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), path, "[dta]\n"));
  EXPECT_THAT(
      ReadSiteConfig(path, SiteConfigUse::kScript),
      IsStatus(absl::StatusCode::kInvalidArgument, AllOf(HasSubstr(path), HasSubstr("dta"))));
}

TEST(SiteConfig, RecordingsLieInTheStateFolderAndDataFindsThem) {
  const std::string live = R"(
[store]
quota_mb = 100
[capture]
before_s = 5
button_http = true
[capture.quota_mb]
alarm = 7
[live]
http = "127.0.0.1:0"
[[machine]]
names = ["pump-1"]
rate_hz = 1
store = ["current"]
[[machine.channel]]
name = "current"
)";
  const std::string text = absl::StrReplaceAll(
      kFull + live, {{"kind = \"delimited\"\npath = \"press.csv\"", "kind = \"store\""},
                     {"kind = \"delimited\"\npath = \"test.csv\"", "kind = \"captures\""}});
  MR_ASSERT_OK_AND_ASSIGN(const SiteConfig config,
                          ParseSiteConfig(text, "/srv/site", SiteConfigUse::kDaemon));
  ASSERT_TRUE(config.live.store && config.live.capture && config.test);
  EXPECT_EQ(config.live.store->folder, "/srv/site/spool/recordings");
  EXPECT_EQ(config.live.store->limits().quota_bytes, int64_t{100} << 20);
  EXPECT_EQ(config.live.capture->folder, "/srv/site/spool/captures");
  EXPECT_EQ(config.live.capture->before_s, 5);
  EXPECT_TRUE(config.live.capture->button_http);
  EXPECT_EQ(config.live.capture->quota_mb[0], 7);
  EXPECT_EQ(config.data.path, "/srv/site/spool/recordings");
  EXPECT_EQ(config.test->path, "/srv/site/spool/captures");
  EXPECT_EQ(config.live.machines[0].stored->size(), 1u);

  const auto refused = [&](const char* from, const char* to, const char* named) {
    EXPECT_THAT(
        ParseSiteConfig(absl::StrReplaceAll(text, {{from, to}}), ".", SiteConfigUse::kDaemon),
        IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr(named)));
  };
  refused("[store]\nquota_mb = 100", "", "store");
  refused("http = \"127.0.0.1:0\"", "", "[capture] button_http = true: needs [live] http");
  refused("alarm = 7", "button = 0", "[capture.quota_mb] button keeps none");
  refused("store = [\"current\"]", "store = [\"speed\"]", "'speed' is no channel");
  refused("quota_mb = 100\n", "quota_mb = 1\n", "[store] quota_mb = 1");
  EXPECT_THAT(ParseSiteConfig("[data]\nkind = \"store\"\n", ".", SiteConfigUse::kScript),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("[data] path")));
}

struct Spoilt {
  const char* from;
  const char* to;
  const char* named;  // in the message
};

class SpoiltSiteConfig : public ::testing::TestWithParam<Spoilt> {};

TEST_P(SpoiltSiteConfig, IsRefusedNamingTheKey) {
  const std::string text = absl::StrReplaceAll(kFull, {{GetParam().from, GetParam().to}});
  ASSERT_NE(text, kFull);
  EXPECT_THAT(ParseSiteConfig(text, ".", SiteConfigUse::kDaemon),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().named)));
}

INSTANTIATE_TEST_SUITE_P(
    Keys, SpoiltSiteConfig,
    ::testing::Values(
        Spoilt{"certificate = \"site.pem\"", "", "certificate"},
        Spoilt{"authority = \"authority.pem\"", "", "authority"},
        Spoilt{"folder = \"spool\"", "", "folder"}, Spoilt{"threads = 3", "threads = 0", "threads"},
        Spoilt{"threads = 3", "threads = \"3\"", "threads"},
        Spoilt{"cuda = false", "cuda = 0", "cuda"},
        Spoilt{"memory_mb = 2048", "memory_mb = -1", "memory_mb"},
        Spoilt{"at_least = \"malicious\"", "at_least = \"on\"",
               "[secure] at_least = \"on\": must be one of"},
        Spoilt{"minimum_cohort = 12", "minimum_cohort = 3", "[secure] minimum_cohort = 3"},
        Spoilt{"corrupt = 5", "corrupt = -1", "[secure] corrupt = -1"},
        Spoilt{"http://proxy", "socks://proxy", "proxy"}, Spoilt{"address =", "adress =", "adress"},
        Spoilt{"kind = \"delimited\"", "kind = \"xls\"", "kind"},
        Spoilt{"\"warn\"", "\"wran\"", "[log] level = \"wran\""},
        Spoilt{"format = \"text\"", "format = 1", "format"}));

}  // namespace
}  // namespace millrace
