// SPDX-License-Identifier: Apache-2.0
// Sites without training, each in a thread of this process: they take part in secure rounds with
// honest updates, keep what a site keeps in FOLDER/spool_NAME, and can be told to kill themselves
// with SIGKILL just before one of their calls in the first attempt of a round.
//
//   secure_site <address> <folder with NAME.crt, NAME.key, authority.crt> <name>[,<name>...]
//       [<call> <round>]
//
// where <call> is advertise, certificates, share, upload, agree or unmask.

#include <unistd.h>

#include <csignal>
#include <cstdio>
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

struct Death {
  std::string call;  // "": never
  int64_t round = 1;
};

class SecureSite {
 public:
  SecureSite(const std::string& address, const std::string& folder, std::string name, Death death)
      : name_(std::move(name)),
        death_(std::move(death)),
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
    dying_ = assignment.id().round() == death_.round && assignment.id().attempt() == 1;
    const absl::Time deadline = absl::Now() + absl::Milliseconds(assignment.remaining_ms());
    MR_ASSIGN_OR_RETURN(const Plan plan, ParsePlan(assignment.plan()));
    SecureSession session(
        {&link_, SystemClock(), &identity_, &unmasked_},
        [this](absl::string_view what, absl::Time until, const auto& step) {
          DieBefore(what);
          absl::Status status = step();
          while (absl::IsUnavailable(status) && absl::Now() < until) {
            absl::SleepFor(absl::Milliseconds(50));
            status = step();
          }
          return status;
        },
        assignment, plan, SecureFloor());
    MR_RETURN_IF_ERROR(session.Join(deadline));
    DieBefore("upload");
    MR_RETURN_IF_ERROR(Upload(assignment, plan, session));
    return session.Finish(deadline + 2 * absl::Seconds(plan.secure.phase_s));
  }

  absl::Status Upload(const v1::Assignment& assignment, const Plan& plan, SecureSession& session) {
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
    MR_ASSIGN_OR_RETURN(const v1::UploadState begun, link_.BeginUpload(header));
    return link_.Append(assignment.id(), begun.received_bytes(), header.bytes(), masked.get())
        .status();
  }

  void DieBefore(absl::string_view what) const {
    if (dying_ && what == death_.call) ::kill(::getpid(), SIGKILL);
  }

  const std::string name_;
  const Death death_;
  const LinkOptions options_;
  Link link_;
  SiteIdentity identity_;
  UnmaskFile unmasked_;
  bool dying_ = false;
};

}  // namespace
}  // namespace millrace::testing

int main(int argc, char** argv) {
  using millrace::testing::SecureSite;
  MR_CHECK(argc == 4 || argc == 6);
  millrace::testing::Death death;
  if (argc == 6) {
    death.call = argv[4];
    MR_CHECK(absl::SimpleAtoi(argv[5], &death.round));
  }
  std::vector<std::unique_ptr<SecureSite>> sites;
  std::vector<std::thread> threads;
  for (const absl::string_view name : absl::StrSplit(argv[3], ',')) {
    sites.push_back(std::make_unique<SecureSite>(argv[1], argv[2], std::string(name), death));
    threads.emplace_back([site = sites.back().get()] { site->Run(); });
  }
  for (std::thread& thread : threads) thread.join();
}
