// SPDX-License-Identifier: Apache-2.0
// What this process may use of its machine.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace millrace {

/// Where the kernel shows control groups, and this process's own.
struct ControlGroups {
  std::string root = "/sys/fs/cgroup";
  std::string self = "/proc/self/cgroup";
};

/// One of the kernel's own files, which tell no size.
absl::StatusOr<std::string> ReadKernelFile(const std::string& path);

/// The control group (version 2) of this process, as a folder. FAILED_PRECONDITION: there is none.
absl::StatusOr<std::string> OwnControlGroup(const ControlGroups& groups = {});

/// Whole processors, at least one, of what a group's cpu.max says: "150000 100000" are microseconds
/// of each period. None: no bound, or nothing that can be read.
std::optional<int64_t> ProcessorsOfQuota(absl::string_view cpu_max);

/// Processors that this process may keep busy: those that its affinity allows, and no more than the
/// quotas of its control group and those above it. At least 1.
int64_t UsableProcessors(const ControlGroups& groups = {});

}  // namespace millrace
