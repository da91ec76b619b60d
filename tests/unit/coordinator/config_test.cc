// SPDX-License-Identifier: Apache-2.0
#include "coordinator/config.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsStatus;

constexpr char kFull[] = R"(
[server]
listen = "127.0.0.1:0"
certificate = "pki/coordinator.pem"
key = "/etc/millrace/coordinator.key"
authority = "pki/authority.pem"
[storage]
folder = "state"
[sites]
allowed = ["press-7", "lathe"]
[log]
level = "debug"
format = "text"
)";

TEST(CoordinatorConfig, EveryKeyIsReadAndPathsStartAtTheFilesFolder) {
  MR_ASSERT_OK_AND_ASSIGN(const CoordinatorConfig config, ParseCoordinatorConfig(kFull, "/srv/m"));
  EXPECT_EQ(config.listen, "127.0.0.1:0");
  EXPECT_EQ(config.certificate, "/srv/m/pki/coordinator.pem");
  EXPECT_EQ(config.key, "/etc/millrace/coordinator.key");
  EXPECT_EQ(config.authority, "/srv/m/pki/authority.pem");
  EXPECT_EQ(config.folder, "/srv/m/state");
  EXPECT_THAT(config.allowed, ElementsAre("press-7", "lathe"));
  EXPECT_EQ(config.log_level, "debug");
  EXPECT_FALSE(config.log_json);
}

TEST(CoordinatorConfig, StorageIsBoundedAndMetricsAreOffUnlessTold) {
  MR_ASSERT_OK_AND_ASSIGN(const CoordinatorConfig usual, ParseCoordinatorConfig(kFull, "."));
  EXPECT_EQ(usual.keep_versions, 10);
  EXPECT_EQ(usual.keep_runs, 1000);
  EXPECT_EQ(usual.quarantine_mb, 1024);
  EXPECT_EQ(usual.min_free_mb, 256);
  EXPECT_EQ(usual.staging_mb, 0);
  EXPECT_EQ(usual.metrics_listen, "");
  const std::string told =
      absl::StrReplaceAll(kFull, {{"folder = \"state\"\n",
                                   "folder = \"state\"\nkeep_versions = 0\nkeep_runs = "
                                   "9\nquarantine_mb = 0\nmin_free_mb = 5\nstaging_mb = 7\n"
                                   "[metrics]\nlisten = \"127.0.0.1:9464\"\n"}});
  MR_ASSERT_OK_AND_ASSIGN(const CoordinatorConfig config, ParseCoordinatorConfig(told, "."));
  EXPECT_EQ(config.keep_versions, 0);
  EXPECT_EQ(config.keep_runs, 9);
  EXPECT_EQ(config.quarantine_mb, 0);
  EXPECT_EQ(config.min_free_mb, 5);
  EXPECT_EQ(config.staging_mb, 7);
  EXPECT_EQ(config.metrics_listen, "127.0.0.1:9464");
  EXPECT_THAT(ParseCoordinatorConfig(absl::StrReplaceAll(told, {{"127.0.0.1:9464", "9464"}}), "."),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("[metrics] listen")));
}

TEST(CoordinatorConfig, LimitsOfWhatSitesMayAskAreRead) {
  MR_ASSERT_OK_AND_ASSIGN(
      const CoordinatorConfig config,
      ParseCoordinatorConfig(
          absl::StrCat(
              kFull,
              "[limits]\nuploads = 7\ndownloads = 8\nsite_calls = 9\n"
              "site_calls_per_s = 10\nsite_mb_per_s = 11\nstall_s = 12\nbuffers_mb = 64\n"),
          "."));
  EXPECT_EQ(config.calls.uploads, 7);
  EXPECT_EQ(config.calls.downloads, 8);
  EXPECT_EQ(config.calls.site_calls, 9);
  EXPECT_EQ(config.calls.site_calls_per_s, 10);
  EXPECT_EQ(config.calls.site_mb_per_s, 11);
  EXPECT_EQ(config.calls.stall, absl::Seconds(12));
  EXPECT_EQ(config.buffers_mb, 64);
}

TEST(CoordinatorConfig, WhatIsNotNeededHasADefault) {
  MR_ASSERT_OK_AND_ASSIGN(
      const CoordinatorConfig config,
      ParseCoordinatorConfig("[server]\ncertificate = \"c\"\nkey = \"k\"\nauthority = \"a\"\n"
                             "[storage]\nfolder = \"f\"\n",
                             "."));
  EXPECT_EQ(config.listen, "0.0.0.0:9443");
  EXPECT_THAT(config.allowed, IsEmpty());
  EXPECT_TRUE(config.log_json);
}

TEST(CoordinatorConfig, HostNamesAndIpv6AddressesAreListenedOn) {
  for (const char* listen : {"localhost:9443", "[::]:9443", "[::1]:65535"}) {
    MR_ASSERT_OK_AND_ASSIGN(
        const CoordinatorConfig config,
        ParseCoordinatorConfig(absl::StrReplaceAll(kFull, {{"127.0.0.1:0", listen}}), "."));
    EXPECT_EQ(config.listen, listen);
  }
}

TEST(CoordinatorConfig, ModelsAreLimited) {
  MR_ASSERT_OK_AND_ASSIGN(
      const CoordinatorConfig config,
      ParseCoordinatorConfig(absl::StrCat(kFull, "[limits]\nparameters = 1000\n"), "."));
  EXPECT_EQ(config.max_parameters, 1000);
}

struct Spoilt {
  const char* from;
  const char* to;
  const char* named;  // in the message
};

class SpoiltCoordinatorConfig : public ::testing::TestWithParam<Spoilt> {};

TEST_P(SpoiltCoordinatorConfig, IsRefusedNamingTheKey) {
  const std::string text = absl::StrReplaceAll(kFull, {{GetParam().from, GetParam().to}});
  ASSERT_NE(text, kFull);
  EXPECT_THAT(ParseCoordinatorConfig(text, "."),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().named)));
}

INSTANTIATE_TEST_SUITE_P(
    Keys, SpoiltCoordinatorConfig,
    ::testing::Values(
        Spoilt{"certificate = \"pki/coordinator.pem\"", "", "certificate"},
        Spoilt{"key = \"/etc/millrace/coordinator.key\"", "", "key"},
        Spoilt{"authority = \"pki/authority.pem\"", "", "authority"},
        Spoilt{"folder = \"state\"", "", "folder"}, Spoilt{"listen =", "lisen =", "lisen"},
        Spoilt{"\"127.0.0.1:0\"", "9443", "listen"},
        Spoilt{"127.0.0.1:0", "127.0.0.1:99999", "listen"}, Spoilt{"127.0.0.1:0", "foo", "listen"},
        Spoilt{"127.0.0.1:0", ":9443", "listen"}, Spoilt{"127.0.0.1:0", "127.0.0.1:", "listen"},
        Spoilt{"127.0.0.1:0", "127.0.0.1:+80", "listen"},
        Spoilt{"127.0.0.1:0", "::1:9443", "must be host:port"},
        Spoilt{"[log]", "[limits]\nparameters = 0\n[log]", "parameters"},
        Spoilt{"[\"press-7\", \"lathe\"]", "\"press-7\"", "allowed"},
        Spoilt{"format = \"text\"", "format = \"xml\"", "format"},
        Spoilt{"[storage]", "[storge]", "storge"}));

}  // namespace
}  // namespace millrace
