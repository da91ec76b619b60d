// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/network_namespace.h"

#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/status.h"

extern char** environ;

namespace millrace::testing {
namespace {

constexpr char kInnerDevice[] = "plant";

/// Runs a command line of words without quotes.
absl::Status Run(const std::string& line) {
  std::vector<std::string> words = absl::StrSplit(line, ' ');
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  pid_t pid = -1;
  int status = -1;
  const int error = ::posix_spawnp(&pid, arguments[0], nullptr, nullptr, arguments.data(), environ);
  if (error == 0) ::waitpid(pid, &status, 0);
  if (error == 0 && status == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("`", line, "` is not possible here"));
}

}  // namespace

NetworkNamespace::NetworkNamespace(std::string name, std::string device, std::string outside)
    : name_(std::move(name)), device_(std::move(device)), outside_(std::move(outside)) {}

absl::StatusOr<std::unique_ptr<NetworkNamespace>> NetworkNamespace::Create(int index) {
  // Other test programs may have theirs at the same time: the process tells them apart.
  const int process = static_cast<int>(::getpid()) % 250;
  const std::string name = absl::StrCat("mr", ::getpid(), "-", index);
  const std::string device = absl::StrCat("mr", ::getpid() % 100'000, "v", index);
  const std::string subnet = absl::StrCat("10.", process + 1, ".", index, ".");
  MR_RETURN_IF_ERROR(Run(absl::StrCat("ip netns add ", name)));
  std::unique_ptr<NetworkNamespace> made(
      new NetworkNamespace(name, device, absl::StrCat(subnet, "1")));
  const std::string in = absl::StrCat("ip netns exec ", name, " ");
  for (const std::string& line : {
           absl::StrCat("ip link add ", device, " type veth peer name ", kInnerDevice, " netns ",
                        name),
           absl::StrCat("ip address add ", subnet, "1/24 dev ", device),
           absl::StrCat("ip link set ", device, " up"),
           absl::StrCat(in, "ip address add ", subnet, "2/24 dev ", kInnerDevice),
           absl::StrCat(in, "ip link set ", kInnerDevice, " up"),
           absl::StrCat(in, "ip link set lo up"),
           absl::StrCat(in, "iptables -L -n"),
       }) {
    MR_RETURN_IF_ERROR(Run(line));
  }
  return made;
}

NetworkNamespace::~NetworkNamespace() {
  Run(absl::StrCat("ip link delete ", device_)).IgnoreError();
  Run(absl::StrCat("ip netns delete ", name_)).IgnoreError();
}

std::vector<std::string> NetworkNamespace::Inside(const std::vector<std::string>& command) const {
  std::vector<std::string> words = {"/usr/bin/env", "ip", "netns", "exec", name_};
  words.insert(words.end(), command.begin(), command.end());
  return words;
}

absl::Status NetworkNamespace::LosePackets(double share) {
  for (const char* const chain : {"INPUT", "OUTPUT"}) {
    MR_RETURN_IF_ERROR(
        Run(absl::StrCat("ip netns exec ", name_, " iptables -A ", chain,
                         " -m statistic --mode random --probability ", share, " -j DROP")));
  }
  return absl::OkStatus();
}

absl::Status NetworkNamespace::LimitRate(int kbit) {
  const std::string limit = absl::StrCat(" root tbf rate ", kbit, "kbit burst 16kb latency 200ms");
  MR_RETURN_IF_ERROR(Run(absl::StrCat("tc qdisc add dev ", device_, limit)));
  return Run(absl::StrCat("ip netns exec ", name_, " tc qdisc add dev ", kInnerDevice, limit));
}

absl::Status NetworkNamespace::SetLink(bool up) {
  return Run(absl::StrCat("ip link set ", device_, up ? " up" : " down"));
}

}  // namespace millrace::testing
