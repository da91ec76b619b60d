// SPDX-License-Identifier: Apache-2.0
// Sites without training, each in a thread of this process: they take part in secure rounds with
// honest updates, keep what a site keeps in FOLDER/spool_NAME, and can be told to kill themselves
// with SIGKILL just before one of their calls in the first attempt of a round, or to wait there
// until a file is there.
//
//   secure_site <address> <folder with NAME.crt, NAME.key, authority.crt> <name>[,<name>...]
//       [<call> <round> [<file>]]
//
// where <call> is advertise, certificates, share, upload, agree or unmask.

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/memory_file_system.h"
#include "base/status.h"
#include "client/session/link.h"
#include "client/session/mask_update.h"
#include "client/session/secure_session.h"
#include "client/session/site_identity.h"
#include "tests/testing/honest_update.h"

namespace millrace::testing {
namespace {

std::string Read(const std::string& path) { return ReadFile(PosixFileSystem(), path).value(); }

LinkOptions OptionsOf(const std::string& address, const std::string& folder,
                      const std::string& name) {
  LinkOptions options;
  options.address = address;
  options.authority_pem = Read(absl::StrCat(folder, "/authority.crt"));
  options.certificate_pem = Read(absl::StrCat(folder, "/", name, ".crt"));
  options.key_pem = Read(absl::StrCat(folder, "/", name, ".key"));
  return options;
}

/// What a site does just before a call: it dies, or waits for a file.
struct Halt {
  std::string call;  // "": never
  int64_t round = 1;
  std::string file;  // "": it dies
};

class SecureSite {
 public:
  SecureSite(const std::string& address, const std::string& folder, std::string name, Halt halt)
      : name_(std::move(name)),
        halt_(std::move(halt)),
        options_(OptionsOf(address, folder, name_)),
        link_(options_),
        identity_(SiteIdentity::Create(options_.authority_pem, options_.certificate_pem,
                                       options_.key_pem, SystemClock())
                      .value()),
        unmasked_(PosixFileSystem(), absl::StrCat(folder, "/spool_", name_)) {}

  /// Until the parent ends it.
  void Run() {
    while (true) {
      v1::CheckInRequest request;
      request.set_wait_ms(10'000);
      request.set_version("secure_site");
      const absl::StatusOr<v1::CheckInResponse> response = link_.CheckIn(request);
      absl::Status status = response.status();
      if (status.ok() && response->has_assignment()) {
        const v1::Assignment& assignment = response->assignment();
        status = TakePart(assignment);
        if (!status.ok()) {
          link_.ReportFailure(assignment.id(), std::string(status.message())).IgnoreError();
        }
      }
      if (!status.ok()) {
        std::fprintf(stderr, "%s: %s\n", name_.c_str(), std::string(status.message()).c_str());
        absl::SleepFor(absl::Milliseconds(50));
      }
    }
  }

 private:
  absl::Status TakePart(const v1::Assignment& assignment) {
    halts_ = assignment.id().round() == halt_.round && assignment.id().attempt() == 1;
    const absl::Time deadline = absl::Now() + absl::Milliseconds(assignment.remaining_ms());
    MR_ASSIGN_OR_RETURN(const Plan plan, ParsePlan(assignment.plan()));
    SecureSession session(
        {&link_, SystemClock(), &identity_, &unmasked_},
        [this](absl::string_view what, absl::Time until, const auto& step) {
          HaltBefore(what);
          return Persist(until, step);
        },
        assignment, plan, SecureFloor());
    MR_RETURN_IF_ERROR(session.Join(deadline));
    HaltBefore("upload");
    MR_RETURN_IF_ERROR(Upload(assignment, plan, session, deadline));
    return session.Finish(deadline + 2 * absl::Seconds(plan.secure.phase_s));
  }

  /// Does `step` again while the coordinator is away.
  static absl::Status Persist(absl::Time until, const std::function<absl::Status()>& step) {
    absl::Status status = step();
    while ((absl::IsUnavailable(status) || absl::IsCancelled(status)) && absl::Now() < until) {
      absl::SleepFor(absl::Milliseconds(50));
      status = step();
    }
    return status;
  }

  absl::Status Upload(const v1::Assignment& assignment, const Plan& plan, SecureSession& session,
                      absl::Time deadline) {
    const SiteUpdate update = HonestUpdate(name_, assignment);
    MemoryFileSystem files;
    MR_RETURN_IF_ERROR(WriteFileDurably(&files, "/clear", update.Bytes()));
    MR_ASSIGN_OR_RETURN(const auto clear, files.Open("/clear", FileSystem::OpenMode::kRead));
    MR_ASSIGN_OR_RETURN(const auto masked, files.Open("/masked", FileSystem::OpenMode::kCreate));
    MR_ASSIGN_OR_RETURN(const MaskSet masks, session.TakeMasks());
    const MaskedShape shape{assignment.parameters(), assignment.statistics(),
                            static_cast<int>(plan.secure.bits)};
    MR_RETURN_IF_ERROR(
        MaskUpdate(plan, shape, update.weight, masks.masks(), clear.get(), masked.get()));
    MR_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(&files, "/masked"));
    const Digest digest = Sha256Of(bytes);
    v1::UploadHeader header;
    *header.mutable_round() = assignment.id();
    header.set_sha256(std::string(digest.bytes.begin(), digest.bytes.end()));
    header.set_bytes(static_cast<int64_t>(bytes.size()));
    header.set_layout_sha256(assignment.layout_sha256());
    return Persist(deadline, [&]() -> absl::Status {
      MR_ASSIGN_OR_RETURN(const v1::UploadState begun, link_.BeginUpload(header));
      if (begun.accepted()) return absl::OkStatus();
      return link_.Append(assignment.id(), begun.received_bytes(), header.bytes(), masked.get())
          .status();
    });
  }

  void HaltBefore(absl::string_view what) {
    if (!halts_ || what != halt_.call) return;
    if (halt_.file.empty()) ::kill(::getpid(), SIGKILL);
    std::fprintf(stderr, "%s: waits before %s\n", name_.c_str(), halt_.call.c_str());
    while (!PosixFileSystem()->Exists(halt_.file)) absl::SleepFor(absl::Milliseconds(20));
  }

  const std::string name_;
  const Halt halt_;
  const LinkOptions options_;
  Link link_;
  SiteIdentity identity_;
  UnmaskFile unmasked_;
  bool halts_ = false;
};

}  // namespace
}  // namespace millrace::testing

int main(int argc, char** argv) {
  using millrace::testing::SecureSite;
  MR_CHECK(argc == 4 || argc == 6 || argc == 7);
  millrace::testing::Halt halt;
  if (argc >= 6) {
    halt.call = argv[4];
    MR_CHECK(absl::SimpleAtoi(argv[5], &halt.round));
    if (argc == 7) halt.file = argv[6];
  }
  std::vector<std::unique_ptr<SecureSite>> sites;
  std::vector<std::thread> threads;
  for (const absl::string_view name : absl::StrSplit(argv[3], ',')) {
    sites.push_back(std::make_unique<SecureSite>(argv[1], argv[2], std::string(name), halt));
    threads.emplace_back([site = sites.back().get()] { site->Run(); });
  }
  for (std::thread& thread : threads) thread.join();
}
