// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "base/clock.h"
#include "coordinator/enrollment/enrollment_store.h"

namespace millrace {

/// Who asks for which change.
struct AuditedChange {
  std::string actor;   // "operator ada"
  std::string action;  // "run.start"
  std::string object;  // "run turbofan-1"; empty while it has no name
};

/// The log of every change that people ask for. Thread-safe; what it was given outlives it.
class AuditLog {
 public:
  AuditLog(EnrollmentStore* store, Clock* clock) : store_(store), clock_(clock) {}

  /// Makes the change, between an entry that says that it was asked for, without which nothing
  /// happens, and one that says what came of it: a crash cannot leave a change without an entry.
  /// `change` may name the object better than it was known before.
  absl::Status Record(AuditedChange asked,
                      const std::function<absl::Status(std::string* object)>& change);

  /// A change that was refused before it began.
  void Refused(const AuditedChange& asked, const absl::Status& why);

  absl::StatusOr<std::vector<AuditEntry>> Load(int64_t after, int64_t limit) {
    return store_->LoadAudit(after, limit);
  }

 private:
  absl::Status Append(const AuditedChange& change, const std::string& result);

  EnrollmentStore* const store_;
  Clock* const clock_;
};

}  // namespace millrace
