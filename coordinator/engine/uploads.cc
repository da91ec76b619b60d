// SPDX-License-Identifier: Apache-2.0
#include "coordinator/engine/uploads.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/retry_after.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr absl::Duration kRetryWhenStaged = absl::Seconds(5);
constexpr absl::Duration kRetryWhenBusy = absl::Milliseconds(500);

UploadKey KeyOf(const RoundId& round, const std::string& site) {
  return {round.run, round.round, round.attempt, site};
}

}  // namespace

Upload::Upload(UpdateClaim claim, const Digest& digest)
    : claim_(std::move(claim)), digest_(digest) {}

absl::Status Upload::Open(UploadArea* area) {
  absl::MutexLock lock(&mutex_);
  if (closed_) return Replaced();
  MR_ASSIGN_OR_RETURN(staged_, area->Open(KeyOf(claim_.round, claim_.site),
                                          {claim_.bytes, digest_, claim_.masked}));
  received_ = staged_->size();
  finished_ = staged_->finished();
  opened_ = true;
  claimed_ = false;
  return absl::OkStatus();
}

absl::Status Upload::Append(int64_t offset, std::span<const char> bytes) {
  if (claimed_) return IsBusy();
  absl::MutexLock lock(&mutex_);
  if (staged_ == nullptr) return Replaced();
  MR_RETURN_IF_ERROR(staged_->Append(offset, bytes));
  received_ = staged_->size();
  return absl::OkStatus();
}

absl::Status Upload::Finish() {
  if (finished_) return absl::OkStatus();
  if (!Claim()) return IsBusy();
  const absl::Cleanup release = [this] { claimed_ = false; };
  absl::MutexLock lock(&mutex_);
  if (staged_ == nullptr) return Replaced();
  const absl::Status finished = staged_->Finish();
  received_ = staged_->size();
  finished_ = finished.ok();
  return finished;
}

absl::Status Upload::ReadAt(int64_t offset, std::span<char> out) {
  absl::MutexLock lock(&mutex_);
  return staged_ == nullptr ? Replaced() : staged_->ReadAt(offset, out);
}

void Upload::Close() {
  absl::MutexLock lock(&mutex_);
  closed_ = true;
  opened_ = false;
  finished_ = false;
  received_ = 0;
  staged_.reset();
  claimed_ = false;
}

absl::Status Upload::Replaced() const {
  return absl::AbortedError(absl::StrCat("site ", claim_.site, ": this upload for ",
                                         ToString(claim_.round), " has ended; begin again"));
}

absl::Status Upload::IsBusy() const {
  return WithRetryAfter(absl::UnavailableError(absl::StrCat(
                            "site ", claim_.site, ": its upload for ", ToString(claim_.round),
                            " is being checked or synced by another call")),
                        kRetryWhenBusy);
}

absl::StatusOr<std::vector<float>> Upload::ReadFloats(int64_t offset, int64_t count) {
  std::vector<float> floats(count);
  MR_RETURN_IF_ERROR(ReadAt(offset * static_cast<int64_t>(sizeof(float)),
                            {reinterpret_cast<char*>(floats.data()), count * sizeof(float)}));
  return floats;
}

absl::StatusOr<double> Upload::Norm(int64_t count) {
  constexpr int64_t kChunk = 1 << 16;  // elements
  double squares = 0;
  for (int64_t offset = 0; offset < count; offset += kChunk) {
    MR_ASSIGN_OR_RETURN(const std::vector<float> chunk,
                        ReadFloats(offset, std::min(kChunk, count - offset)));
    for (const double x : chunk) squares += x * x;
  }
  return std::sqrt(squares);
}

int64_t Uploads::PromisedBeside(const Key& key) const {
  int64_t bytes = 0;
  for (const auto& [other, upload] : uploads_) {
    if (other != key) bytes += upload->claim().bytes;
  }
  for (const auto& [other, staged] : staged_) {
    if (other != key && !uploads_.contains(other)) bytes += staged;
  }
  return bytes;
}

absl::Status Uploads::CountStaged(const RoundId& round) {
  if (max_bytes_ == 0) return absl::OkStatus();
  MR_ASSIGN_OR_RETURN(const auto staged, area_->StagedBytes(round.run, round.round, round.attempt));
  absl::MutexLock lock(&mutex_);
  for (const auto& [site, bytes] : staged) staged_[{round, site}] = bytes;
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Upload>> Uploads::Begin(const UpdateClaim& claim,
                                                       const Digest& digest) {
  return Take(claim, digest, max_bytes_);
}

absl::StatusOr<std::shared_ptr<Upload>> Uploads::Take(const UpdateClaim& claim,
                                                      const Digest& digest, int64_t max_bytes) {
  const Key key(claim.round, claim.site);
  std::shared_ptr<Upload> upload;
  std::shared_ptr<Upload> replaced;
  bool is_new = false;
  {
    absl::MutexLock lock(&mutex_);
    const int64_t free = max_bytes - PromisedBeside(key);
    if (max_bytes > 0 && !uploads_.contains(key) && claim.bytes > free) {
      return WithRetryAfter(
          absl::ResourceExhaustedError(absl::StrCat(
              "site ", claim.site, ": update for ", ToString(claim.round), ": ", claim.bytes,
              " bytes, of [storage] staging_mb ", std::max<int64_t>(0, free),
              " bytes are free; try again when other rounds are over")),
          kRetryWhenStaged);
    }
    std::shared_ptr<Upload>& place = uploads_[key];
    if (place == nullptr || place->digest() != digest) {
      if (place != nullptr && !place->finished() && !place->Claim()) return place->IsBusy();
      if (place != nullptr && place->finished()) {
        return absl::AlreadyExistsError(absl::StrCat("site ", claim.site, ": another update for ",
                                                     ToString(claim.round), " is in already (",
                                                     place->digest().Hex(), ")"));
      }
      replaced = std::exchange(place, std::make_shared<Upload>(claim, digest));
      is_new = true;
    }
    upload = place;
  }
  // The area lends each place to one upload at a time.
  if (replaced != nullptr) replaced->Close();
  if (!is_new && upload->is_open()) return upload;
  if (!is_new) return upload->IsBusy();  // in the call that began it
  absl::Cleanup forget = [&] {
    absl::MutexLock lock(&mutex_);
    if (const auto found = uploads_.find(key); found != uploads_.end() && found->second == upload) {
      uploads_.erase(found);
    }
  };
  MR_RETURN_IF_ERROR(upload->Open(area_));
  std::move(forget).Cancel();
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
  // It lies on disk already, whatever the bound.
  MR_ASSIGN_OR_RETURN(std::shared_ptr<Upload> upload, Take(claim, contribution.digest, 0));
  if (!upload->finished()) MR_RETURN_IF_ERROR(upload->Finish());
  return upload;
}

void Uploads::Remove(const RoundId& round, const std::string& site) {
  const absl::StatusOr<std::shared_ptr<Upload>> upload = Find(round, site);
  if (upload.ok()) (*upload)->Close();
  absl::MutexLock lock(&mutex_);
  if (const auto found = uploads_.find({round, site}); found != uploads_.end()) {
    if (!upload.ok() || found->second != *upload) return;  // the site has begun another meanwhile
    uploads_.erase(found);
  }
  staged_.erase({round, site});
  if (const absl::Status status = area_->Remove(KeyOf(round, site)); !status.ok()) {
    LogWarning("staged update not removed",
               {{"round", ToString(round)}, {"site", site}, {"error", status.ToString()}});
  }
}

void Uploads::DiscardRound(const RoundId& round) {
  std::vector<std::shared_ptr<Upload>> ended;
  {
    absl::MutexLock lock(&mutex_);
    std::erase_if(uploads_, [&](const auto& entry) {
      if (entry.first.first != round) return false;
      ended.push_back(entry.second);
      return true;
    });
    std::erase_if(staged_, [&](const auto& entry) { return entry.first.first == round; });
  }
  for (const std::shared_ptr<Upload>& upload : ended) upload->Close();
  const absl::Status status = area_->DiscardRound(round.run, round.round, round.attempt);
  if (!status.ok()) {
    LogWarning("staged updates not removed",
               {{"round", ToString(round)}, {"error", status.ToString()}});
  }
}

}  // namespace millrace
