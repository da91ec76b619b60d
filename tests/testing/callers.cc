// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/callers.h"

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/memory_file_system.h"
#include "base/status.h"

namespace millrace::testing {

std::string LoopbackAddress(int port) { return absl::StrCat("127.0.0.1:", port); }

LinkOptions SiteLink(const TestFederation& federation, const std::string& site, int port) {
  const KeyAndCertificate identity = federation.Issue(Role::kSite, site);
  LinkOptions options;
  options.address = LoopbackAddress(port);
  options.authority_pem = federation.authority_pem();
  options.certificate_pem = identity.certificate_pem;
  options.key_pem = identity.key_pem;
  return options;
}

std::unique_ptr<Connection> OperatorConnection(const TestFederation& federation, int port) {
  return OperatorConnection(federation, LoopbackAddress(port));
}

std::unique_ptr<Connection> OperatorConnection(const TestFederation& federation,
                                               const std::string& address) {
  const KeyAndCertificate identity = federation.Issue(Role::kOperator, "ann");
  ConnectionOptions options;
  options.address = address;
  options.authority_pem = federation.authority_pem();
  options.certificate_pem = identity.certificate_pem;
  options.key_pem = identity.key_pem;
  return NewConnection(options);
}

absl::StatusOr<v1::Assignment> AwaitAssignment(Link& link, absl::Duration patience) {
  const absl::Time deadline = absl::Now() + patience;
  v1::CheckInRequest request;
  request.set_version("test");
  while (absl::Now() < deadline) {
    // The coordinator answers as soon as there is one; its longest wait is shorter than patience.
    request.set_wait_ms(absl::ToInt64Milliseconds(deadline - absl::Now()));
    MR_ASSIGN_OR_RETURN(v1::CheckInResponse response, link.CheckIn(request));
    if (response.has_assignment()) return std::move(*response.mutable_assignment());
  }
  return absl::DeadlineExceededError("no assignment came");
}

absl::StatusOr<v1::UploadState> SendBytes(Link& link, const v1::UploadHeader& header,
                                          const std::string& bytes) {
  MemoryFileSystem files;
  MR_ASSIGN_OR_RETURN(const auto file, files.Open("update", FileSystem::OpenMode::kCreate));
  MR_RETURN_IF_ERROR(file->WriteAt(0, bytes));
  MR_ASSIGN_OR_RETURN(const v1::UploadState begun, link.BeginUpload(header));
  if (begun.accepted()) return begun;
  return link.Append(header.round(), begun.received_bytes(), static_cast<int64_t>(bytes.size()),
                     file.get());
}

absl::Status TakePart(Link& link, const std::string& site, absl::Duration patience) {
  MR_ASSIGN_OR_RETURN(const v1::Assignment assignment, AwaitAssignment(link, patience));
  const SiteUpdate update = HonestUpdate(site, assignment);
  MR_ASSIGN_OR_RETURN(const v1::UploadState state,
                      SendBytes(link, HeaderOf(assignment, update), update.Bytes()));
  return state.accepted() ? absl::OkStatus() : absl::InternalError("sent whole and not accepted");
}

}  // namespace millrace::testing
