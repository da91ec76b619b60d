// SPDX-License-Identifier: Apache-2.0
#include "base/http_server.h"

#include <microhttpd.h>
#include <netdb.h>
#include <sys/socket.h>

#include <deque>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr unsigned kHttpThreads = 2;        // so that a page that takes its time blocks no other
constexpr unsigned kSilenceSeconds = 5;     // of one who connects, until it is let go
constexpr size_t kConnectionBytes = 16384;  // of a request's address and headers

struct EndMicrohttpd {
  void operator()(MHD_Daemon* daemon) const { MHD_stop_daemon(daemon); }
};

struct FreeAddresses {
  void operator()(addrinfo* addresses) const { ::freeaddrinfo(addresses); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

/// Of host:port; none if there are none.
Addresses AddressesOf(const std::string& listen) {
  const size_t colon = listen.rfind(':');
  absl::string_view host = absl::string_view(listen).substr(0, colon);
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  int port = 0;
  if (!absl::SimpleAtoi(listen.substr(colon + 1), &port) || port < 0 || port > 65535) return {};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const std::string name(host);
  if (::getaddrinfo(name.empty() ? nullptr : name.c_str(), absl::StrCat(port).c_str(), &hints,
                    &found) != 0) {
    return {};
  }
  return Addresses(found);
}

absl::string_view HeaderOf(MHD_Connection* connection, const char* name) {
  const char* const value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value == nullptr ? "" : value;
}

std::map<std::string, std::string> ArgumentsOf(MHD_Connection* connection) {
  std::map<std::string, std::string> arguments;
  MHD_get_connection_values(
      connection, MHD_GET_ARGUMENT_KIND,
      [](void* into, MHD_ValueKind, const char* key, const char* value) {
        (*static_cast<std::map<std::string, std::string>*>(into))[key] =
            value == nullptr ? "" : value;
        return MHD_YES;
      },
      &arguments);
  return arguments;
}

MHD_Result Send(MHD_Connection* connection, const HttpAnswer& answer) {
  MHD_Response* const response = MHD_create_response_from_buffer(
      answer.body.size(), const_cast<char*>(answer.body.data()), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer.type.c_str());
  MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
  const MHD_Result queued =
      MHD_queue_response(connection, static_cast<unsigned>(answer.status), response);
  MHD_destroy_response(response);
  return queued;
}

/// By GNU libmicrohttpd, which waits for all connections at once: a slow peer holds no thread.
class MicrohttpdServer final : public HttpServer {
 public:
  MicrohttpdServer(std::map<std::string, Page> pages, std::map<std::string, Action> actions)
      : pages_(std::move(pages)), actions_(std::move(actions)) {}

  absl::Status Listen(const std::string& listen) {
    const Addresses addresses = AddressesOf(listen);
    for (const addrinfo* at = addresses.get(); at != nullptr && daemon_ == nullptr;
         at = at->ai_next) {
      const unsigned family = at->ai_family == AF_INET6 ? MHD_USE_DUAL_STACK : MHD_NO_FLAG;
      daemon_.reset(MHD_start_daemon(
          MHD_USE_AUTO_INTERNAL_THREAD | family, 0, nullptr, nullptr, Hear, this,
          MHD_OPTION_SOCK_ADDR, at->ai_addr, MHD_OPTION_THREAD_POOL_SIZE, kHttpThreads,
          MHD_OPTION_CONNECTION_LIMIT, static_cast<unsigned>(4 * kMostConnections),
          MHD_OPTION_CONNECTION_TIMEOUT, kSilenceSeconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
          kConnectionBytes, MHD_OPTION_NOTIFY_CONNECTION, Note, this, MHD_OPTION_NOTIFY_COMPLETED,
          Forget, nullptr, MHD_OPTION_END));
    }
    if (daemon_ == nullptr) {
      return absl::UnavailableError(
          absl::StrCat("listen ", listen, ": not possible; is the port in use?"));
    }
    port_ = MHD_get_daemon_info(daemon_.get(), MHD_DAEMON_INFO_BIND_PORT)->port;
    return absl::OkStatus();
  }

  int port() const override { return port_; }

 private:
  struct Open {
    MHD_Connection* connection;
    int socket;
  };

  /// A connection begins or ends. The library closes its socket after this.
  static void Note(void* self, MHD_Connection* connection, void**,
                   MHD_ConnectionNotificationCode code) {
    auto& server = *static_cast<MicrohttpdServer*>(self);
    const absl::MutexLock lock(&server.mutex_);
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
      std::erase_if(server.open_, [&](const Open& one) { return one.connection == connection; });
      return;
    }
    const int socket =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    server.open_.push_back({connection, socket});
    if (server.open_.size() <= kMostConnections) return;
    ::shutdown(server.open_.front().socket, SHUT_RDWR);  // its thread sees that and closes it
    server.open_.pop_front();
  }

  /// Called when a request's headers are there, with each piece of its body, and at its end.
  /// `*request` is the request's own: what has come of its body.
  static MHD_Result Hear(void* self, MHD_Connection* connection, const char* path,
                         const char* method, const char*, const char* piece, size_t* size,
                         void** request) {
    if (*request == nullptr) {
      *request = new std::string;
      uint64_t announced = 0;
      if (absl::SimpleAtoi(HeaderOf(connection, MHD_HTTP_HEADER_CONTENT_LENGTH), &announced) &&
          announced > kMostBodyBytes) {
        return Send(connection,
                    {413, kPlainText, absl::StrCat("at most ", kMostBodyBytes, " bytes\n")});
      }
      return MHD_YES;
    }
    auto& body = *static_cast<std::string*>(*request);
    if (*size > 0) {
      if (body.size() + *size > kMostBodyBytes) return MHD_NO;  // of an unknown length: cut off
      body.append(piece, std::exchange(*size, 0));
      return MHD_YES;
    }
    return Send(connection,
                static_cast<MicrohttpdServer*>(self)->AnswerTo(connection, path, method, body));
  }

  static void Forget(void*, MHD_Connection*, void** request, MHD_RequestTerminationCode) {
    delete static_cast<std::string*>(std::exchange(*request, nullptr));
  }

  HttpAnswer AnswerTo(MHD_Connection* connection, const std::string& path, absl::string_view method,
                      const std::string& body) const {
    const bool reads = method == MHD_HTTP_METHOD_GET || method == MHD_HTTP_METHOD_HEAD;
    if (reads) return PageAt(path);
    const auto action = actions_.find(path);
    if (method != MHD_HTTP_METHOD_POST || action == actions_.end()) {
      return {405, kPlainText, "not here by this method\n"};
    }
    // Browsers say whose page has them ask, and cannot be kept from it.
    if (!HeaderOf(connection, MHD_HTTP_HEADER_ORIGIN).empty()) {
      return {403, kPlainText, "not from a page in a browser\n"};
    }
    return action->second({ArgumentsOf(connection), body});
  }

  HttpAnswer PageAt(const std::string& path) const {
    const size_t slash = path.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : path.substr(0, slash + 1);
    if (const auto page = pages_.find(path); page != pages_.end()) return page->second("");
    if (const auto page = pages_.find(folder); page != pages_.end()) {
      return page->second(path.substr(folder.size()));
    }
    return {404, kPlainText, "no such page\n"};
  }

  const std::map<std::string, Page> pages_;
  const std::map<std::string, Action> actions_;
  int port_ = 0;
  absl::Mutex mutex_;
  std::deque<Open> open_ ABSL_GUARDED_BY(mutex_);      // the oldest first
  std::unique_ptr<MHD_Daemon, EndMicrohttpd> daemon_;  // the last: its threads use what is above
};

}  // namespace

HttpAnswer HealthAnswer(const absl::Status& health) {
  if (health.ok()) return {200, kPlainText, "ok\n"};
  return {503, kPlainText, absl::StrCat(health.message(), "\n")};
}

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(
    const std::string& listen, std::map<std::string, Page> pages,
    std::map<std::string, Action> actions) {
  auto server = std::make_unique<MicrohttpdServer>(std::move(pages), std::move(actions));
  MR_RETURN_IF_ERROR(server->Listen(listen));
  return server;
}

}  // namespace millrace
