// SPDX-License-Identifier: Apache-2.0
#include "client/session/unmask_file.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "client/data/site_message.h"

namespace millrace {
namespace {

// Of kMostRuns entries, with room for digests and numbers.
constexpr int64_t kMostBytes = UnmaskRecord::kMostRuns * (UnmaskRecord::kMostRunBytes + 128);

/// What becomes of a record that cannot be read or written.
absl::Status Without(const absl::Status& trouble, SecureMode mode) {
  if (mode == SecureMode::kMalicious) return trouble;
  LogWarning("record of unmasked rounds not kept", {{"error", std::string(trouble.message())}});
  return absl::OkStatus();
}

}  // namespace

UnmaskFile::UnmaskFile(FileSystem* files, std::string folder)
    : files_(files), folder_(std::move(folder)) {}

std::string UnmaskFile::Path() const { return absl::StrCat(folder_, "/unmasked"); }

absl::StatusOr<UnmaskRecord> UnmaskFile::Read() const {
  const absl::StatusOr<std::string> bytes = ReadFile(files_, Path(), kMostBytes);
  if (absl::IsNotFound(bytes.status())) return UnmaskRecord();
  absl::StatusOr<UnmaskRecord> record =
      bytes.ok() ? UnmaskRecord::Parse(*bytes) : absl::StatusOr<UnmaskRecord>(bytes.status());
  if (record.ok()) return record;
  return SiteMessage("the record of the rounds that this site has helped to unmask",
                     Private{absl::StrCat(", ", Path(), ","), ""}, " cannot be read",
                     Private{absl::StrCat(" (", record.status().message(), ")"), ""},
                     "; stop the runs that it took part in, then remove the file 'unmasked' from "
                     "the site's [storage] folder")
      .ToStatus(absl::StatusCode::kFailedPrecondition);
}

absl::Status UnmaskFile::CheckRound(const v1::RoundId& round, SecureMode mode) const {
  const absl::StatusOr<UnmaskRecord> record = Read();
  return record.ok() ? record->CheckRound(round, mode) : Without(record.status(), mode);
}

absl::Status UnmaskFile::CheckSurvivors(const v1::RoundId& round, SecureMode mode,
                                        const Digest& survivors) const {
  const absl::StatusOr<UnmaskRecord> record = Read();
  return record.ok() ? record->CheckSurvivors(round, mode, survivors)
                     : Without(record.status(), mode);
}

absl::Status UnmaskFile::Keep(const v1::RoundId& round, SecureMode mode, const Digest& survivors) {
  absl::StatusOr<UnmaskRecord> record = Read();
  if (!record.ok()) return Without(record.status(), mode);
  record->Add(round, mode, survivors);
  absl::Status kept = files_->CreateDirectories(folder_);
  if (kept.ok()) kept = WriteFileDurably(files_, Path(), record->ToBytes());
  if (kept.ok()) return kept;
  return Without(SiteMessage("the record of the rounds that this site has helped to unmask cannot "
                             "be written: ",
                             kept)
                     .ToStatus(kept.code()),
                 mode);
}

}  // namespace millrace
