// SPDX-License-Identifier: Apache-2.0
// Who belongs to a federation while it runs: renewed, revoked, rotated, and by which role. A real
// coordinator process; the sites are links in this one, so that a test says when they do what.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <filesystem>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "base/clock.h"
#include "base/crypto/certificate.h"
#include "base/crypto/revocation_list.h"
#include "base/memory_file_system.h"
#include "client/enrollment/identity_keeper.h"
#include "coordinator/cli/connection.h"
#include "millrace/v1/admin.pb.h"
#include "millrace/v1/models.pb.h"
#include "tests/testing/callers.h"
#include "tests/testing/enrolling_federation.h"
#include "tests/testing/eventually.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/tiny_plan.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::EnrollingFederation;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::HeaderOf;
using testing::HonestUpdate;
using testing::IsStatus;
using testing::SendBytes;
using testing::TinyPlan;

v1::CheckInRequest Now() {
  v1::CheckInRequest request;
  request.set_version("test");
  return request;
}

class Membership : public ::testing::Test {
 protected:
  /// Starts a run of rounds that one site is enough for.
  void StartRun() {
    TinyPlan plan{.cohort = "target = 1\nwait_s = 0\nbackoff_s = 1\n"};
    plan.rounds = 1;
    plan.normalization = "none";
    plan.window = 200;  // an update of more than one chunk
    plan.hidden = 400;
    MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), federation_.Path("plan.toml"), plan.Text()));
    const auto started = federation_.Millrace({"run", "start", federation_.Path("plan.toml")});
    ASSERT_EQ(started.code, ExitCode::kOk) << started.error;
  }
  std::string SerialOf(const std::string& site) {
    return ParseCertificate(federation_.FilesOf(site).Load()->certificate_pem)->serial;
  }

  EnrollingFederation federation_{MILLRACE_COORDINATOR};
};

/// A file of which all but the first chunk can be read once the test allows it.
class GatedFile final : public File {
 public:
  GatedFile(std::string bytes, absl::Notification* reached, absl::Notification* go_on)
      : bytes_(std::move(bytes)), reached_(reached), go_on_(go_on) {}

  absl::Status ReadAt(int64_t offset, std::span<char> out) override {
    if (offset > 0) {
      if (!reached_->HasBeenNotified()) reached_->Notify();
      go_on_->WaitForNotification();
    }
    bytes_.copy(out.data(), out.size(), offset);
    return absl::OkStatus();
  }
  absl::Status WriteAt(int64_t, std::span<const char>) override { return absl::OkStatus(); }
  void StartWriteback(int64_t, int64_t) override {}
  absl::Status Sync() override { return absl::OkStatus(); }
  absl::StatusOr<int64_t> Size() override { return bytes_.size(); }
  absl::Status Truncate(int64_t) override { return absl::OkStatus(); }

 private:
  const std::string bytes_;
  absl::Notification* const reached_;
  absl::Notification* const go_on_;
};

/// One upload of a site, stopped in its middle until GoOn.
class UploadInProgress {
 public:
  explicit UploadInProgress(Link* link, const std::string& site) : link_(link) {
    assignment_ = testing::AwaitAssignment(*link).value();
    update_ = HonestUpdate(site, assignment_);
    const v1::UploadHeader header = HeaderOf(assignment_, update_);
    EXPECT_THAT(link->BeginUpload(header), testing::IsOk());
    thread_ = std::thread([this] {
      const std::string bytes = update_.Bytes();
      GatedFile file(bytes, &reached_, &go_on_);
      result_ = link_->Append(assignment_.id(), 0, std::ssize(bytes), &file);
    });
    reached_.WaitForNotification();
    EXPECT_TRUE(Eventually([&] {
      const auto state = link->BeginUpload(header);
      return state.ok() && state->received_bytes() > 0;
    })) << "the coordinator has let it in";
  }

  absl::StatusOr<v1::UploadState> GoOn() {
    go_on_.Notify();
    thread_.join();
    return result_;
  }
  /// Announces it anew, and sends what is missing.
  absl::StatusOr<v1::UploadState> TryAgain() {
    return SendBytes(*link_, HeaderOf(assignment_, update_), update_.Bytes());
  }

 private:
  Link* const link_;
  v1::Assignment assignment_;
  testing::SiteUpdate update_;
  absl::Notification reached_, go_on_;
  absl::StatusOr<v1::UploadState> result_;
  std::thread thread_;
};

// Who may call.

TEST_F(Membership, EveryCallButTheFirstTwoNeedsACertificate) {
  const SiteCredentials ada = {
      ReadFile(PosixFileSystem(), federation_.Path("ada/authority.crt")).value(), "", "", ""};
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = ada.authority_pem;
  const auto channel = grpc::CreateChannel(federation_.address(), grpc::SslCredentials(tls));
  grpc::GenericStub stub(channel);
  const google::protobuf::FileDescriptor* const files[] = {
      v1::StartRunRequest::descriptor()->file(),  v1::EnrollRequest::descriptor()->file(),
      v1::GetModelRequest::descriptor()->file(),  v1::CheckInRequest::descriptor()->file(),
      v1::AdvertiseRequest::descriptor()->file(), v1::ReportRequest::descriptor()->file(),
      v1::AppendRequest::descriptor()->file()};
  int calls = 0;
  for (const auto* file : files) {
    ASSERT_EQ(file->service_count(), 1) << file->name();
    for (int i = 0; i < file->service(0)->method_count(); ++i) {
      const auto* method = file->service(0)->method(i);
      const std::string path =
          absl::StrCat("/", file->service(0)->full_name(), "/", method->name());
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
      grpc::ByteBuffer request, response;
      grpc::CompletionQueue queue;
      const auto call = stub.PrepareUnaryCall(&context, path, request, &queue);
      grpc::Status status;
      call->StartCall();
      call->Finish(&response, &status, nullptr);
      void* tag = nullptr;
      bool ok = false;
      ASSERT_TRUE(queue.Next(&tag, &ok));
      const bool open = method->name() == "GetTrust" || method->name() == "Enroll";
      EXPECT_EQ(status.error_code() == grpc::StatusCode::UNAUTHENTICATED, !open)
          << path << ": " << status.error_code() << " " << status.error_message();
      ++calls;
    }
  }
  EXPECT_GT(calls, 25);
}

TEST_F(Membership, ViewersLookAndOperatorsDoNotApprove) {
  federation_.Issue("viewer", "vera");
  federation_.Issue("operator", "otto");
  EXPECT_EQ(federation_.Millrace({"run", "list"}, "vera").code, ExitCode::kOk);
  const auto invite = federation_.Millrace({"site", "invite", "press-7"}, "vera");
  EXPECT_EQ(invite.code, ExitCode::kPermission);
  EXPECT_THAT(invite.error, HasSubstr("viewer vera: this call is for the role operator"));

  const auto invited = federation_.Millrace({"site", "invite", "press-7", "--json"}, "otto");
  ASSERT_EQ(invited.code, ExitCode::kOk) << invited.error;
  const auto list = federation_.Millrace({"audit", "list", "--json"}, "vera");
  ASSERT_EQ(list.code, ExitCode::kOk) << list.error;
  const Json entries = list.json()["entries"];
  ASSERT_EQ(entries.size(), 3u) << list.text;
  EXPECT_EQ(entries[0]["actor"], "viewer vera");
  EXPECT_THAT(std::string(entries[0]["result"]), HasSubstr("PERMISSION_DENIED"));
  EXPECT_EQ(entries[1]["result"], "asked");
  EXPECT_EQ(entries[2]["actor"], "operator otto");
  EXPECT_EQ(entries[2]["action"], "site.invite");
  EXPECT_EQ(entries[2]["object"], "site press-7");
  EXPECT_EQ(entries[2]["result"], "ok");
}

TEST_F(Membership, AuditOutlivesTheCoordinatorAndIsVerifiedAgainstItsHead) {
  federation_.Invite("press-7");
  const auto before = federation_.Millrace({"audit", "verify", "--json"});
  ASSERT_EQ(before.code, ExitCode::kOk) << before.error;
  const std::string head = before.json()["head"];
  federation_.coordinator().Kill();
  federation_.StartCoordinator();
  federation_.Invite("press-8");
  const auto after = federation_.Millrace({"audit", "verify", "--since", head, "--json"});
  ASSERT_EQ(after.code, ExitCode::kOk) << after.error;
  EXPECT_EQ(after.json()["entries"], 4);
  const auto other = federation_.Millrace({"audit", "verify", "--since", std::string(64, 'a')});
  EXPECT_EQ(other.code, ExitCode::kRefused);
  EXPECT_THAT(other.error, HasSubstr("removed or written anew"));
}

TEST_F(Membership, AuditIsReadWhateverPeopleNamedAndHoweverLong) {
  federation_.Issue("viewer", "vera");
  std::string name = "a";
  for (int i = 0; i < 600; ++i) name += "\xc3\xa9";
  const auto stop = federation_.Millrace({"run", "stop", name}, "vera");
  EXPECT_EQ(stop.code, ExitCode::kPermission) << stop.error;
  const auto list = federation_.Millrace({"audit", "list", "--json"}, "vera");
  ASSERT_EQ(list.code, ExitCode::kOk) << list.error;
  EXPECT_THAT(std::string(list.json()["entries"][0]["object"]), HasSubstr("run a\xc3\xa9"));
  EXPECT_EQ(federation_.Millrace({"audit", "verify"}).code, ExitCode::kOk);
}

// Renewal.

TEST_F(Membership, CertificateIsRenewedInMidTransferWithoutCuttingIt) {
  federation_.EnrollSite("press-7");
  federation_.Age("press-7", absl::Hours(21 * 24), absl::Hours(9 * 24));
  IdentityFiles files = federation_.FilesOf("press-7");
  const SiteCredentials aged = files.Load().value();
  Link link(EnrollingFederation::LinkWith(federation_.address(), aged));
  StartRun();
  UploadInProgress upload(&link, "press-7");

  IdentityKeeper keeper(&link, &files, aged, SystemClock());
  MR_ASSERT_OK(keeper.RunOnce());
  EXPECT_FALSE(keeper.Take()) << "nobody has signed yet";
  const auto renewed = federation_.Millrace({"authority", "renew", "--json"});
  ASSERT_EQ(renewed.code, ExitCode::kOk) << renewed.error;
  EXPECT_EQ(renewed.json()["renewed"][0]["site"], "press-7");
  MR_ASSERT_OK(keeper.RunOnce());
  const auto news = keeper.Take();
  ASSERT_TRUE(news);
  EXPECT_NE(news->certificate_pem, aged.certificate_pem);
  EXPECT_EQ(files.Load()->key_pem, news->key_pem) << "on disk before it is used";
  MR_EXPECT_OK(link.CheckIn(Now())) << "a new connection, with the new certificate";

  const auto state = upload.GoOn();
  MR_ASSERT_OK(state);
  EXPECT_TRUE(state->accepted());
}

TEST_F(Membership, RenewalIsRefusedToWhoeverDoesNotHoldThePresentKey) {
  federation_.EnrollSite("press-7");
  Link link(federation_.LinkOf("press-7"));
  v1::RenewRequest request;
  request.set_signing_request("no request");
  EXPECT_THAT(link.Renew(request),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("signing request")));
}

// Revocation.

TEST_F(Membership, RevokedSiteLosesItsStreamAtOnceAndStaysOut) {
  federation_.EnrollSite("press-7");
  federation_.EnrollSite("press-8");
  Link link(federation_.LinkOf("press-7"));
  StartRun();
  UploadInProgress upload(&link, "press-7");
  const auto revoked = federation_.Millrace({"site", "revoke", "press-7", "--json"});
  ASSERT_EQ(revoked.code, ExitCode::kOk) << revoked.error;
  EXPECT_EQ(revoked.json()["was_connected"], true);
  EXPECT_THAT(upload.GoOn(), IsStatus(absl::StatusCode::kCancelled, ::testing::_));
  EXPECT_THAT(link.CheckIn(Now()),
              IsStatus(absl::StatusCode::kPermissionDenied,
                       AllOf(HasSubstr("site press-7"), HasSubstr("revoked"))));

  Link other(federation_.LinkOf("press-8"));
  MR_ASSERT_OK_AND_ASSIGN(const v1::Assignment assignment, testing::AwaitAssignment(other));
  EXPECT_EQ(assignment.id().attempt(), 2) << "the attempt without press-7 had nobody left";

  federation_.coordinator().Kill();
  federation_.StartCoordinator();
  EXPECT_THAT(Link(federation_.LinkOf("press-7")).CheckIn(Now()),
              IsStatus(absl::StatusCode::kPermissionDenied, HasSubstr("revoked")));
}

TEST_F(Membership, SiteThatCalledBeforeARotationLosesItsStreamWhenItIsRevoked) {
  federation_.EnrollSite("press-7");
  Link link(federation_.LinkOf("press-7"));
  StartRun();
  UploadInProgress upload(&link, "press-7");
  ASSERT_EQ(federation_.Millrace({"authority", "rotate"}).code, ExitCode::kOk);
  const auto revoked = federation_.Millrace({"site", "revoke", "press-7", "--json"});
  ASSERT_EQ(revoked.code, ExitCode::kOk) << revoked.error;
  EXPECT_EQ(revoked.json()["was_connected"], true);
  EXPECT_THAT(upload.GoOn(), IsStatus(absl::StatusCode::kCancelled, ::testing::_));
}

TEST_F(Membership, RevokedSiteIsLeftInPeaceByNobodyButANewInvitation) {
  federation_.EnrollSite("press-7");
  ASSERT_EQ(federation_.Millrace({"site", "revoke", "press-7"}).code, ExitCode::kOk);
  for (const std::string name : {"site.crt", "site.key"}) {
    MR_ASSERT_OK(PosixFileSystem()->Remove(federation_.Path("press-7/" + name)));
  }
  federation_.EnrollSite("press-7");
  Link link(federation_.LinkOf("press-7"));
  MR_EXPECT_OK(link.CheckIn(Now()));
}

TEST_F(Membership, SitesLearnOfRevocationsAndRefuseAnOlderList) {
  federation_.EnrollSite("press-7");
  federation_.EnrollSite("press-8");
  IdentityFiles files = federation_.FilesOf("press-8");
  Link link(federation_.LinkOf("press-8"));
  IdentityKeeper keeper(&link, &files, files.Load().value(), SystemClock());
  ASSERT_EQ(federation_.Millrace({"site", "revoke", "press-7"}).code, ExitCode::kOk);
  MR_ASSERT_OK(keeper.RunOnce());
  const auto news = keeper.Take();
  ASSERT_TRUE(news);
  MR_ASSERT_OK_AND_ASSIGN(const RevocationList list,
                          VerifyRevocationList(news->revocation_pem, news->authority_pem));
  EXPECT_TRUE(list.Has(SerialOf("press-7")));
  EXPECT_FALSE(list.Has(SerialOf("press-8")));
}

TEST_F(Membership, RevokedPersonLosesWhatTheyWatchAtOnceAndIsRefusedFromThenOn) {
  federation_.Issue("operator", "bob");
  StartRun();
  const auto read = [&](const std::string& path) {
    return ReadFile(PosixFileSystem(), federation_.Path(path)).value();
  };
  const auto connection = NewConnection({federation_.address(), read("authority/authority.crt"),
                                         read("bob/bob.crt"), read("bob/bob.key")});
  absl::Notification watching;
  absl::Status ended;
  std::thread watch([&] {
    ended = connection->WatchRun(
        "tiny-1", absl::Seconds(1),
        [&](const v1::Run&) {
          if (!watching.HasBeenNotified()) watching.Notify();
          return true;
        },
        [] {});
  });
  watching.WaitForNotification();
  const auto revoked = federation_.Millrace({"person", "revoke", "bob", "--json"});
  watch.join();
  ASSERT_EQ(revoked.code, ExitCode::kOk) << revoked.error;
  EXPECT_EQ(revoked.json()["person"], "bob");
  EXPECT_EQ(revoked.json()["was_connected"], true);
  EXPECT_THAT(ended, IsStatus(absl::StatusCode::kCancelled, ::testing::_));
  EXPECT_THAT(connection->GetRun("tiny-1"),
              IsStatus(absl::StatusCode::kPermissionDenied,
                       AllOf(HasSubstr("operator bob"), HasSubstr("millrace authority issue"))));
  const auto audit = federation_.Millrace({"audit", "list"});
  EXPECT_THAT(audit.text, AllOf(HasSubstr("approver ada"), HasSubstr("revoke"),
                                HasSubstr("revocation list 1"), HasSubstr("operator bob")));
}

// The authority's own key.

TEST_F(Membership, AuthorityIsRotatedUnderRunningSitesAndTheOldOneRetired) {
  federation_.EnrollSite("press-7");
  federation_.EnrollSite("press-8");
  IdentityFiles files = federation_.FilesOf("press-7");
  Link link(federation_.LinkOf("press-7"));
  IdentityKeeper keeper(&link, &files, files.Load().value(), SystemClock());
  Link late(federation_.LinkOf("press-8"));
  StartRun();
  UploadInProgress upload(&link, "press-7");

  const auto rotated = federation_.Millrace({"authority", "rotate", "--json"});
  ASSERT_EQ(rotated.code, ExitCode::kOk) << rotated.error;
  EXPECT_EQ(rotated.json()["authorities"], 2);
  MR_EXPECT_OK(late.CheckIn(Now())) << "the old authority counts still";
  federation_.EnrollSite("press-9");
  MR_ASSERT_OK(keeper.RunOnce());
  const auto news = keeper.Take();
  ASSERT_TRUE(news);
  EXPECT_THAT(news->authority_pem, HasSubstr("Millrace-Trust: 1"));
  const auto state = upload.GoOn();
  MR_ASSERT_OK(state);
  EXPECT_TRUE(state->accepted()) << "the transfer was not touched";

  // What the operator does before the old one goes: the site's next certificate, the coordinator's
  // and the people's.
  federation_.Age("press-7", absl::Hours(21 * 24), absl::Hours(9 * 24));
  Link next(federation_.LinkOf("press-7"));
  const auto too_early = federation_.Millrace({"authority", "retire"});
  EXPECT_THAT(too_early.error, HasSubstr("without a certificate that counts"));
  for (const std::string who : {"hub", "ada"}) {
    std::filesystem::remove_all(federation_.Path(who));
    federation_.Issue(who == "hub" ? "coordinator" : "approver", who);
  }
  EXPECT_TRUE(Eventually([&] {
    return federation_.coordinator().Log().find("has a new certificate") != std::string::npos;
  }));
  const auto retired = federation_.Millrace({"authority", "retire"});
  ASSERT_EQ(retired.code, ExitCode::kOk) << retired.error;
  EXPECT_TRUE(Eventually([&] {
    return late.CheckIn(Now()).status().code() != absl::StatusCode::kOk;
  })) << "its certificate is the old authority's";
  MR_EXPECT_OK(next.CheckIn(Now()));
  EXPECT_TRUE(Eventually([&] {
    return federation_.Millrace({"run", "list"}).code == ExitCode::kOk;
  })) << "people who trust the new authority alone";
  federation_.EnrollSite("press-10");
}

TEST_F(Membership, UploadWhoseConnectionIsLostAfterARotationGoesOnUnderTheNewAuthority) {
  federation_.EnrollSite("press-7");
  IdentityFiles files = federation_.FilesOf("press-7");
  Link link(federation_.LinkOf("press-7"));
  IdentityKeeper keeper(&link, &files, files.Load().value(), SystemClock());
  StartRun();
  UploadInProgress upload(&link, "press-7");
  ASSERT_EQ(federation_.Millrace({"authority", "rotate"}).code, ExitCode::kOk);
  MR_ASSERT_OK(keeper.RunOnce());
  // From now on the coordinator's certificate is the new authority's.
  std::filesystem::remove_all(federation_.Path("hub"));
  federation_.Issue("coordinator", "hub");
  federation_.coordinator().Kill();
  federation_.StartCoordinator();
  EXPECT_FALSE(upload.GoOn().ok()) << "its stream is gone";

  absl::StatusOr<v1::UploadState> state;
  EXPECT_TRUE(Eventually([&] {
    state = upload.TryAgain();
    return !absl::IsUnavailable(state.status());
  })) << state.status();
  MR_ASSERT_OK(state);
  EXPECT_TRUE(state->accepted());
}

TEST_F(Membership, CoordinatorTakesUpItsNewCertificateWhileItRuns) {
  federation_.EnrollSite("press-7");
  std::filesystem::remove_all(federation_.Path("hub"));
  federation_.Issue("coordinator", "hub");
  EXPECT_TRUE(Eventually([&] {
    return federation_.coordinator().Log().find("has a new certificate") != std::string::npos;
  }));
  Link link(federation_.LinkOf("press-7"));
  MR_EXPECT_OK(link.CheckIn(Now()));
}

// Certificates at the door.

TEST_F(Membership, CertificateThatIsNotValidYetIsNotLetIn) {
  federation_.EnrollSite("press-7");
  federation_.Age("press-7", -absl::Hours(1), absl::Hours(9));
  EXPECT_THAT(Link(federation_.LinkOf("press-7")).CheckIn(Now()),
              IsStatus(absl::StatusCode::kUnavailable, HasSubstr("TLS handshake failed")));
}

TEST_F(Membership, CertificateThatEndsDuringItsConnectionIsRefusedByName) {
  federation_.EnrollSite("press-7");
  federation_.Age("press-7", absl::Hours(1), absl::Seconds(20));
  Link link(federation_.LinkOf("press-7"));
  MR_ASSERT_OK(link.CheckIn(Now()));
  EXPECT_TRUE(Eventually([&] {
    const absl::Status status = link.CheckIn(Now()).status();
    return absl::IsUnauthenticated(status) && absl::StrContains(status.message(), "expired on");
  }));
}

}  // namespace
}  // namespace millrace
