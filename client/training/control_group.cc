// SPDX-License-Identifier: Apache-2.0
#include "client/training/control_group.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/file_system.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr char kDaemon[] = "/daemon";
constexpr char kTraining[] = "/training";
// Against the daemon's 100: what serves comes first.
constexpr int kWeight = 10;
constexpr int64_t kPeriodUs = 100'000;

/// Writes a value to one of the kernel's files, which take it whole or not at all.
absl::Status Set(const std::string& path, const std::string& value) {
  const int file = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (file < 0) return ErrnoStatus(errno, path);
  const ssize_t written = ::write(file, value.data(), value.size());
  const int error = errno;
  ::close(file);
  return written < 0 ? ErrnoStatus(error, absl::StrCat(path, " = ", value)) : absl::OkStatus();
}

}  // namespace

absl::Status MakeTrainingGroup(const TrainingLimits& limits, const ControlGroups& groups) {
  MR_ASSIGN_OR_RETURN(const std::string own, OwnControlGroup(groups));
  if (!absl::EndsWith(own, ".service")) {
    return absl::FailedPreconditionError(absl::StrCat(own, ": not the group of a service"));
  }
  FileSystem* const files = PosixFileSystem();
  for (const char* const below : {kDaemon, kTraining}) {
    MR_RETURN_IF_ERROR(files->CreateDirectories(own + below));
  }
  MR_RETURN_IF_ERROR(Set(absl::StrCat(own, kDaemon, "/cgroup.procs"), "0"));
  MR_RETURN_IF_ERROR(Set(own + "/cgroup.subtree_control", "+cpu +memory"));
  const std::string training = own + kTraining;
  MR_RETURN_IF_ERROR(Set(training + "/cpu.weight", absl::StrCat(kWeight)));
  const std::string quota =
      limits.cpu_percent == 0 ? "max" : absl::StrCat(limits.cpu_percent * kPeriodUs / 100);
  MR_RETURN_IF_ERROR(Set(training + "/cpu.max", absl::StrCat(quota, " ", kPeriodUs)));
  return Set(training + "/memory.max",
             limits.memory_mb == 0 ? "max" : absl::StrCat(limits.memory_mb << 20));
}

absl::Status JoinTrainingGroup(const ControlGroups& groups) {
  const absl::StatusOr<std::string> own = OwnControlGroup(groups);
  if (!own.ok()) return absl::OkStatus();
  absl::string_view service = *own;
  if (!absl::ConsumeSuffix(&service, kDaemon)) return absl::OkStatus();
  return Set(absl::StrCat(service, kTraining, "/cgroup.procs"), "0");
}

}  // namespace millrace
