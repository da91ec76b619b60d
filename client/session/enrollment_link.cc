// SPDX-License-Identifier: Apache-2.0
#include "client/session/enrollment_link.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/crypto/certificate.h"
#include "base/status.h"
#include "client/session/link.h"
#include "millrace/v1/enrollment.grpc.pb.h"

namespace millrace {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(30);

/// Takes whoever answers.
class AnyServer final : public grpc::experimental::ExternalCertificateVerifier {
 public:
  bool Verify(grpc::experimental::TlsCustomVerificationCheckRequest*,
              std::function<void(grpc::Status)>, grpc::Status* status) override {
    *status = grpc::Status::OK;
    return true;
  }
  void Cancel(grpc::experimental::TlsCustomVerificationCheckRequest*) override {}
};

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> UnverifiedCredentials() {
  using grpc::experimental::ExternalCertificateVerifier;
  using grpc::experimental::StaticDataCertificateProvider;
  // gRPC insists on some root, which then plays no part; the machine may have none.
  MR_ASSIGN_OR_RETURN(const KeyAndCertificate nobody, CreateAuthority("nobody", absl::Now()));
  grpc::experimental::TlsChannelCredentialsOptions options;
  options.set_certificate_provider(
      std::make_shared<StaticDataCertificateProvider>(nobody.certificate_pem));
  options.watch_root_certs();
  options.set_verify_server_certs(false);
  options.set_check_call_host(false);
  options.set_certificate_verifier(ExternalCertificateVerifier::Create<AnyServer>());
  return grpc::experimental::TlsCredentials(options);
}

std::unique_ptr<v1::Enrollment::Stub> StubOf(
    const std::string& address, const std::shared_ptr<grpc::ChannelCredentials>& credentials,
    const std::string& proxy) {
  grpc::ChannelArguments arguments;
  // Without one here, gRPC looks at https_proxy and no_proxy in the environment.
  if (!proxy.empty()) arguments.SetString(GRPC_ARG_HTTP_PROXY, proxy);
  return v1::Enrollment::NewStub(grpc::CreateCustomChannel(address, credentials, arguments));
}

void SetDeadline(grpc::ClientContext* context, absl::Duration timeout) {
  context->set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout));
}

absl::Status StatusOf(const std::string& address, const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  const std::string& message = status.error_message();
  if (status.error_code() != grpc::StatusCode::UNAVAILABLE) {
    return {static_cast<absl::StatusCode>(status.error_code()), message};
  }
  return absl::UnavailableError(
      absl::StrCat("coordinator ", address, ": ", LinkDiagnosis(message), message));
}

}  // namespace

struct EnrollmentLink::Stub {
  std::unique_ptr<v1::Enrollment::Stub> enrollment;
};

EnrollmentLink::EnrollmentLink(const std::string& address, const std::string& authority_pem,
                               const std::string& proxy)
    : address_(address), stub_(std::make_unique<Stub>()) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = authority_pem;
  stub_->enrollment = StubOf(address, grpc::SslCredentials(tls), proxy);
}

EnrollmentLink::~EnrollmentLink() = default;

absl::StatusOr<v1::Trust> EnrollmentLink::GetUnverifiedTrust(const std::string& address,
                                                             const std::string& proxy) {
  MR_ASSIGN_OR_RETURN(const auto credentials, UnverifiedCredentials());
  const auto stub = StubOf(address, credentials, proxy);
  grpc::ClientContext context;
  SetDeadline(&context, kCallTimeout);
  v1::Trust trust;
  MR_RETURN_IF_ERROR(StatusOf(address, stub->GetTrust(&context, v1::GetTrustRequest(), &trust)));
  return trust;
}

absl::StatusOr<v1::CertificateAnswer> EnrollmentLink::Enroll(const v1::EnrollRequest& request) {
  grpc::ClientContext context;
  SetDeadline(&context, absl::Milliseconds(request.wait_ms()) + kCallTimeout);
  v1::CertificateAnswer answer;
  MR_RETURN_IF_ERROR(StatusOf(address_, stub_->enrollment->Enroll(&context, request, &answer)));
  return answer;
}

}  // namespace millrace
