// SPDX-License-Identifier: Apache-2.0
#include "client/training/child_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/status.h"
#include "client/data/site_message.h"
#include "millrace/internal/work.pb.h"

extern char** environ;

namespace millrace {
namespace {

constexpr int kNiceness = 10;
constexpr int kPollMs = 500;
// Of a machine that is short of memory, training is what the kernel is to end first.
constexpr char kOomScore[] = "1000";
// Of a training process that others keep killing.
constexpr int kTries = 2;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  void Close() { ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

/// Starts `command` with standard output on `out`.
absl::StatusOr<pid_t> Spawn(const std::vector<std::string>& command, int out) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  // Not every library closes its own: what a broker sees of the daemon's end is not to wait for
  // the child's.
  posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1);
  // The daemon blocks the signals it waits for; the child is not to inherit that.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  pid_t pid = 0;
  const int error =
      ::posix_spawn(&pid, arguments[0], &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (error != 0) return ErrnoStatus(error, absl::StrCat("start ", command[0]));
  return pid;
}

/// What the child has said until it closed the pipe.
struct Conversation {
  bool called_off = false;  // `on_progress` wants no more
  std::string result;       // empty: none came
};

constexpr absl::string_view kReady = "ready";
constexpr absl::string_view kResult = "result ";

Conversation Listen(int in, const std::function<void()>& on_ready,
                    const std::function<bool(const TrainingProgress&)>& on_progress) {
  TrainingProgress progress;
  Conversation heard;
  std::string line;
  std::array<char, 4096> buffer;
  while (true) {
    pollfd wait{in, POLLIN, 0};
    if (::poll(&wait, 1, kPollMs) == 0) {
      heard.called_off = !on_progress(progress);
      if (heard.called_off) return heard;
      continue;
    }
    const ssize_t n = ::read(in, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return heard;
    for (const char c : absl::string_view(buffer.data(), n)) {
      if (c != '\n') {
        line += c;
        continue;
      }
      TrainingProgress next;
      if (std::sscanf(line.c_str(), "progress %ld %ld %lf", &next.epoch, &next.step, &next.loss) ==
          3) {
        progress = next;
        heard.called_off = !on_progress(progress);
        if (heard.called_off) return heard;
      } else if (line == kReady) {
        on_ready();
      } else if (absl::StartsWith(line, kResult)) {
        heard.result = absl::HexStringToBytes(line.substr(kResult.size()));
      }
      line.clear();
    }
  }
}

std::string DescribeEnd(int wait_status) {
  if (WIFSIGNALED(wait_status)) {
    return absl::StrCat("ended by signal ", WTERMSIG(wait_status), " (",
                        ::strsignal(WTERMSIG(wait_status)), ")");
  }
  return absl::StrCat("exit status ", WEXITSTATUS(wait_status));
}

/// By the kernel, for want of memory, or by a person. What brings itself down would do so again.
bool KilledByOthers(int wait_status) {
  if (!WIFSIGNALED(wait_status)) return false;
  return WTERMSIG(wait_status) == SIGKILL || WTERMSIG(wait_status) == SIGTERM;
}

absl::StatusOr<WorkResult> ReadResult(const std::string& bytes, int wait_status,
                                      int64_t memory_mb) {
  const std::string limit =
      memory_mb == 0 ? "" : absl::StrCat("; its limit is [training] memory_mb = ", memory_mb);
  internal::WorkResult result;
  if (bytes.empty() || !result.ParseFromString(bytes)) {
    return Public(absl::AbortedError(
        absl::StrCat("training process left no result: ", DescribeEnd(wait_status), limit)));
  }
  if (result.code() == 0) return WorkResult{result.weight()};
  // LibTorch throws when it gets no memory.
  const absl::Status failure = WithPublicText(
      {static_cast<absl::StatusCode>(result.code()), result.message()}, result.public_text());
  return absl::IsInternal(failure) ? SiteMessage(failure, limit).ToStatus(failure.code()) : failure;
}

}  // namespace

ChildProcessWorker::ChildProcessWorker(std::vector<std::string> command, std::string folder,
                                       int64_t memory_mb, TrainingHold* hold)
    : command_(std::move(command)),
      folder_(std::move(folder)),
      memory_mb_(memory_mb),
      hold_(hold) {}

absl::StatusOr<WorkResult> ChildProcessWorker::Do(
    const WorkOrder& order, const std::function<bool(const TrainingProgress&)>& on_progress) {
  FileSystem* const files = PosixFileSystem();
  MR_RETURN_IF_ERROR(files->CreateDirectories(folder_));
  const std::string order_path = absl::StrCat(folder_, "/work.order");
  internal::WorkOrder message;
  *message.mutable_assignment() = order.assignment;
  message.set_parameters_path(order.parameters_path);
  message.set_update_path(order.update_path);
  MR_RETURN_IF_ERROR(WriteFileDurably(files, order_path, message.SerializeAsString()));
  for (int left = kTries - 1;; --left) {
    MR_ASSIGN_OR_RETURN(const Ended ended, Run(order_path, on_progress));
    if (ended.called_off) return Public(absl::CancelledError("training was called off"));
    const bool killed = ended.result.empty() && KilledByOthers(ended.wait_status);
    if (!killed || left == 0) return ReadResult(ended.result, ended.wait_status, memory_mb_);
    LogWarning("training process was killed, starting over");
  }
}

absl::StatusOr<ChildProcessWorker::Ended> ChildProcessWorker::Run(
    const std::string& order_path,
    const std::function<bool(const TrainingProgress&)>& on_progress) const {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus(errno, "pipe");
  Descriptor in(ends[0]);
  Descriptor out(ends[1]);
  std::vector<std::string> command = command_;
  command.push_back(order_path);
  MR_ASSIGN_OR_RETURN(const pid_t child, Spawn(command, out.get()));
  out.Close();
  const auto ready = [&] {
    if (hold_ != nullptr) hold_->Enter(child);
  };
  const Conversation heard = Listen(in.get(), ready, on_progress);
  if (heard.called_off) ::kill(child, SIGKILL);
  if (hold_ != nullptr) {
    // Its number is its own until somebody waits for it.
    siginfo_t ended;
    while (::waitid(P_PID, static_cast<id_t>(child), &ended, WEXITED | WNOWAIT) < 0 &&
           errno == EINTR) {
    }
    hold_->Leave();
  }
  int wait_status = 0;
  rusage usage{};
  while (::wait4(child, &wait_status, 0, &usage) < 0 && errno == EINTR) {
  }
  LogInfo("training process ended",
          {{"end", DescribeEnd(wait_status)}, {"peak_rss_bytes", int64_t{usage.ru_maxrss} * 1024}});
  return Ended{heard.called_off, heard.result, wait_status};
}

int ServeWorkOrder(const std::string& order_path, const WorkerFactory& new_worker) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // From here on it may be made to stand still: it dies with its parent all the same. One that lost
  // its parent before finds nobody at the pipe's other end.
  ::signal(SIGPIPE, SIG_IGN);
  absl::PrintF("%s\n", kReady);
  if (std::fflush(stdout) != 0) return 1;
  ::setpriority(PRIO_PROCESS, 0, kNiceness);
  std::ofstream("/proc/self/oom_score_adj") << kOomScore;
  const auto work = [&]() -> absl::StatusOr<WorkResult> {
    MR_ASSIGN_OR_RETURN(const std::unique_ptr<Worker> worker, new_worker());
    MR_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(PosixFileSystem(), order_path));
    internal::WorkOrder message;
    if (!message.ParseFromString(bytes)) {
      return absl::DataLossError(absl::StrCat(order_path, ": not a work order"));
    }
    return worker->Do({message.assignment(), message.parameters_path(), message.update_path()},
                      [](const TrainingProgress& progress) {
                        absl::PrintF("progress %d %d %.9g\n", progress.epoch, progress.step,
                                     progress.loss);
                        std::fflush(stdout);
                        return true;
                      });
  };
  const absl::StatusOr<WorkResult> done = work();
  internal::WorkResult result;
  if (done.ok()) {
    result.set_weight(done->weight);
  } else {
    result.set_code(static_cast<int>(done.status().code()));
    result.set_message(std::string(done.status().message()));
    result.set_public_text(PublicText(done.status()));
  }
  // On a line of its own, whatever a library may have printed.
  absl::PrintF("\n%s%s\n", kResult, absl::BytesToHexString(result.SerializeAsString()));
  return std::fflush(stdout) == 0 && done.ok() ? 0 : 1;
}

absl::Status LimitMemory(int64_t mebibytes) {
  if (mebibytes == 0) return absl::OkStatus();
  const auto bytes = static_cast<rlim_t>(mebibytes) << 20;
  const rlimit limit{bytes, bytes};
  if (::setrlimit(RLIMIT_DATA, &limit) == 0) return absl::OkStatus();
  return ErrnoStatus(errno, absl::StrCat("[training] memory_mb = ", mebibytes));
}

}  // namespace millrace
