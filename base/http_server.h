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

/// Pages for those who watch a daemon, by GET. Without TLS and without a look at who asks: meant
/// for this machine or a network of the operator's own. Stops with the object.
class HttpServer {
 public:
  /// Called by several threads. `rest` is what follows a path that ends in '/', else empty.
  using Page = std::function<HttpAnswer(const std::string& rest)>;

  /// `listen` is host:port; port 0 picks a free one. `pages` by path: "/metrics" for itself,
  /// "/verdicts/" for all that begins so. UNAVAILABLE names the address.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const std::string& listen,
                                                           std::map<std::string, Page> pages);
  virtual ~HttpServer() = default;
  virtual int port() const = 0;
};

}  // namespace millrace
