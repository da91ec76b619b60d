// SPDX-License-Identifier: Apache-2.0
#include "client/operation/proxy_address.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/strip.h"

namespace millrace {

absl::Status CheckProxyAddress(absl::string_view text) {
  const bool is_http = absl::ConsumePrefix(&text, "http://");
  absl::ConsumeSuffix(&text, "/");
  // What a URL has no use for, and a TOML string would have to escape.
  const bool is_plain = std::ranges::all_of(
      text, [](char c) { return absl::ascii_isgraph(c) && c != '"' && c != '\\' && c != '/'; });
  const absl::string_view host = text.substr(text.rfind('@') + 1);
  const size_t colon = host.rfind(':');
  const bool has_port =
      colon != absl::string_view::npos && colon > 0 && colon + 1 < host.size() &&
      std::ranges::all_of(host.substr(colon + 1), [](char c) { return absl::ascii_isdigit(c); });
  if (is_http && is_plain && has_port) return absl::OkStatus();
  return absl::InvalidArgumentError("must be http://host:port, of a proxy that takes CONNECT");
}

}  // namespace millrace
