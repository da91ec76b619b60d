// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/round/types.h"

namespace millrace {

struct StoredRun {
  std::string id;
  std::vector<Event> events;
};

/// What a site sent in a phase of a secure round; kept until the round is over.
struct StoredMessage {
  RoundId round;
  SecurePhase phase = SecurePhase::kAdvertise;
  std::string site;
  std::string bytes;
};

/// What the registry remembers of a site.
struct SiteRecord {
  std::string name;
  absl::Time first_seen;
  absl::Time last_seen;
  std::string version;  // of its daemon
  int64_t updates = 0;  // accepted
};

/// The highest number that a forgotten run of this name had: "press-12" of "press".
struct ForgottenRuns {
  std::string name;
  int64_t number = 0;
};

/// What the coordinator must not forget: the events of every run, and the sites. Thread-safe; more
/// than one process may share one store.
class Store {
 public:
  virtual ~Store() = default;

  /// Appends events to a run, its first at position `sequence` (0-based), and keeps the messages
  /// that they speak of. All or nothing, durable on return. ABORTED if another process has written
  /// that position, RESOURCE_EXHAUSTED when the disk is full, read-only or failing, UNAVAILABLE
  /// when another process keeps the store busy.
  virtual absl::Status Append(const std::string& run, int64_t sequence,
                              std::span<const Event> events,
                              std::span<const StoredMessage> messages = {}) = 0;
  /// Every run, oldest first. DATA_LOSS names a run whose events cannot be read.
  virtual absl::StatusOr<std::vector<StoredRun>> LoadRuns() = 0;

  /// Forgets an ended run: its events and messages. That `number` was its one among those of `name`
  /// is kept, so that no other run gets its id: sites remember what they did for it. All or
  /// nothing, durable on return; statuses as Append's.
  virtual absl::Status ForgetRun(const std::string& run, const std::string& name,
                                 int64_t number) = 0;
  /// By name.
  virtual absl::StatusOr<std::vector<ForgottenRuns>> LoadForgotten() = 0;

  /// Every message that was kept of this run's rounds and not dropped, in no order.
  virtual absl::StatusOr<std::vector<StoredMessage>> LoadMessages(const std::string& run) = 0;
  /// Forgets them, on disk as well.
  virtual absl::Status DropMessages(const std::string& run) = 0;

  /// Inserts or replaces, by name.
  virtual absl::Status PutSite(const SiteRecord& site) = 0;
  /// By name.
  virtual absl::StatusOr<std::vector<SiteRecord>> LoadSites() = 0;
};

}  // namespace millrace
