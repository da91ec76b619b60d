// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/format_request.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/text.h"
#include "coordinator/cli/table.h"
#include "coordinator/cli/units.h"

namespace millrace {
namespace {

std::string KeyOf(const v1::SigningRequest& request) {
  return absl::StrCat("SHA256:", absl::BytesToHexString(request.key_sha256()));
}

std::string KindOf(const v1::SigningRequest& request) {
  return request.certificate().empty() ? "enrollment" : "renewal";
}

}  // namespace

std::string RequestsText(const v1::ListRequestsResponse& requests, absl::Time now) {
  Table table({"WAITING", "FOR", ">SINCE", "KEY"});
  for (const v1::SigningRequest& request : requests.requests()) {
    table.AddRow({request.site(), KindOf(request),
                  HumanDuration(now - absl::FromUnixMillis(request.created_ms())), KeyOf(request)});
  }
  return table.empty() ? "" : absl::StrCat("\n", table.Text());
}

Json RequestsJson(const v1::ListRequestsResponse& requests) {
  Json list = Json::array();
  for (const v1::SigningRequest& request : requests.requests()) {
    list.push_back({{"site", request.site()},
                    {"kind", KindOf(request)},
                    {"since", JsonTime(request.created_ms())},
                    {"key", KeyOf(request)}});
  }
  return {{"requests", std::move(list)}};
}

std::string AuditText(const std::vector<v1::AuditEntry>& entries, absl::TimeZone zone) {
  Table table({">#", "WHEN", "WHO", "WHAT", "OBJECT", "RESULT"});
  for (const v1::AuditEntry& entry : entries) {
    table.AddRow({absl::StrCat(entry.sequence()), HumanTime(entry.time_us() / 1000, zone),
                  entry.actor(), entry.action(), entry.object().empty() ? kNothing : entry.object(),
                  entry.result()});
  }
  return table.empty() ? "nothing was changed yet\n" : table.Text();
}

Json AuditJson(const std::vector<v1::AuditEntry>& entries) {
  Json list = Json::array();
  for (const v1::AuditEntry& entry : entries) {
    list.push_back({{"sequence", entry.sequence()},
                    {"time", JsonTime(entry.time_us() / 1000)},
                    {"actor", entry.actor()},
                    {"action", entry.action()},
                    {"object", Utf8(entry.object())},
                    {"result", Utf8(entry.result())},
                    {"hash", absl::BytesToHexString(entry.hash())}});
  }
  return {{"entries", std::move(list)}};
}

}  // namespace millrace
