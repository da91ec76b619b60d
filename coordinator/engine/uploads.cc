// SPDX-License-Identifier: Apache-2.0
#include "coordinator/engine/uploads.h"

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"

namespace millrace {
namespace {

UploadKey KeyOf(const RoundId& round, const std::string& site) {
  return {round.run, round.round, round.attempt, site};
}

}  // namespace

Upload::Upload(UpdateClaim claim, const Digest& digest, std::unique_ptr<StagedUpload> staged)
    : claim_(std::move(claim)), digest_(digest), staged_(std::move(staged)) {}

int64_t Upload::received() const {
  absl::MutexLock lock(&mutex_);
  return staged_ == nullptr ? 0 : staged_->size();
}

bool Upload::finished() const {
  absl::MutexLock lock(&mutex_);
  return staged_ != nullptr && staged_->finished();
}

absl::Status Upload::Append(int64_t offset, std::span<const char> bytes) {
  absl::MutexLock lock(&mutex_);
  return staged_ == nullptr ? Replaced() : staged_->Append(offset, bytes);
}

absl::Status Upload::Finish() {
  absl::MutexLock lock(&mutex_);
  return staged_ == nullptr ? Replaced() : staged_->Finish();
}

absl::Status Upload::ReadAt(int64_t offset, std::span<char> out) {
  absl::MutexLock lock(&mutex_);
  return staged_ == nullptr ? Replaced() : staged_->ReadAt(offset, out);
}

void Upload::Close() {
  absl::MutexLock lock(&mutex_);
  staged_.reset();
}

absl::Status Upload::Replaced() const {
  return absl::AbortedError(absl::StrCat("site ", claim_.site, ": this upload for ",
                                         ToString(claim_.round), " has ended; begin again"));
}

absl::StatusOr<std::vector<float>> Upload::ReadFloats(int64_t offset, int64_t count) {
  std::vector<float> floats(count);
  MR_RETURN_IF_ERROR(ReadAt(offset * static_cast<int64_t>(sizeof(float)),
                            {reinterpret_cast<char*>(floats.data()), count * sizeof(float)}));
  return floats;
}

absl::StatusOr<std::shared_ptr<Upload>> Uploads::Begin(const UpdateClaim& claim,
                                                       const Digest& digest) {
  absl::MutexLock lock(&mutex_);
  std::shared_ptr<Upload>& upload = uploads_[{claim.round, claim.site}];
  if (upload != nullptr && upload->digest() == digest) return upload;
  if (upload != nullptr && upload->finished()) {
    return absl::AlreadyExistsError(absl::StrCat("site ", claim.site, ": another update for ",
                                                 ToString(claim.round), " is in already (",
                                                 upload->digest().Hex(), ")"));
  }
  if (upload != nullptr) upload->Close();  // the area lends each place to one upload at a time
  absl::StatusOr<std::unique_ptr<StagedUpload>> staged =
      area_->Open(KeyOf(claim.round, claim.site), {claim.bytes, digest, claim.masked});
  if (!staged.ok()) {
    uploads_.erase({claim.round, claim.site});
    return staged.status();
  }
  upload = std::make_shared<Upload>(claim, digest, *std::move(staged));
  return upload;
}

absl::StatusOr<std::shared_ptr<Upload>> Uploads::Find(const RoundId& round,
                                                      const std::string& site) {
  absl::MutexLock lock(&mutex_);
  const auto found = uploads_.find({round, site});
  if (found == uploads_.end()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "site ", site, ": no upload for ", ToString(round), " has begun; call BeginUpload first"));
  }
  return found->second;
}

absl::StatusOr<std::shared_ptr<Upload>> Uploads::FindAccepted(const RoundId& round,
                                                              const Contribution& contribution,
                                                              bool masked) {
  UpdateClaim claim;
  claim.round = round;
  claim.site = contribution.site;
  claim.bytes = contribution.bytes;
  claim.weight = contribution.weight;
  claim.masked = masked;
  MR_ASSIGN_OR_RETURN(std::shared_ptr<Upload> upload, Begin(claim, contribution.digest));
  if (!upload->finished()) MR_RETURN_IF_ERROR(upload->Finish());
  return upload;
}

void Uploads::Remove(const RoundId& round, const std::string& site) {
  absl::MutexLock lock(&mutex_);
  if (const auto found = uploads_.find({round, site}); found != uploads_.end()) {
    found->second->Close();
    uploads_.erase(found);
  }
  if (const absl::Status status = area_->Remove(KeyOf(round, site)); !status.ok()) {
    LogWarning("staged update not removed",
               {{"round", ToString(round)}, {"site", site}, {"error", status.ToString()}});
  }
}

void Uploads::DiscardRound(const RoundId& round) {
  absl::MutexLock lock(&mutex_);
  std::erase_if(uploads_, [&](const auto& entry) {
    const bool ended = entry.first.first == round;
    if (ended) entry.second->Close();
    return ended;
  });
  const absl::Status status = area_->DiscardRound(round.run, round.round, round.attempt);
  if (!status.ok()) {
    LogWarning("staged updates not removed",
               {{"round", ToString(round)}, {"error", status.ToString()}});
  }
}

}  // namespace millrace
