// SPDX-License-Identifier: Apache-2.0
#include "base/http_server.h"

#include <gmock/gmock.h>
#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/loopback.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::millrace::testing::IsStatus;
using ::testing::HasSubstr;

/// Who may send anything.
class HttpPeer {
 public:
  explicit HttpPeer(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in address = testing::Loopback(port);
    EXPECT_EQ(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  }
  HttpPeer(const HttpPeer&) = delete;
  HttpPeer& operator=(const HttpPeer&) = delete;
  ~HttpPeer() { ::close(socket_); }

  /// As far as the other end takes it.
  void Send(const std::string& bytes) const {
    (void)::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  /// All that comes until the other end closes.
  std::string ReadAll() const {
    std::string all;
    char bytes[4096];
    for (ssize_t count; (count = ::recv(socket_, bytes, sizeof(bytes), 0)) > 0;) {
      all.append(bytes, static_cast<size_t>(count));
    }
    return all;
  }

 private:
  const int socket_;
};

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
    std::map<std::string, HttpServer::Action> actions;
    actions["/do"] = [](const HttpPost& post) {
      std::string said;
      for (const auto& [key, value] : post.arguments) absl::StrAppend(&said, key, "=", value, " ");
      return HttpAnswer{202, kPlainText, said + post.body};
    };
    MR_ASSERT_OK_AND_ASSIGN(server_,
                            HttpServer::Start("127.0.0.1:0", std::move(pages), std::move(actions)));
  }
  httplib::Client Client() const {
    httplib::Client client("127.0.0.1", server_->port());
    client.set_connection_timeout(60);
    client.set_read_timeout(60);
    return client;
  }
  httplib::Result Get(const std::string& path) const { return Client().Get(path); }

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

TEST_F(HttpServerTest, DoesWhatIsAskedByPostAndByNothingElse) {
  httplib::Client client = Client();
  const httplib::Result done = client.Post("/do?what=a%20thing&why=", "because", "text/plain");
  ASSERT_TRUE(done);
  EXPECT_EQ(done->status, 202);
  EXPECT_EQ(done->body, "what=a thing why= because");
  EXPECT_EQ(client.Post("/do", "", "text/plain")->body, "");
  EXPECT_EQ(client.Get("/do")->status, 404);
  EXPECT_EQ(client.Put("/do", "", "text/plain")->status, 405);
  EXPECT_EQ(client.Post("/metrics", "", "text/plain")->status, 405);
}

TEST_F(HttpServerTest, DoesNothingForAPageInABrowser) {
  const httplib::Headers headers = {{"Origin", "http://elsewhere.example"}};
  EXPECT_EQ(Client().Post("/do", headers, "", "text/plain")->status, 403);
}

TEST_F(HttpServerTest, BodyThatIsTooLongIsRefused) {
  const std::string most(HttpServer::kMostBodyBytes, 'a');
  EXPECT_EQ(Client().Post("/do", most, "text/plain")->body, most);
  HttpPeer announced(server_->port());
  announced.Send(absl::StrCat("POST /do HTTP/1.1\r\nHost: a\r\nContent-Length: ", most.size() + 1,
                              "\r\n\r\n"));
  EXPECT_THAT(announced.ReadAll(), HasSubstr(" 413 "));
  HttpPeer endless(server_->port());
  endless.Send("POST /do HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
  endless.Send(absl::StrCat(absl::Hex(most.size() + 1), "\r\n", most, "a\r\n"));
  EXPECT_THAT(endless.ReadAll(), ::testing::Not(HasSubstr(" 202 "))) << "and it has ended";
}

TEST_F(HttpServerTest, ManyThatConnectAndSayNothingKeepNobodyWaiting) {
  std::vector<std::unique_ptr<HttpPeer>> peers;
  for (size_t i = 0; i < 2 * HttpServer::kMostConnections; ++i) {
    peers.push_back(std::make_unique<HttpPeer>(server_->port()));
  }
  EXPECT_TRUE(Get("/metrics"));
}

TEST_F(HttpServerTest, ManyThatSendByteByByteKeepNeitherOthersNorTheEndWaiting) {
  std::vector<std::unique_ptr<HttpPeer>> peers;
  for (int i = 0; i < 50; ++i) {
    peers.push_back(std::make_unique<HttpPeer>(server_->port()));
    peers.back()->Send("GET /metrics HTTP/1.1\r\nHost: ");
  }
  for (int byte = 0; byte < 10; ++byte) {
    for (const auto& peer : peers) peer->Send("a");
    const httplib::Result answer = Get("/healthz");
    ASSERT_TRUE(answer);
    EXPECT_EQ(answer->status, 200);
  }
  server_ = nullptr;
  for (const auto& peer : peers) EXPECT_EQ(peer->ReadAll(), "");
}

TEST_F(HttpServerTest, OldestConnectionMakesRoomForTheNext) {
  HttpPeer oldest(server_->port());
  oldest.Send("GET /metrics HTTP/1.1\r\nHost: ");
  std::vector<std::unique_ptr<HttpPeer>> peers;
  for (size_t i = 0; i < HttpServer::kMostConnections; ++i) {
    peers.push_back(std::make_unique<HttpPeer>(server_->port()));
    peers.back()->Send("GET /metrics HTTP/1.1\r\nHost: ");
  }
  EXPECT_EQ(oldest.ReadAll(), "");
  peers.back()->Send("a\r\n\r\n");
  EXPECT_THAT(peers.back()->ReadAll(), HasSubstr("metric 1"));
}

TEST_F(HttpServerTest, PeersThatSpeakNoHttpAreLetGo) {
  for (const std::string& nonsense :
       {std::string(40'000, 'a'), std::string(300, '\xff') + "\r\n\r\n", std::string("GET\r\n\r\n"),
        std::string("POST /do HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n")}) {
    HttpPeer peer(server_->port());
    peer.Send(nonsense);
    EXPECT_THAT(peer.ReadAll(), ::testing::Not(HasSubstr("HTTP/1.1 20")));
  }
  EXPECT_EQ(Get("/metrics")->status, 200);
}

}  // namespace
}  // namespace millrace
