// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rpc/call_limiter.h"

#include "absl/strings/str_cat.h"
#include "base/retry_after.h"

namespace millrace {
namespace {

constexpr int kBurstSeconds = 10;
constexpr double kMegabyte = 1e6;
// When a place among the open calls may be free again; nobody knows.
constexpr absl::Duration kTryAgain = absl::Seconds(1);

absl::Status TooMany(const std::string& caller, const std::string& what, absl::string_view key,
                     absl::Duration retry_after) {
  return WithRetryAfter(absl::ResourceExhaustedError(absl::StrCat(caller, ": ", what, " ([limits] ",
                                                                  key, " of the coordinator)")),
                        retry_after);
}

}  // namespace

CallLimiter::Calls::Calls(const CallLimits& limits)
    : calls(static_cast<double>(limits.site_calls_per_s),
            static_cast<double>(limits.site_calls_per_s * kBurstSeconds)),
      bytes(static_cast<double>(limits.site_mb_per_s) * kMegabyte,
            static_cast<double>(limits.site_mb_per_s * kBurstSeconds) * kMegabyte) {}

CallLimiter::Calls& CallLimiter::Of(const std::string& caller) {
  return callers_.try_emplace(caller, limits_).first->second;
}

int64_t* CallLimiter::TransfersOf(CallKind kind) {
  if (kind == CallKind::kUpload) return &uploads_;
  if (kind == CallKind::kDownload) return &downloads_;
  return nullptr;
}

absl::Status CallLimiter::Begin(const std::string& caller, CallKind kind, absl::Time now) {
  Calls& calls = Of(caller);
  if (!calls.calls.Take(1, now)) {
    return TooMany(caller, absl::StrCat("more than ", limits_.site_calls_per_s, " calls a second"),
                   "site_calls_per_s", calls.calls.Until(1, now));
  }
  if (kind == CallKind::kQuick) return absl::OkStatus();
  if (calls.open >= limits_.site_calls) {
    return TooMany(caller, absl::StrCat("has ", calls.open, " calls open"), "site_calls",
                   kTryAgain);
  }
  if (int64_t* const transfers = TransfersOf(kind); transfers != nullptr) {
    const bool upload = kind == CallKind::kUpload;
    if (*transfers >= (upload ? limits_.uploads : limits_.downloads)) {
      return TooMany(caller,
                     absl::StrCat("the coordinator has ", *transfers,
                                  upload ? " uploads" : " downloads", " in progress"),
                     upload ? "uploads" : "downloads", kTryAgain);
    }
    ++*transfers;
  }
  ++calls.open;
  return absl::OkStatus();
}

void CallLimiter::End(const std::string& caller, CallKind kind) {
  if (kind == CallKind::kQuick) return;
  --Of(caller).open;
  if (int64_t* const transfers = TransfersOf(kind); transfers != nullptr) --*transfers;
}

absl::Status CallLimiter::TakeBytes(const std::string& caller, int64_t bytes, absl::Time now) {
  Calls& calls = Of(caller);
  const auto tokens = static_cast<double>(bytes);
  if (calls.bytes.Take(tokens, now)) return absl::OkStatus();
  return TooMany(caller, absl::StrCat("sends more than ", limits_.site_mb_per_s, " MB a second"),
                 "site_mb_per_s", calls.bytes.Until(tokens, now));
}

}  // namespace millrace
