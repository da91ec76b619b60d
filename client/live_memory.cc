// SPDX-License-Identifier: Apache-2.0
#include "client/live_memory.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
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
  for (const auto& [machine, since_ns] : thresholds.normal_since_ns()) {
    learnt.normal_since[machine] = since_ns;
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
  learnt.normal_since.merge(known_.normal_since);
  known_.normal_since.swap(learnt.normal_since);
}

bool LiveMemory::Save() {
  LearntOfMachines known;
  {
    const absl::MutexLock lock(&mutex_);
    if (!std::exchange(changed_, false)) return saved_;
    known = known_;
  }
  absl::Status written;
  if (!known.thresholds.empty() || !known.normal_since.empty()) {
    internal::LearntThresholds file;
    for (const auto& [machine, since_ns] : known.normal_since) {
      (*file.mutable_normal_since_ns())[machine] = since_ns;
    }
    for (const auto& [machine, learnt] : known.thresholds) {
      internal::LearntThresholds::Machine& saved = (*file.mutable_machines())[machine];
      saved.set_parameters_sha256(learnt.model_sha256);
      saved.set_threshold(*learnt.bytes);
    }
    written.Update(SaveFile(kThresholdsFile, BytesOf(file), saved_thresholds_));
  }
  if (!known.drift.empty()) {
    internal::LearntDrift file;
    for (const auto& [machine, bytes] : known.drift) (*file.mutable_machines())[machine] = *bytes;
    written.Update(SaveFile(kDriftFile, BytesOf(file), saved_drift_));
  }
  const bool told = !std::exchange(saved_, written.ok());
  if (saved_) return true;
  if (!told) LogError("what was learnt is not saved", {{"error", written.message()}});
  const absl::MutexLock lock(&mutex_);
  changed_ = true;  // so that it is tried again
  return false;
}

absl::Status LiveMemory::SaveFile(const std::string& name, absl::string_view bytes, Digest& saved) {
  const Digest digest = Sha256Of(bytes);
  if (digest == saved) return absl::OkStatus();
  const std::string path = folder_ + "/" + name;
  if (static_cast<int64_t>(bytes.size()) > kMostMemoryBytes) {
    return absl::OutOfRangeError(absl::StrCat(path, ": it would have ", bytes.size(),
                                              " bytes, of at most ", kMostMemoryBytes));
  }
  MR_RETURN_IF_ERROR(WriteFileDurably(files_, path, bytes));
  saved = digest;
  return absl::OkStatus();
}

}  // namespace millrace
