// SPDX-License-Identifier: Apache-2.0
// A site's process without training: takes part in secure rounds with honest updates, and can be
// told to kill itself with SIGKILL just before one of its calls in round 1, first attempt.
//
//   secure_site <address> <folder with NAME.crt, NAME.key, authority.crt> <name> [<call>]
//
// where <call> is advertise, certificates, share, upload, agree or unmask.

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
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

class SecureSite {
 public:
  SecureSite(const std::string& address, const std::string& folder, std::string name,
             std::string dies_before)
      : name_(std::move(name)),
        dies_before_(std::move(dies_before)),
        options_{address, Read(absl::StrCat(folder, "/authority.crt")),
                 Read(absl::StrCat(folder, "/", name_, ".crt")),
                 Read(absl::StrCat(folder, "/", name_, ".key"))},
        link_(options_),
        identity_(SiteIdentity::Create(options_.authority_pem, options_.certificate_pem,
                                       options_.key_pem, SystemClock())
                      .value()) {}

  /// Until the parent ends it.
  void Run() {
    while (true) {
      v1::CheckInRequest request;
      request.set_wait_ms(10'000);
      request.set_version("secure_site");
      const absl::StatusOr<v1::CheckInResponse> response = link_.CheckIn(request);
      absl::Status status = response.status();
      if (status.ok() && response->has_assignment()) status = TakePart(response->assignment());
      if (!status.ok()) {
        std::fprintf(stderr, "%s\n", status.ToString().c_str());
        absl::SleepFor(absl::Milliseconds(50));
      }
    }
  }

 private:
  absl::Status TakePart(const v1::Assignment& assignment) {
    dying_ = assignment.id().round() == 1 && assignment.id().attempt() == 1;
    const absl::Time deadline = absl::Now() + absl::Milliseconds(assignment.remaining_ms());
    MR_ASSIGN_OR_RETURN(const Plan plan, ParsePlan(assignment.plan()));
    SecureSession session(
        &link_, SystemClock(), &identity_,
        [this](absl::string_view what, absl::Time until, const auto& step) {
          DieBefore(what);
          absl::Status status = step();
          while (absl::IsUnavailable(status) && absl::Now() < until) {
            absl::SleepFor(absl::Milliseconds(50));
            status = step();
          }
          return status;
        },
        assignment, plan);
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
    if (dying_ && what == dies_before_) ::kill(::getpid(), SIGKILL);
  }

  const std::string name_;
  const std::string dies_before_;
  const LinkOptions options_;
  Link link_;
  SiteIdentity identity_;
  bool dying_ = false;
};

}  // namespace
}  // namespace millrace::testing

int main(int argc, char** argv) {
  MR_CHECK(argc == 4 || argc == 5);
  millrace::testing::SecureSite site(argv[1], argv[2], argv[3], argc == 5 ? argv[4] : "");
  site.Run();
}
