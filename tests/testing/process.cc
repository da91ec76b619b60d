// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/file_system.h"
#include "tests/testing/eventually.h"

extern char** environ;

namespace millrace::testing {
namespace {

/// 0: there is no such process, or it is dead.
pid_t ParentOf(pid_t pid) {
  std::ifstream file(absl::StrCat("/proc/", pid, "/stat"));
  const std::string stat((std::istreambuf_iterator<char>(file)), {});
  const size_t name_end = stat.rfind(')');  // the name may hold anything
  char state = 'X';
  pid_t parent = 0;
  if (name_end == std::string::npos) return 0;
  if (std::sscanf(&stat[name_end], ") %c %d", &state, &parent) != 2) return 0;
  return state == 'Z' || state == 'X' ? 0 : parent;
}

}  // namespace

bool Lives(pid_t pid) { return ParentOf(pid) != 0; }

Process::Process(const std::vector<std::string>& command, std::string log_path)
    : log_path_(std::move(log_path)) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log_path_.c_str(),
                                   O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
  MR_CHECK(::posix_spawn(&pid_, arguments[0], &actions, nullptr, arguments.data(), environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
}

Process::~Process() { Kill(); }

void Process::Kill() {
  if (wait_status_) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  MR_CHECK(::waitpid(pid_, &status, 0) == pid_);
  wait_status_ = status;
}

std::vector<pid_t> Process::Children() const {
  std::vector<pid_t> children;
  std::error_code gone;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", gone)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry.path().filename().string(), &pid)) continue;
    if (ParentOf(pid) == pid_) children.push_back(pid);
  }
  return children;
}

int64_t Process::PeakMemory() const {
  std::ifstream status(absl::StrCat("/proc/", pid_, "/status"));
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
  }
  return 0;
}

void Process::Signal(int signal) {
  if (!wait_status_) ::kill(pid_, signal);
}

std::optional<int> Process::AwaitExit(absl::Duration patience) {
  Eventually(
      [&] {
        int status = 0;
        if (!wait_status_ && ::waitpid(pid_, &status, WNOHANG) == pid_) wait_status_ = status;
        return wait_status_.has_value();
      },
      patience);
  if (!wait_status_ || !WIFEXITED(*wait_status_)) return std::nullopt;
  return WEXITSTATUS(*wait_status_);
}

std::string Process::Log() const {
  return ReadFile(PosixFileSystem(), log_path_).value_or("(no output)");
}

}  // namespace millrace::testing
