// SPDX-License-Identifier: Apache-2.0
#include "client/live/source_record.h"

#include <bit>
#include <utility>

#include "absl/hash/hash.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/log.h"
#include "base/text.h"

namespace millrace {
namespace {

constexpr size_t kLongestName = 256;

}  // namespace

absl::string_view SourceStateName(SourceState state) {
  switch (state) {
    case SourceState::kConnecting:
      return "connecting";
    case SourceState::kLive:
      return "live";
    case SourceState::kStale:
      return "stale";
    case SourceState::kFailed:
      return "failed";
    case SourceState::kDone:
      return "done";
  }
  MR_CHECK(false);
}

SourceRecord::SourceRecord(std::string name)
    : name_(std::move(name)), number_(absl::HashOf(name_)) {}

void SourceRecord::State(SourceState state, absl::string_view reason) {
  const std::string why = Printable(reason);
  absl::MutexLock lock(&mutex_);
  if (status_.state == state && status_.reason == why) return;
  status_.state = state;
  status_.reason = why;
  const LogFields fields = {{"source", name_}, {"state", SourceStateName(state)}, {"reason", why}};
  if (state == SourceState::kStale || state == SourceState::kFailed) {
    LogWarning("source changes state", fields);
  } else {
    LogInfo("source changes state", fields);
  }
}

void SourceRecord::Connected() {
  absl::MutexLock lock(&mutex_);
  if (connected_before_) ++status_.reconnects;
  connected_before_ = true;
}

void SourceRecord::Message() {
  absl::MutexLock lock(&mutex_);
  ++status_.messages;
}

void SourceRecord::Refused(absl::string_view reason) {
  std::string why = Printable(reason);
  absl::MutexLock lock(&mutex_);
  ++status_.refused;
  status_.last_refusal = std::move(why);
  if (!std::has_single_bit(static_cast<uint64_t>(status_.refused))) return;
  LogWarning("payload refused",
             {{"source", name_}, {"reason", status_.last_refusal}, {"refused", status_.refused}});
}

void SourceRecord::Delivered(int64_t samples, int64_t unix_ns) {
  {
    absl::MutexLock lock(&mutex_);
    status_.samples += samples;
    status_.last_unix_ns = unix_ns;
    if (status_.state == SourceState::kLive) return;
  }
  State(SourceState::kLive);
}

void SourceRecord::Unknown(absl::string_view machine, absl::string_view channel, int64_t values) {
  absl::MutexLock lock(&mutex_);
  status_.unknown_values += values;
  if (unknown_.size() == kMostUnknown) return;
  std::string name =
      Printable(absl::StrCat(Utf8(machine, kLongestName), "/", Utf8(channel, kLongestName)));
  if (!unknown_.insert(name).second) return;
  LogWarning("channel that the site does not know is ignored",
             {{"source", name_}, {"channel", name}});
  status_.unknown_channels.push_back(std::move(name));
}

SourceStatus SourceRecord::Status() const {
  absl::MutexLock lock(&mutex_);
  return status_;
}

}  // namespace millrace
