// SPDX-License-Identifier: Apache-2.0
#include "client/live_memory.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <memory>
#include <utility>

#include "base/log.h"
#include "millrace/internal/live_state.pb.h"

namespace millrace {
namespace {

constexpr int64_t kMostMemoryBytes = int64_t{1} << 30;
constexpr char kThresholdsFile[] = "thresholds";
constexpr char kDriftFile[] = "drift";

/// The same bytes for the same content.
std::string BytesOf(const google::protobuf::MessageLite& file) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  file.SerializeToCodedStream(&coded);
  coded.Trim();
  return bytes;
}

}  // namespace

/// Empty if there is none.
std::string LiveMemory::ReadOwn(const std::string& name) const {
  const std::string path = folder_ + "/" + name;
  if (!files_->Exists(path)) return "";
  absl::StatusOr<std::string> bytes = ReadFile(files_, path, kMostMemoryBytes);
  if (bytes.ok()) return *std::move(bytes);
  LogError("learnt anew", {{"what", name}, {"reason", bytes.status().message()}});
  return "";
}

LearntOfMachines LiveMemory::Load() {
  LearntOfMachines learnt;
  internal::LearntThresholds thresholds;
  if (!thresholds.ParseFromString(ReadOwn(kThresholdsFile))) {
    LogError("learnt anew", {{"what", kThresholdsFile}, {"reason", "its file is damaged"}});
    thresholds.Clear();
  }
  for (auto& [machine, saved] : *thresholds.mutable_machines()) {
    learnt.thresholds[machine] = {
        saved.parameters_sha256(),
        std::make_shared<const std::string>(std::move(*saved.mutable_threshold()))};
  }
  internal::LearntDrift drift;
  if (!drift.ParseFromString(ReadOwn(kDriftFile))) {
    LogError("learnt anew", {{"what", kDriftFile}, {"reason", "its file is damaged"}});
    drift.Clear();
  }
  for (auto& [machine, bytes] : *drift.mutable_machines()) {
    learnt.drift[machine] = std::make_shared<const std::string>(std::move(bytes));
  }
  const absl::MutexLock lock(&mutex_);
  known_ = learnt;
  return learnt;
}

void LiveMemory::Note(LearntOfMachines learnt) {
  const absl::MutexLock lock(&mutex_);
  changed_ = true;
  learnt.thresholds.merge(known_.thresholds);
  known_.thresholds.swap(learnt.thresholds);
  learnt.drift.merge(known_.drift);
  known_.drift.swap(learnt.drift);
}

bool LiveMemory::Save() {
  LearntOfMachines known;
  {
    const absl::MutexLock lock(&mutex_);
    if (!std::exchange(changed_, false)) return saved_;
    known = known_;
  }
  saved_ = true;
  if (!known.thresholds.empty()) {
    internal::LearntThresholds file;
    for (const auto& [machine, learnt] : known.thresholds) {
      internal::LearntThresholds::Machine& saved = (*file.mutable_machines())[machine];
      saved.set_parameters_sha256(learnt.model_sha256);
      saved.set_threshold(*learnt.bytes);
    }
    saved_ = SaveFile(kThresholdsFile, BytesOf(file), saved_thresholds_) && saved_;
  }
  if (!known.drift.empty()) {
    internal::LearntDrift file;
    for (const auto& [machine, bytes] : known.drift) (*file.mutable_machines())[machine] = *bytes;
    saved_ = SaveFile(kDriftFile, BytesOf(file), saved_drift_) && saved_;
  }
  return saved_;
}

bool LiveMemory::SaveFile(const std::string& name, absl::string_view bytes, Digest& saved) {
  const Digest digest = Sha256Of(bytes);
  if (digest == saved) return true;
  if (static_cast<int64_t>(bytes.size()) > kMostMemoryBytes) {
    LogError("not saved", {{"what", name}, {"bytes", bytes.size()}, {"at_most", kMostMemoryBytes}});
    return false;
  }
  const absl::Status written = WriteFileDurably(files_, folder_ + "/" + name, bytes);
  if (written.ok()) {
    saved = digest;
  } else {
    LogError("not saved", {{"what", name}, {"error", written.message()}});
  }
  return written.ok();
}

}  // namespace millrace
