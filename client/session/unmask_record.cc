// SPDX-License-Identifier: Apache-2.0
#include "client/session/unmask_record.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "millrace/internal/unmask_record.pb.h"

namespace millrace {

std::string NameOf(const v1::RoundId& id) {
  return absl::StrCat(id.run(), " round ", id.round(), " attempt ", id.attempt());
}

absl::StatusOr<UnmaskRecord> UnmaskRecord::Parse(absl::string_view bytes) {
  internal::UnmaskRecordFile file;
  internal::UnmaskedRounds rounds;
  if (!file.ParseFromString(std::string(bytes)) || !rounds.ParseFromString(file.rounds())) {
    return absl::DataLossError(absl::StrCat("its ", bytes.size(), " bytes are no record"));
  }
  if (file.sha256() != Sha256Of(file.rounds()).ToBytes()) {
    return absl::DataLossError("its digest is not that of its rounds");
  }
  UnmaskRecord record;
  for (const internal::UnmaskedRound& round : rounds.rounds()) {
    Unmasked unmasked{round.run(), round.round(), round.attempt(), {}, round.malicious()};
    if (round.survivors_sha256().size() != unmasked.survivors.bytes.size()) {
      return absl::DataLossError(absl::StrCat("run ", round.run(), ": its survivors' digest has ",
                                              round.survivors_sha256().size(), " bytes"));
    }
    if (record.Find(round.run()) != nullptr) {
      return absl::DataLossError(absl::StrCat("run ", round.run(), ": is there twice"));
    }
    std::copy(round.survivors_sha256().begin(), round.survivors_sha256().end(),
              unmasked.survivors.bytes.begin());
    record.runs_.push_back(std::move(unmasked));
  }
  return record;
}

std::string UnmaskRecord::ToBytes() const {
  internal::UnmaskedRounds rounds;
  for (const Unmasked& unmasked : runs_) {
    internal::UnmaskedRound* const round = rounds.add_rounds();
    round->set_run(unmasked.run);
    round->set_round(unmasked.round);
    round->set_attempt(unmasked.attempt);
    round->set_survivors_sha256(unmasked.survivors.ToBytes());
    round->set_malicious(unmasked.malicious);
  }
  internal::UnmaskRecordFile file;
  file.set_rounds(rounds.SerializeAsString());
  file.set_sha256(Sha256Of(file.rounds()).ToBytes());
  return file.SerializeAsString();
}

const UnmaskRecord::Unmasked* UnmaskRecord::Find(const std::string& run) const {
  const auto found = std::find_if(runs_.begin(), runs_.end(),
                                  [&](const Unmasked& unmasked) { return unmasked.run == run; });
  return found == runs_.end() ? nullptr : &*found;
}

const UnmaskRecord::Unmasked* UnmaskRecord::Binding(const std::string& run, SecureMode mode) const {
  const Unmasked* const found = Find(run);
  const bool binds = found != nullptr && (found->malicious || mode == SecureMode::kMalicious);
  return binds ? found : nullptr;
}

absl::Status UnmaskRecord::CheckRound(const v1::RoundId& round, SecureMode mode) const {
  if (round.run().size() > kMostRunBytes) {
    return absl::InvalidArgumentError(absl::StrCat("run's name of ", round.run().size(),
                                                   " bytes: at most ", kMostRunBytes, " are used"));
  }
  const Unmasked* const helped = Binding(round.run(), mode);
  if (helped == nullptr || round.round() >= helped->round) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      NameOf(round), ": this site has helped to unmask round ", helped->round, " attempt ",
      helped->attempt, " of the run and takes part in no older one; start a new run"));
}

absl::Status UnmaskRecord::CheckSurvivors(const v1::RoundId& round, SecureMode mode,
                                          const Digest& survivors) const {
  MR_RETURN_IF_ERROR(CheckRound(round, mode));
  const Unmasked* const helped = Binding(round.run(), mode);
  if (helped == nullptr || round.round() > helped->round || survivors == helped->survivors) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(absl::StrCat(
      NameOf(round), ": this site has helped to unmask attempt ", helped->attempt,
      " of the round with other survivors, and the difference of the two sums would show the "
      "updates that are in one only; start a new run"));
}

void UnmaskRecord::Add(const v1::RoundId& round, SecureMode mode, const Digest& survivors) {
  Unmasked unmasked{round.run(), round.round(), round.attempt(), survivors,
                    mode == SecureMode::kMalicious};
  if (const Unmasked* const helped = Find(round.run())) {
    if (round.round() < helped->round) return;
    unmasked.malicious |= helped->malicious;
    runs_.erase(runs_.begin() + (helped - runs_.data()));
  }
  runs_.push_back(std::move(unmasked));
  if (runs_.size() > kMostRuns) runs_.erase(runs_.begin());
}

}  // namespace millrace
