// SPDX-License-Identifier: Apache-2.0
#include "scripts/simulate/federation.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory_file_system.h"
#include "base/name.h"
#include "base/random.h"
#include "base/status.h"
#include "coordinator/blob/directory_blob_store.h"
#include "coordinator/blob/upload_area.h"
#include "coordinator/engine/engine.h"
#include "coordinator/store/sqlite_store.h"
#include "scripts/train/describe.h"

namespace millrace {
namespace {

/// Stands still until it is told to go on.
class SteppedClock final : public Clock {
 public:
  absl::Time Now() override { return now_; }
  void Sleep(absl::Duration duration) override { now_ += duration; }
  void AdvanceTo(absl::Time time) { now_ = std::max(now_, time); }

 private:
  absl::Time now_ = absl::UnixEpoch();
};

class Federation {
 public:
  Federation(std::span<const Participant> participants, const TrainerFactory& new_trainer,
             const RoundListener& on_round)
      : new_trainer_(new_trainer), on_round_(on_round) {
    for (const Participant& p : participants) participants_[p.name] = &p;
  }

  absl::StatusOr<FederatedRun> Run(const std::string& plan_text);

 private:
  absl::Status StartCoordinator();
  /// All sites of the open round do their work.
  absl::Status WorkOnRound(const RunState& run, const RoundState& round);
  absl::Status Work(const Participant& site, const v1::Assignment& assignment);
  absl::StatusOr<std::vector<float>> Download(const std::string& site,
                                              const v1::Assignment& assignment);
  absl::Status Upload(const std::string& site, const v1::Assignment& assignment,
                      const Update& update);
  void ReportNewRounds(const RunState& run);
  absl::StatusOr<FederatedRun> Finish(const RunState& run);
  absl::StatusOr<std::vector<float>> ReadParameters(const Digest& digest);

  std::map<std::string, const Participant*> participants_;
  const TrainerFactory& new_trainer_;
  const RoundListener& on_round_;
  size_t reported_ = 0;  // rounds of the run

  SteppedClock clock_;
  MemoryFileSystem files_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<UploadArea> uploads_;
  std::unique_ptr<Engine> engine_;
};

RoundId IdOf(const v1::Assignment& assignment) {
  return {assignment.id().run(), assignment.id().round(), assignment.id().attempt()};
}

/// The engine's own digests, in the form that messages carry.
Digest FromBytes(const std::string& bytes) {
  Digest digest;
  std::copy_n(bytes.begin(), std::min(bytes.size(), digest.bytes.size()), digest.bytes.begin());
  return digest;
}

/// The plan without masks: here all sites are one process, and have nothing to hide from each
/// other.
std::string InTheClear(const std::string& plan_text) {
  std::string clear = "secure_aggregation = \"off\"\n";
  bool in_table = false;
  for (const absl::string_view line : absl::StrSplit(plan_text, '\n')) {
    const absl::string_view text = absl::StripLeadingAsciiWhitespace(line);
    in_table = in_table || absl::StartsWith(text, "[");
    if (in_table || !absl::StartsWith(text, "secure_aggregation")) {
      absl::StrAppend(&clear, line, "\n");
    }
  }
  return clear;
}

absl::Status Federation::StartCoordinator() {
  MR_ASSIGN_OR_RETURN(store_, OpenSqliteStore(":memory:"));
  MR_ASSIGN_OR_RETURN(blobs_, DirectoryBlobStore::Create(&files_, "/blobs"));
  MR_ASSIGN_OR_RETURN(uploads_, UploadArea::Create(&files_, "/uploads"));
  EngineOptions options;
  options.presence = absl::InfiniteDuration();  // once here, a simulated site stays
  MR_ASSIGN_OR_RETURN(
      engine_, Engine::Create({&clock_, store_.get(), blobs_.get(), uploads_.get()}, options));
  return absl::OkStatus();
}

absl::StatusOr<FederatedRun> Federation::Run(const std::string& plan_text) {
  MR_RETURN_IF_ERROR(StartCoordinator());
  for (const auto& [name, participant] : participants_) {
    MR_RETURN_IF_ERROR(CheckName("site", name));
    MR_RETURN_IF_ERROR(engine_->CheckIn(name, MILLRACE_VERSION).status());
  }
  MR_ASSIGN_OR_RETURN(const std::string id, engine_->StartRun(InTheClear(plan_text)));
  MR_ASSIGN_OR_RETURN(const RunState started, engine_->GetRun(id));
  if (started.WaitsForDrift()) {
    return absl::InvalidArgumentError(absl::StrCat(
        id, ": its plan waits for drift, which simulated sites have none of; remove [start]"));
  }
  while (true) {
    const absl::Time wake = engine_->Step();
    MR_ASSIGN_OR_RETURN(const RunState run, engine_->GetRun(id));
    ReportNewRounds(run);
    if (run.phase != RunPhase::kRunning) return Finish(run);
    const RoundState* const round = run.Current();
    if (round == nullptr && wake == absl::InfiniteFuture()) {
      return absl::FailedPreconditionError(absl::StrCat(run.id, ": ", participants_.size(),
                                                        " sites, [cohort] minimum asks for ",
                                                        run.plan.cohort.minimum));
    }
    if (round != nullptr && round->Outstanding() > 0) {
      MR_RETURN_IF_ERROR(WorkOnRound(run, *round));
    } else {
      clock_.AdvanceTo(wake);
    }
  }
}

absl::Status Federation::WorkOnRound(const RunState& run, const RoundState& round) {
  std::vector<std::string> order = round.cohort;
  Random(run.plan.run.seed)
      .Fork(absl::StrCat("order ", round.id.round, " ", round.id.attempt))
      .Shuffle(std::span(order));
  for (const std::string& site : order) {
    MR_ASSIGN_OR_RETURN(const std::optional<v1::Assignment> assignment,
                        engine_->CheckIn(site, MILLRACE_VERSION));
    if (!assignment) continue;  // the round has ended without this site
    if (const absl::Status status = Work(*participants_.at(site), *assignment); !status.ok()) {
      LogWarning("site failed", {{"site", site}, {"error", status.ToString()}});
      MR_RETURN_IF_ERROR(engine_->ReportFailure(site, round.id, std::string(status.message())));
    }
    engine_->Step();
  }
  return absl::OkStatus();
}

absl::Status Federation::Work(const Participant& site, const v1::Assignment& assignment) {
  MR_ASSIGN_OR_RETURN(const SiteTask task, ReadAssignment(assignment));
  std::vector<float> parameters;
  if (task.kind != TaskKind::kStatistics) {
    MR_ASSIGN_OR_RETURN(parameters, Download(site.name, assignment));
  }
  MR_ASSIGN_OR_RETURN(const Update update,
                      Perform(task, parameters, *site.series, new_trainer_, {site.name, nullptr}));
  return Upload(site.name, assignment, update);
}

absl::StatusOr<std::vector<float>> Federation::ReadParameters(const Digest& digest) {
  MR_ASSIGN_OR_RETURN(const std::string bytes, ReadBlob(blobs_.get(), digest));
  std::vector<float> parameters(bytes.size() / sizeof(float));
  std::memcpy(parameters.data(), bytes.data(), bytes.size());
  return parameters;
}

absl::StatusOr<std::vector<float>> Federation::Download(const std::string& site,
                                                        const v1::Assignment& assignment) {
  const Digest digest = FromBytes(assignment.model_sha256());
  MR_RETURN_IF_ERROR(engine_->CheckDownload(site, IdOf(assignment), digest));
  MR_ASSIGN_OR_RETURN(std::vector<float> parameters, ReadParameters(digest));
  engine_->CountDownload(assignment.id().run(),
                         static_cast<int64_t>(parameters.size() * sizeof(float)));
  return parameters;
}

absl::Status Federation::Upload(const std::string& site, const v1::Assignment& assignment,
                                const Update& update) {
  const absl::string_view bytes(reinterpret_cast<const char*>(update.vector.data()),
                                update.vector.size() * sizeof(float));
  const UpdateClaim claim{IdOf(assignment), site, static_cast<int64_t>(bytes.size()),
                          FromBytes(assignment.layout_sha256()), update.weight};
  MR_RETURN_IF_ERROR(engine_->BeginUpload(claim, Sha256Of(bytes)).status());
  MR_ASSIGN_OR_RETURN(const auto upload, engine_->FindUpload(site, claim.round));
  MR_RETURN_IF_ERROR(upload->Append(0, {bytes.data(), bytes.size()}));
  return engine_->FinishUpload(*upload);
}

void Federation::ReportNewRounds(const RunState& run) {
  for (; reported_ < run.rounds.size(); ++reported_) {
    const RoundState& round = run.rounds[reported_];
    if (round.phase == RoundPhase::kOpen || round.phase == RoundPhase::kClosed) return;
    if (round.phase == RoundPhase::kCommitted && on_round_) {
      on_round_({round.id.round, round.task, static_cast<int64_t>(round.contributions.size()),
                 round.metrics});
    }
  }
}

absl::StatusOr<FederatedRun> Federation::Finish(const RunState& run) {
  if (run.phase != RunPhase::kFinished) return absl::FailedPreconditionError(run.note);
  const ModelVersion& newest = run.Newest();
  FederatedRun result;
  result.model.plan = run.plan;
  result.model.scaling = run.scaling;
  MR_ASSIGN_OR_RETURN(result.model.architecture, BuildArchitecture(run.plan));
  MR_ASSIGN_OR_RETURN(result.model.parameters, ReadParameters(newest.parameters));
  result.model.manifest = DescribeModel(run.plan_text, result.model, newest.metrics);
  v1::Lineage& lineage = *result.model.manifest.mutable_lineage();
  lineage.set_run(run.id);
  lineage.set_sites(newest.sites);
  lineage.set_examples(newest.examples);
  for (const RoundState& round : run.rounds) {
    result.bytes_down += round.bytes_down;
    for (const auto& [site, contribution] : round.contributions) {
      result.bytes_up += contribution.bytes;
    }
  }
  return result;
}

}  // namespace

absl::StatusOr<FederatedRun> RunFederation(const std::string& plan_text,
                                           std::span<const Participant> participants,
                                           const TrainerFactory& new_trainer,
                                           const RoundListener& on_round) {
  return Federation(participants, new_trainer, on_round).Run(plan_text);
}

}  // namespace millrace
