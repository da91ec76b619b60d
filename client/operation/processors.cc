// SPDX-License-Identifier: Apache-2.0
#include "client/operation/processors.h"

#include <sched.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/file_system.h"
#include "base/status.h"

namespace millrace {
namespace {

int64_t ProcessorsOfAffinity() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (::sched_getaffinity(0, sizeof(allowed), &allowed) == 0) return CPU_COUNT(&allowed);
  return std::thread::hardware_concurrency();  // there are more than the set has room for
}

}  // namespace

absl::StatusOr<std::string> ReadKernelFile(const std::string& path) {
  std::ifstream file(path);
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be read"));
  return std::string(std::istreambuf_iterator<char>(file), {});
}

absl::StatusOr<std::string> OwnControlGroup(const ControlGroups& groups) {
  MR_ASSIGN_OR_RETURN(const std::string text, ReadKernelFile(groups.self));
  // The line of version 2 is "0::/path".
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    if (absl::ConsumePrefix(&line, "0::")) return absl::StrCat(groups.root, line);
  }
  return absl::FailedPreconditionError("no control groups of version 2");
}

std::optional<int64_t> ProcessorsOfQuota(absl::string_view cpu_max) {
  const std::vector<absl::string_view> parts =
      absl::StrSplit(absl::StripAsciiWhitespace(cpu_max), ' ');
  int64_t quota = 0;
  int64_t period = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[0], &quota) ||
      !absl::SimpleAtoi(parts[1], &period) || quota <= 0 || period <= 0) {
    return std::nullopt;
  }
  return std::max<int64_t>(quota / period, 1);
}

int64_t UsableProcessors(const ControlGroups& groups) {
  int64_t processors = std::max<int64_t>(ProcessorsOfAffinity(), 1);
  const absl::StatusOr<std::string> own = OwnControlGroup(groups);
  if (!own.ok()) return processors;
  std::string group = *own;
  while (true) {
    const absl::StatusOr<std::string> quota = ReadKernelFile(group + "/cpu.max");
    if (quota.ok())
      processors = std::min(processors, ProcessorsOfQuota(*quota).value_or(processors));
    if (group.size() <= groups.root.size()) break;
    group = DirectoryOf(group);
  }
  return processors;
}

}  // namespace millrace
