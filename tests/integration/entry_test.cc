// SPDX-License-Identifier: Apache-2.0
// What callers without a certificate can cost a coordinator.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <list>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/file_system.h"
#include "client/session/link.h"
#include "millrace/v1/enrollment.grpc.pb.h"
#include "tests/testing/cutting_proxy.h"
#include "tests/testing/enrolling_federation.h"
#include "tests/testing/eventually.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using testing::EnrollingFederation;
using testing::Eventually;
using ::testing::HasSubstr;

class Entry : public ::testing::Test {
 protected:
  /// A connection of its own.
  std::shared_ptr<grpc::Channel> Connect() const {
    grpc::SslCredentialsOptions tls;
    tls.pem_root_certs = ReadFile(PosixFileSystem(), federation_.Path("ada/authority.crt")).value();
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(federation_.address(), grpc::SslCredentials(tls), arguments);
  }
  grpc::Status GetTrust() const {
    grpc::ClientContext context;
    v1::Trust trust;
    return v1::Enrollment::NewStub(Connect())->GetTrust(&context, {}, &trust);
  }

  EnrollingFederation federation_{MILLRACE_COORDINATOR};
};

/// A call whose message never comes.
class UnfinishedCall final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit UnfinishedCall(const std::shared_ptr<grpc::Channel>& channel) : stub_(channel) {
    stub_.PrepareBidiStreamingCall(&context_, "/millrace.v1.Enrollment/Enroll", {}, this);
    StartCall();
  }
  ~UnfinishedCall() override {
    context_.TryCancel();
    Await();
  }
  grpc::Status Await() {
    done_.WaitForNotification();
    return status_;
  }
  void OnDone(const grpc::Status& status) override {
    status_ = status;
    done_.Notify();
  }

 private:
  grpc::ClientContext context_;
  grpc::GenericStub stub_;
  grpc::Status status_;
  absl::Notification done_;
};

TEST_F(Entry, CallersWhoSendNothingKeepNobodyOutForLongAndMembersNotAtAll) {
  federation_.EnrollSite("press-7");
  Link link(federation_.LinkOf("press-7"));
  const std::shared_ptr<grpc::Channel> channels[] = {Connect(), Connect()};
  std::list<UnfinishedCall> calls;
  for (int i = 0; i < 96; ++i) calls.emplace_back(channels[i % 2]);
  EXPECT_TRUE(
      Eventually([&] { return GetTrust().error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED; }));
  MR_EXPECT_OK(link.GetTrust({}));
  for (UnfinishedCall& call : calls) EXPECT_FALSE(call.Await().ok()) << "ended by the coordinator";
  EXPECT_TRUE(Eventually([&] { return GetTrust().ok(); }));
}

TEST_F(Entry, SiteEnrollsThroughAProxyThatItsDaemonThenUsesToo) {
  testing::CuttingProxy proxy(federation_.port(), testing::CuttingProxy::Mode::kConnect);
  const std::string address = absl::StrCat("http://127.0.0.1:", proxy.port());
  federation_.EnrollSite("press-7", address);
  EXPECT_EQ(proxy.asked_for(), federation_.address());
  EXPECT_GT(proxy.bytes_up(), 0);
  EXPECT_THAT(ReadFile(PosixFileSystem(), federation_.Path("press-7/site.toml")).value(),
              HasSubstr(absl::StrCat("[link]\nproxy = \"", address, "\"")));
}

TEST_F(Entry, MessageThatIsLongerThanAnyHonestOneIsRefused) {
  grpc::ClientContext context;
  v1::EnrollRequest request;
  request.set_token(std::string(9 << 10, 't'));
  v1::CertificateAnswer answer;
  const grpc::Status status =
      v1::Enrollment::NewStub(Connect())->Enroll(&context, request, &answer);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("at most 8192"));
}

}  // namespace
}  // namespace millrace
