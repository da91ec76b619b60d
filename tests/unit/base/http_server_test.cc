// SPDX-License-Identifier: Apache-2.0
#include "base/http_server.h"

#include <gmock/gmock.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::millrace::testing::IsStatus;
using ::testing::HasSubstr;

class HttpServerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::map<std::string, HttpServer::Page> pages;
    pages["/metrics"] = [](const std::string&) {
      return HttpAnswer{200, kMetricsText, "metric 1\n"};
    };
    pages["/healthz"] = [this](const std::string&) {
      return HealthAnswer(healthy_ ? absl::OkStatus()
                                   : absl::ResourceExhaustedError("the disk is full"));
    };
    pages["/verdicts/"] = [](const std::string& rest) {
      return HttpAnswer{200, kJsonText, absl::StrCat("[", rest, "]")};
    };
    MR_ASSERT_OK_AND_ASSIGN(server_, HttpServer::Start("127.0.0.1:0", std::move(pages)));
  }
  httplib::Result Get(const std::string& path) {
    return httplib::Client("127.0.0.1", server_->port()).Get(path);
  }

  std::atomic<bool> healthy_ = true;
  std::unique_ptr<HttpServer> server_;
};

TEST_F(HttpServerTest, ServesMetrics) {
  const httplib::Result answer = Get("/metrics");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 200);
  EXPECT_EQ(answer->body, "metric 1\n");
  EXPECT_THAT(answer->get_header_value("Content-Type"), HasSubstr("version=0.0.4"));
}

TEST_F(HttpServerTest, SaysWhetherItIsWellAndWhyNot) {
  EXPECT_EQ(Get("/healthz")->status, 200);
  healthy_ = false;
  const httplib::Result answer = Get("/healthz");
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->status, 503);
  EXPECT_EQ(answer->body, "the disk is full\n");
}

TEST_F(HttpServerTest, PageOfAFolderIsToldTheRest) {
  EXPECT_EQ(Get("/verdicts/pump-1")->body, "[pump-1]");
  EXPECT_EQ(Get("/verdicts/")->body, "[]");
}

TEST_F(HttpServerTest, HasNothingElse) {
  for (const char* path : {"/", "/verdicts", "/verdicts/a/b", "/metrics/", "/%2e%2e/metrics"}) {
    EXPECT_EQ(Get(path)->status, 404) << path;
  }
}

TEST_F(HttpServerTest, PortInUseIsRefusedByAddress) {
  const std::string address = absl::StrCat("127.0.0.1:", server_->port());
  EXPECT_THAT(HttpServer::Start(address, {}).status(),
              IsStatus(absl::StatusCode::kUnavailable, HasSubstr(address)));
}

TEST(HttpServer, EndsRightAfterItsStart) {
  for (int i = 0; i < 20; ++i) {
    MR_EXPECT_OK(HttpServer::Start("127.0.0.1:0", {}));
  }
}

TEST_F(HttpServerTest, ManyThatConnectAndSayNothingAreOutlasted) {
  std::vector<int> idle;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(server_->port()));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  for (int i = 0; i < 12; ++i) {
    idle.push_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::connect(idle.back(), reinterpret_cast<sockaddr*>(&address), sizeof(address));
  }
  httplib::Client patient("127.0.0.1", server_->port());
  patient.set_connection_timeout(60);
  patient.set_read_timeout(60);
  EXPECT_TRUE(patient.Get("/metrics"));
  for (const int socket : idle) ::close(socket);
}

}  // namespace
}  // namespace millrace
