// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace millrace {

inline constexpr char kPlainText[] = "text/plain; charset=utf-8";
inline constexpr char kMetricsText[] = "text/plain; version=0.0.4; charset=utf-8";
inline constexpr char kJsonText[] = "application/json";

struct HttpAnswer {
  int status = 200;
  std::string type = kPlainText;
  std::string body;
};

/// 200 "ok" while `health` is OK, 503 with its message otherwise: what /healthz answers.
HttpAnswer HealthAnswer(const absl::Status& health);

/// What somebody asks for to be done.
struct HttpPost {
  std::map<std::string, std::string> arguments;  // behind the '?' of the address
  std::string body;
};

/// Pages for those who watch a daemon, by GET, and what they may have it do, by POST. Without TLS
/// and without a look at who asks: meant for this machine or a network of the operator's own. Stops
/// with the object, whoever is still connected.
///
/// Whoever connects and is slow keeps nobody waiting: a connection has one answer and ends, and
/// where there are kMostConnections the oldest, of which the least is to be expected, makes room
/// for the next.
class HttpServer {
 public:
  static constexpr size_t kMostConnections = 64;
  static constexpr size_t kMostBodyBytes = 4096;

  /// Called by several threads. `rest` is what follows a path that ends in '/', else empty.
  using Page = std::function<HttpAnswer(const std::string& rest)>;
  /// Called by several threads, and never for a page in a browser, which may be anybody's.
  using Action = std::function<HttpAnswer(const HttpPost& post)>;

  /// `listen` is host:port; port 0 picks a free one. `pages` by path: "/metrics" for itself,
  /// "/verdicts/" for all that begins so. UNAVAILABLE names the address.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(
      const std::string& listen, std::map<std::string, Page> pages,
      std::map<std::string, Action> actions = {});
  virtual ~HttpServer() = default;
  virtual int port() const = 0;
};

}  // namespace millrace
