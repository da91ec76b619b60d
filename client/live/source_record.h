// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "client/live/source.h"

namespace millrace {

/// Keeps a source's status, and the site's log told: of every change of state, of each unknown
/// channel once, and of the first refused payload, the second, the fourth, the eighth and so on,
/// since whoever sends them must not fill the log. Thread-safe.
class SourceRecord {
 public:
  /// Names of unknown channels that are remembered; what comes after them is only counted.
  static constexpr size_t kMostUnknown = 100;

  explicit SourceRecord(std::string name);

  const std::string& name() const { return name_; }
  /// The same for sources of this name.
  uint64_t number() const { return number_; }

  void State(SourceState state, absl::string_view reason = "");
  /// A connection is there: the first one or a further one.
  void Connected();
  void Message();
  void Refused(absl::string_view reason);
  void Delivered(int64_t samples, int64_t unix_ns);
  void Unknown(absl::string_view machine, absl::string_view channel, int64_t values);

  SourceStatus Status() const;

 private:
  const std::string name_;
  const uint64_t number_;
  mutable absl::Mutex mutex_;
  SourceStatus status_ ABSL_GUARDED_BY(mutex_);
  bool connected_before_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_set<std::string> unknown_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace millrace
