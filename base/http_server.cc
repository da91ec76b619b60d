// SPDX-License-Identifier: Apache-2.0
#include "base/http_server.h"

#include <httplib.h>

#include <atomic>
#include <functional>
#include <semaphore>
#include <thread>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr int kThreads = 2;          // a scraper and a probe
constexpr int kMostWaiting = 8;      // connections for a thread
constexpr int kPatienceSeconds = 5;  // for one who connects and says nothing
constexpr size_t kMaxRequestBytes = 4096;

/// Has the listener wait while so many connections wait for a thread: those that come then wait in
/// the kernel, which bounds them.
class BoundedPool final : public httplib::TaskQueue {
 public:
  void enqueue(std::function<void()> task) override {
    room_.acquire();
    pool_.enqueue([this, task = std::move(task)] {
      room_.release();
      task();
    });
  }
  void shutdown() override { pool_.shutdown(); }

 private:
  std::counting_semaphore<> room_{kMostWaiting};
  httplib::ThreadPool pool_{kThreads};
};

class HttplibServer final : public HttpServer {
 public:
  explicit HttplibServer(std::map<std::string, Page> pages) : pages_(std::move(pages)) {}

  ~HttplibServer() override {
    // What has not begun to listen yet cannot be stopped.
    while (thread_.joinable() && !server_.is_running() && !ended_) std::this_thread::yield();
    server_.stop();
    if (thread_.joinable()) thread_.join();
  }

  absl::Status Listen(const std::string& address) {
    server_.new_task_queue = [] { return new BoundedPool; };
    // Its own choice would let a second process share the port and take half of the questions.
    server_.set_socket_options([](socket_t socket) {
      const int yes = 1;
      ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    });
    server_.set_payload_max_length(kMaxRequestBytes);
    server_.set_read_timeout(kPatienceSeconds);
    server_.set_write_timeout(kPatienceSeconds);
    server_.set_keep_alive_timeout(1);  // a thread each, and there are few
    server_.Get(".*", [this](const httplib::Request& request, httplib::Response& response) {
      const HttpAnswer answer = AnswerTo(request.path);
      response.status = answer.status;
      response.set_content(answer.body, answer.type.c_str());
    });
    const size_t colon = address.rfind(':');
    absl::string_view host = absl::string_view(address).substr(0, colon);
    if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
    if (!absl::SimpleAtoi(address.substr(colon + 1), &port_)) port_ = -1;
    const std::string name(host);
    if (port_ == 0) {
      port_ = server_.bind_to_any_port(name);
    } else if (!server_.bind_to_port(name, port_)) {
      port_ = -1;
    }
    if (port_ < 0) {
      return absl::UnavailableError(
          absl::StrCat("listen ", address, ": not possible; is the port in use?"));
    }
    thread_ = std::thread([this] {
      server_.listen_after_bind();
      ended_ = true;
    });
    return absl::OkStatus();
  }

  int port() const override { return port_; }

 private:
  HttpAnswer AnswerTo(const std::string& path) const {
    const size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
    if (const auto page = pages_.find(path); page != pages_.end()) return page->second("");
    if (const auto page = pages_.find(folder); page != pages_.end()) {
      return page->second(path.substr(folder.size()));
    }
    return {404, kPlainText, "no such page\n"};
  }

  const std::map<std::string, Page> pages_;
  httplib::Server server_;
  int port_ = 0;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

}  // namespace

HttpAnswer HealthAnswer(const absl::Status& health) {
  if (health.ok()) return {200, kPlainText, "ok\n"};
  return {503, kPlainText, absl::StrCat(health.message(), "\n")};
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const std::string& listen,
                                                              std::map<std::string, Page> pages) {
  auto server = std::make_unique<HttplibServer>(std::move(pages));
  MR_RETURN_IF_ERROR(server->Listen(listen));
  return server;
}

}  // namespace millrace
