// SPDX-License-Identifier: Apache-2.0
// What a site says of a coordinator that does not serve it.
#include "client/session/link.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <thread>

#include "base/crypto/certificate.h"
#include "base/memory_file_system.h"
#include "millrace/v1/rounds.grpc.pb.h"
#include "millrace/v1/secure_aggregation.grpc.pb.h"
#include "millrace/v1/transfer.grpc.pb.h"
#include "tests/testing/callers.h"
#include "tests/testing/eventually.h"
#include "tests/testing/simulated_clock.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using testing::Eventually;
using ::testing::HasSubstr;
using testing::IsStatus;
using ::testing::Not;

class Overloaded final : public v1::Rounds::Service {
  grpc::Status CheckIn(grpc::ServerContext*, const v1::CheckInRequest*,
                       v1::CheckInResponse*) override {
    return {grpc::StatusCode::UNAVAILABLE, "the store is busy"};
  }
};

/// Never sends the model that it is asked for.
class Silent final : public v1::Transfer::Service {
  grpc::Status Download(grpc::ServerContext* context, const v1::DownloadRequest*,
                        grpc::ServerWriter<v1::Chunk>*) override {
    EXPECT_TRUE(Eventually([&] { return context->IsCancelled(); }));
    return grpc::Status::CANCELLED;
  }
};

/// Keeps the certificate (PEM) of the last call's connection.
class Doorman final : public v1::SecureAggregation::Service {
 public:
  grpc::Status Advertise(grpc::ServerContext* context, const v1::AdvertiseRequest*,
                         v1::AdvertiseResponse*) override {
    return Look(*context);
  }
  grpc::Status Agree(grpc::ServerContext* context, const v1::AgreeRequest*,
                     v1::AgreeResponse*) override {
    return Look(*context);
  }
  std::string seen;

 private:
  grpc::Status Look(const grpc::ServerContext& context) {
    const auto found = context.auth_context()->FindPropertyValues("x509_pem_cert");
    seen = found.empty() ? "" : std::string(found[0].begin(), found[0].end());
    return grpc::Status::OK;
  }
};

class LinkTest : public ::testing::Test {
 protected:
  /// Listens at `host` with a certificate for localhost and 127.0.0.1.
  Link LinkToServerAt(const std::string& host, Heartbeat* transfers = nullptr) {
    return Link(OptionsToServerAt(host, transfers));
  }
  LinkOptions OptionsToServerAt(const std::string& host, Heartbeat* transfers = nullptr) {
    const KeyAndCertificate identity = federation_.Issue(Role::kCoordinator, "cloud");
    grpc::SslServerCredentialsOptions tls(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
    tls.pem_root_certs = federation_.authority_pem();
    tls.pem_key_cert_pairs = {{identity.key_pem, identity.certificate_pem}};
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(host + ":0", grpc::SslServerCredentials(tls), &port);
    builder.RegisterService(&service_);
    builder.RegisterService(&silent_);
    builder.RegisterService(&doorman_);
    server_ = builder.BuildAndStart();
    LinkOptions options = SiteLink(federation_, "press-7", port);
    options.address = host + ":" + std::to_string(port);
    options.transfers = transfers;
    return options;
  }

  const testing::TestFederation federation_;
  Overloaded service_;
  Silent silent_;
  Doorman doorman_;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(LinkTest, CoordinatorThatSaysItIsUnavailableWasReached) {
  Link link = LinkToServerAt("127.0.0.1");
  EXPECT_THAT(link.CheckIn(v1::CheckInRequest()),
              IsStatus(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("127.0.0.1:"), HasSubstr("the store is busy"),
                             Not(HasSubstr("cannot be reached")))));
}

TEST_F(LinkTest, TransferThatStandsStillIsEndedAndNamed) {
  Heartbeat transfers;
  testing::SimulatedClock clock;
  LinkOptions options = OptionsToServerAt("127.0.0.1", &transfers);
  options.steady = &clock;
  Link link(options);
  MemoryFileSystem files;
  const auto file = files.Open("model", FileSystem::OpenMode::kCreate).value();
  std::atomic<bool> over = false;
  absl::Status ended;
  std::thread download([&] {
    int64_t reached = 0;
    ended = link.Download(v1::RoundId(), Digest(), 0, file.get(), &reached);
    over = true;
  });
  EXPECT_TRUE(Eventually([&] { return transfers.beats() > 0; }));
  link.EndStalled(absl::Minutes(2));
  EXPECT_FALSE(over);
  clock.Advance(absl::Minutes(2));
  link.EndStalled(absl::Minutes(2));
  EXPECT_TRUE(Eventually([&] { return over.load(); }));
  download.join();
  EXPECT_THAT(ended, IsStatus(absl::StatusCode::kUnavailable, HasSubstr("stood still")));
}

TEST_F(LinkTest, AdvertisementGoesWithTheCertificateThatItNamesAlsoAfterARenewal) {
  const LinkOptions options = OptionsToServerAt("127.0.0.1");
  Link link(options);
  const KeyAndCertificate renewed = federation_.Issue(Role::kSite, "press-7");
  const std::map<std::string, std::string> certificates = {{"old", options.certificate_pem},
                                                           {"new", renewed.certificate_pem}};
  link.UseCredentials(options.authority_pem, renewed.certificate_pem, renewed.key_pem);
  for (const auto& [age, certificate] : certificates) {
    v1::AdvertiseRequest request;
    request.mutable_advertisement()->set_certificate_sha256(
        ParseCertificate(certificate)->fingerprint.ToBytes());
    MR_ASSERT_OK(link.Advertise(request));
    EXPECT_EQ(doorman_.seen, certificate) << age;
    MR_ASSERT_OK(link.Agree(v1::AgreeRequest()));
    EXPECT_EQ(doorman_.seen, renewed.certificate_pem) << age;
  }
}

TEST_F(LinkTest, CertificateForAnotherHostIsNamedWithTheWayOut) {
  Link link = LinkToServerAt("127.0.0.2");
  EXPECT_THAT(link.CheckIn(v1::CheckInRequest()),
              IsStatus(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("127.0.0.2:"), HasSubstr("issue it with --host"),
                             Not(HasSubstr("cannot be reached")))));
}

}  // namespace
}  // namespace millrace
