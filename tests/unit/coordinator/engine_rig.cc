// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/coordinator/engine_rig.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "aggregation/weighted_sum.h"
#include "base/status.h"
#include "coordinator/store/sqlite_store.h"

namespace millrace::testing {
UpdateClaim ClaimOf(const std::string& site, const v1::Assignment& assignment,
                    const SiteUpdate& update) {
  const v1::RoundId& id = assignment.id();
  return {{id.run(), id.round(), id.attempt()},
          site,
          static_cast<int64_t>(update.vector.size() * sizeof(float)),
          Digest::FromBytes(assignment.layout_sha256()).value(),
          update.weight};
}

EngineRig::EngineRig(const EngineOptions& options, StoreOn store_on)
    : options_(options),
      disk_(&memory_),
      sqlite_(store_on == StoreOn::kDisk ? std::make_unique<SqliteOnFileSystem>(&disk_) : nullptr) {
  Restart();
}

void EngineRig::Restart() {
  engine_.reset();
  area_.reset();
  blobs_.reset();
  if (sqlite_ != nullptr) store_.reset();
  if (store_ == nullptr) {
    const char* const path = sqlite_ == nullptr ? ":memory:" : "store.sqlite";
    store_ = std::make_unique<DyingStore>(OpenSqliteStore(path).value());
  }
  store_->Revive();
  storage_ = std::make_unique<StorageHealth>(&disk_, ".", kMinFreeBytes);
  blobs_ = DirectoryBlobStore::Create(storage_->files(), "blobs").value();
  area_ = UploadArea::Create(storage_->files(), "uploads").value();
  report_ = CheckAtStart(store_.get(), blobs_.get(), area_.get(),
                         {options_.keep_versions, /*whole=*/true, clock_.Now()})
                .value();
  EngineParts parts{&clock_, store_.get(), blobs_.get(), area_.get(), storage_.get()};
  parts.on_progress = [this] { ++progress_; };
  parts.steady = &steady_;
  engine_ = Engine::Create(parts, options_).value();
}

void EngineRig::Start(const TinyPlan& plan) {
  const absl::StatusOr<std::string> id = engine_->StartRun(plan.Text());
  ASSERT_TRUE(id.ok()) << id.status();
  ASSERT_EQ(*id, "tiny-1");
}

std::vector<float> EngineRig::ReadModel(const Digest& digest) {
  const std::string bytes = ReadBlob(blobs_.get(), digest).value();
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

void EngineRig::OpenRound(const std::vector<std::string>& sites) {
  for (const std::string& site : sites) EXPECT_TRUE(engine_->CheckIn(site, "test").ok());
  engine_->Step();
}

v1::Assignment EngineRig::AssignmentOf(const std::string& site) {
  return engine_->CheckIn(site, "test").value().value();
}

absl::Status EngineRig::Send(const UpdateClaim& claim, const Digest& digest,
                             const std::string& bytes) {
  MR_ASSIGN_OR_RETURN(const Engine::UploadProgress progress, engine_->BeginUpload(claim, digest));
  if (progress.accepted) return absl::OkStatus();
  MR_ASSIGN_OR_RETURN(const auto upload, engine_->FindUpload(claim.site, claim.round));
  constexpr size_t kPiece = 50;  // straddles elements
  for (size_t offset = progress.received; offset < bytes.size(); offset += kPiece) {
    const size_t size = std::min(kPiece, bytes.size() - offset);
    MR_RETURN_IF_ERROR(upload->Append(static_cast<int64_t>(offset), {bytes.data() + offset, size}));
  }
  MR_RETURN_IF_ERROR(engine_->FinishUpload(*upload));
  acknowledged_.emplace(claim.round, claim.site);
  return absl::OkStatus();
}

absl::Status EngineRig::SendHonest(const std::string& site) {
  const v1::Assignment assignment = AssignmentOf(site);
  const SiteUpdate update = HonestUpdate(site, assignment);
  return Send(ClaimOf(site, assignment, update), Sha256Of(update.Bytes()), update.Bytes());
}

bool EngineRig::RestartIfDead() {
  if (!store_->dead() && !disk_.dead()) return false;
  // Closes every file, the store's while the disk still is dead.
  engine_.reset();
  if (sqlite_ != nullptr) store_.reset();
  disk_.Heal();
  if (power_cut_) disk_.LosePower();
  Restart();
  ExpectAcknowledged();
  return true;
}

void EngineRig::ExpectAcknowledged() {
  EXPECT_EQ(report_.losses + report_.failed + report_.quarantined, 0);
  for (const auto& [id, site] : acknowledged_) {
    const absl::StatusOr<RunState> run = engine_->GetRun(id.run);
    ASSERT_TRUE(run.ok()) << run.status();
    const auto round = std::ranges::find(run->rounds, id, &RoundState::id);
    ASSERT_NE(round, run->rounds.end()) << ToString(id);
    EXPECT_TRUE(round->contributions.contains(site)) << ToString(id) << " site " << site;
  }
}

bool EngineRig::Finish(const std::vector<std::string>& sites) {
  for (int second = 0; second < 3600; ++second) {
    for (const std::string& site : sites) {
      const auto assignment = engine_->CheckIn(site, "test");
      if (!assignment.ok() || !assignment->has_value()) continue;
      const SiteUpdate update = HonestUpdate(site, **assignment);
      // A refusal is tried again in the next second.
      Send(ClaimOf(site, **assignment, update), Sha256Of(update.Bytes()), update.Bytes())
          .IgnoreError();
    }
    engine_->Step();
    if (RestartIfDead()) continue;
    const absl::StatusOr<RunState> run = engine_->GetRun("tiny-1");
    if (run.ok() && run->phase != RunPhase::kRunning) return true;
    clock_.Advance(absl::Seconds(1));
  }
  return false;
}

void ExpectFinishedAndFinite(EngineRig& rig) {
  const RunState run = rig.Run();
  EXPECT_EQ(run.phase, RunPhase::kFinished) << run.note;
  EXPECT_EQ(run.Newest().version, run.plan.run.rounds);
  for (const ModelVersion& version : run.versions) {
    EXPECT_TRUE(AllFinite(rig.ReadModel(version.parameters))) << "version " << version.version;
    for (const auto& [name, value] : version.metrics) EXPECT_TRUE(std::isfinite(value)) << name;
  }
}

}  // namespace millrace::testing
