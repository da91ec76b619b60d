// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/token_bucket.h"

namespace millrace {

/// A quick call answers at once; a held one waits for something to happen; the other two move
/// bytes.
enum class CallKind { kQuick, kHeld, kUpload, kDownload };

/// What the sites, and each person with the command line, may ask of a coordinator. Generous to a
/// site that works, and far below what would keep the others from working.
struct CallLimits {
  int64_t uploads = 256;  // in progress at once, of all callers
  int64_t downloads = 256;
  int64_t site_calls = 16;                   // open at once, of one site or person
  int64_t site_calls_per_s = 100;            // of one of them; ten seconds' worth may come at once
  int64_t site_mb_per_s = 100;               // that one site sends, likewise
  absl::Duration stall = absl::Seconds(60);  // a transfer that moves no byte for so long is ended
};

/// Counts calls against the limits. A caller is called as messages call it: "site press-7",
/// "operator ada". Every refusal is RESOURCE_EXHAUSTED, names the caller and the limit, and says
/// with RetryAfter when to try again. Not thread-safe.
class CallLimiter {
 public:
  explicit CallLimiter(const CallLimits& limits) : limits_(limits) {}

  /// OK if the caller may make a call now; anything but a quick one is open until End.
  absl::Status Begin(const std::string& caller, CallKind kind, absl::Time now);
  void End(const std::string& caller, CallKind kind);
  /// OK if the caller may send so many bytes more now.
  absl::Status TakeBytes(const std::string& caller, int64_t bytes, absl::Time now);

 private:
  struct Calls {
    explicit Calls(const CallLimits& limits);
    int64_t open = 0;
    TokenBucket calls;
    TokenBucket bytes;
  };
  Calls& Of(const std::string& caller);
  int64_t* TransfersOf(CallKind kind);

  const CallLimits limits_;
  int64_t uploads_ = 0;
  int64_t downloads_ = 0;
  std::map<std::string, Calls>
      callers_;  // those that the authority certified, so not without bounds
};

}  // namespace millrace
