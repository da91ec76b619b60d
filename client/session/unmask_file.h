// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/crypto/digest.h"
#include "base/file_system.h"
#include "client/session/unmask_record.h"
#include "millrace/v1/common.pb.h"
#include "plan/plan.h"

namespace millrace {

/// A site's UnmaskRecord on disk, read anew for each question. A file that cannot be read is never
/// replaced: under `malicious` the site then refuses, naming the way out, rather than forget;
/// otherwise it warns in its log and goes on. One process at a time. Not thread-safe.
class UnmaskFile {
 public:
  /// `files` outlives the object. The folder is made when it is needed.
  UnmaskFile(FileSystem* files, std::string folder);

  /// As UnmaskRecord's; FAILED_PRECONDITION also where the record cannot be read.
  absl::Status CheckRound(const v1::RoundId& round, SecureMode mode) const;
  absl::Status CheckSurvivors(const v1::RoundId& round, SecureMode mode,
                              const Digest& survivors) const;
  /// Durable when it returns OK; only then may the site help to unmask.
  absl::Status Keep(const v1::RoundId& round, SecureMode mode, const Digest& survivors);

 private:
  std::string Path() const;
  absl::StatusOr<UnmaskRecord> Read() const;

  FileSystem* const files_;
  const std::string folder_;
};

}  // namespace millrace
