// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rpc/secure_service.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/crypto/certificate.h"
#include "base/status.h"
#include "coordinator/rpc/peer.h"

namespace millrace {
namespace {

/// A long poll: `attempt` is made again whenever something has changed, until it is true, fails, or
/// the caller's time is over; what it left in the response is the answer. Deletes itself.
class PhaseCall final : public grpc::ServerUnaryReactor, public Waiter {
 public:
  using Attempt = std::function<absl::StatusOr<bool>(const std::string& site)>;

  PhaseCall(WaitingRoom* room, std::unique_ptr<SiteCall> call, absl::Time give_up, Attempt attempt)
      : room_(room), call_(std::move(call)), give_up_(give_up), attempt_(std::move(attempt)) {}

  bool Poll(absl::Time now) override {
    const absl::StatusOr<bool> ready = Guarded([&] { return attempt_(call_->site()); });
    if (ready.ok() && !*ready && now < give_up_) return false;
    Finish(ToGrpc(ready.status()));
    return true;
  }

  void Cancel() override { Finish({grpc::StatusCode::CANCELLED, "the call ended"}); }
  void OnCancel() override { room_->Cancel(this); }
  void OnDone() override { delete this; }

 private:
  WaitingRoom* const room_;
  const std::unique_ptr<SiteCall> call_;
  const absl::Time give_up_;
  const Attempt attempt_;
};

template <typename Message>
std::vector<Message> ToVector(const google::protobuf::RepeatedPtrField<Message>& field) {
  return {field.begin(), field.end()};
}

}  // namespace

grpc::ServerUnaryReactor* SecureService::Hold(
    grpc::CallbackServerContext* context, int64_t wait_ms,
    const std::function<absl::StatusOr<bool>(const std::string& site)>& attempt) {
  absl::StatusOr<std::unique_ptr<SiteCall>> call = calls_->Begin(context, CallKind::kHeld);
  if (!call.ok()) return Answer(context, call.status());
  const absl::Time now = steady_->Now();
  const absl::Duration asked = absl::Milliseconds(std::max<int64_t>(0, wait_ms));
  auto* const held =
      new PhaseCall(room_, *std::move(call), now + std::min(asked, kLongestWait), attempt);
  room_->Enter(held, now);
  return held;
}

grpc::ServerUnaryReactor* SecureService::Advertise(grpc::CallbackServerContext* context,
                                                   const v1::AdvertiseRequest* request,
                                                   v1::AdvertiseResponse* response) {
  absl::StatusOr<std::string> certificate = PeerCertificate(*context);
  if (certificate.ok()) certificate = CertificateDer(*certificate);  // as the others see it
  return Hold(context, request->wait_ms(),
              [=, this](const std::string& site) -> absl::StatusOr<bool> {
                MR_RETURN_IF_ERROR(certificate.status());
                MR_ASSIGN_OR_RETURN(const auto cohort,
                                    engine_->Advertise(site, FromProto(request->round()),
                                                       request->advertisement(), *certificate));
                if (!cohort) return false;
                response->set_ready(true);
                response->mutable_cohort()->Add(cohort->begin(), cohort->end());
                return true;
              });
}

grpc::ServerUnaryReactor* SecureService::GetCertificates(grpc::CallbackServerContext* context,
                                                         const v1::GetCertificatesRequest* request,
                                                         v1::GetCertificatesResponse* response) {
  return Hold(context, 0, [=, this](const std::string& site) -> absl::StatusOr<bool> {
    MR_ASSIGN_OR_RETURN(
        const auto certificates,
        engine_->Certificates(site, FromProto(request->round()), ToVector(request->sha256())));
    response->mutable_certificates()->Add(certificates.begin(), certificates.end());
    return true;
  });
}

grpc::ServerUnaryReactor* SecureService::Share(grpc::CallbackServerContext* context,
                                               const v1::ShareRequest* request,
                                               v1::ShareResponse* response) {
  return Hold(context, request->wait_ms(),
              [=, this](const std::string& site) -> absl::StatusOr<bool> {
                MR_ASSIGN_OR_RETURN(const auto shares,
                                    engine_->Share(site, FromProto(request->round()), *request));
                if (!shares) return false;
                response->set_ready(true);
                response->mutable_shares()->Add(shares->begin(), shares->end());
                return true;
              });
}

grpc::ServerUnaryReactor* SecureService::Agree(grpc::CallbackServerContext* context,
                                               const v1::AgreeRequest* request,
                                               v1::AgreeResponse* response) {
  return Hold(
      context, request->wait_ms(), [=, this](const std::string& site) -> absl::StatusOr<bool> {
        MR_ASSIGN_OR_RETURN(const auto survivors, engine_->Agree(site, FromProto(request->round()),
                                                                 request->signature()));
        if (!survivors) return false;
        response->set_ready(true);
        response->mutable_survivors()->Add(survivors->sites.begin(), survivors->sites.end());
        response->mutable_signatures()->Add(survivors->signatures.begin(),
                                            survivors->signatures.end());
        return true;
      });
}

grpc::ServerUnaryReactor* SecureService::Unmask(grpc::CallbackServerContext* context,
                                                const v1::UnmaskRequest* request,
                                                v1::UnmaskResponse* response) {
  return Hold(context, request->wait_ms(),
              [=, this](const std::string& site) -> absl::StatusOr<bool> {
                MR_ASSIGN_OR_RETURN(const bool over,
                                    engine_->Unmask(site, FromProto(request->round()), *request));
                response->set_ready(over);
                return over;
              });
}

}  // namespace millrace
