// SPDX-License-Identifier: Apache-2.0
// Where live data come from, and what can be said of such a place.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/file_system.h"
#include "client/live/channel_table.h"
#include "client/live/live_clock.h"
#include "client/live/sample.h"

namespace millrace {

enum class SourceState {
  kConnecting,  // on its way, for the first time or again
  kLive,        // samples come
  kStale,       // connected, but nothing has come for longer than the site expects
  kFailed,      // refused or broken; it tries again unless the reason says otherwise
  kDone         // a replay that is over
};

absl::string_view SourceStateName(SourceState state);

struct SourceStatus {
  SourceState state = SourceState::kConnecting;
  std::string reason;                         // of the state; empty where it needs none
  int64_t last_unix_ns = 0;                   // when the last samples came; 0: none so far
  int64_t messages = 0;                       // messages, polls or rows
  int64_t samples = 0;                        // handed on
  int64_t refused = 0;                        // payloads that could not be read
  std::string last_refusal;                   // why the last of them
  int64_t reconnects = 0;                     // connections after the first
  int64_t unknown_values = 0;                 // of channels that the site does not know
  std::vector<std::string> unknown_channels;  // the first of their names, "machine/channel"
};

/// What every source needs. The objects outlive it.
struct SourceContext {
  const ChannelTable* channels = nullptr;
  SampleSink* sink = nullptr;
  LiveClock* clock = nullptr;
  FileSystem* files = nullptr;
  std::string state_folder;  // of what must be remembered over restarts
  bool any_time = false;     // the data's own time says nothing of when they were measured
};

/// One place that live data come from. It goes on trying whatever happens there: a source ends when
/// it is stopped, or has played to its end.
class Source {
 public:
  virtual ~Source() = default;
  /// Reads until Stop; called once, on a thread of its own.
  virtual void Run() = 0;
  /// Makes Run return, within a second or so. Called once, from any thread, also before Run.
  virtual void Stop() = 0;
  /// From any thread.
  virtual SourceStatus Status() const = 0;
};

}  // namespace millrace
