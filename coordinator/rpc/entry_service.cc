// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rpc/entry_service.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crypto/signing_request.h"
#include "base/status.h"
#include "coordinator/rpc/certificate_answer.h"
#include "coordinator/rpc/peer.h"
#include "coordinator/rpc/raw_chunks.h"
#include "millrace/v1/enrollment.grpc.pb.h"

namespace millrace {
namespace {

constexpr size_t kMaxRequestBytes = 8 << 10;
constexpr absl::Duration kToSend = absl::Seconds(10);  // for its message, and to take the answer

/// One call; an enrollment is held until it is decided. Deletes itself.
class EntryCall final : public grpc::ServerGenericBidiReactor, public Waiter {
 public:
  EntryCall(const EntryParts& parts, grpc::GenericCallbackServerContext* context)
      : parts_(parts), context_(context) {
    if (context->method() != kGetTrustMethod && context->method() != kEnrollMethod) {
      Finish({grpc::StatusCode::UNIMPLEMENTED, absl::StrCat(context->method(), ": not served")});
      return;
    }
    absl::StatusOr<std::unique_ptr<EntryPlace>> place = parts_.calls->Begin(
        context, PeerCertificate(*context).ok(), parts_.steady->Now() + kToSend);
    if (!place.ok()) {
      Finish(ToGrpc(place.status()));
      return;
    }
    place_ = *std::move(place);
    StartRead(&request_);
  }

  void OnReadDone(bool ok) override {
    const absl::Status status = Guarded([&] { return ok ? Take() : NoMessage(); });
    if (!status.ok()) Finish(ToGrpc(status));
  }

  bool Poll(absl::Time now) override {
    if (context_->IsCancelled()) {
      Cancel();
      return true;
    }
    const absl::StatusOr<CertificateCase> opened =
        Guarded([&] { return parts_.enrollment->Find(key_); });
    if (opened.ok() && opened->state == RequestState::kPending && now < give_up_) return false;
    if (opened.ok()) {
      Answer(ToAnswer(*opened));
    } else {
      Finish(ToGrpc(opened.status()));
    }
    return true;
  }

  void Cancel() override { Finish({grpc::StatusCode::CANCELLED, "the call ended"}); }
  void OnCancel() override { parts_.room->Cancel(this); }
  void OnDone() override { delete this; }

 private:
  static absl::Status NoMessage() {
    return absl::InvalidArgumentError("the call ended before its message was whole");
  }

  /// OK if the call is answered, or waits.
  absl::Status Take() {
    if (request_.Length() > kMaxRequestBytes) {
      // Not RESOURCE_EXHAUSTED: no other time would be better.
      return absl::InvalidArgumentError(absl::StrCat(context_->method(), ": a message of ",
                                                     request_.Length(), " bytes, at most ",
                                                     kMaxRequestBytes, " without a certificate"));
    }
    const absl::Time now = parts_.steady->Now();
    if (context_->method() == kGetTrustMethod) {
      MR_ASSIGN_OR_RETURN(const auto request, ParseMessage<v1::GetTrustRequest>(request_));
      place_->SetDeadline(now + kToSend);
      Answer(parts_.membership->Trust(request.number(), request.revocation_list()));
      return absl::OkStatus();
    }
    MR_ASSIGN_OR_RETURN(const auto request, ParseMessage<v1::EnrollRequest>(request_));
    MR_ASSIGN_OR_RETURN(
        const CertificateCase opened,
        parts_.enrollment->Redeem(request.token(), request.signing_request(), request.proof()));
    key_ = opened.key;
    const absl::Duration asked = absl::Milliseconds(std::max<int64_t>(0, request.wait_ms()));
    give_up_ = now + std::min(asked, kLongestWait);
    place_->SetDeadline(give_up_ + kToSend);
    parts_.room->Enter(this, now);
    return absl::OkStatus();
  }

  template <typename Message>
  void Answer(const Message& message) {
    bool own_buffer = false;
    const grpc::Status status =
        grpc::SerializationTraits<Message>::Serialize(message, &response_, &own_buffer);
    if (status.ok()) {
      StartWriteAndFinish(&response_, grpc::WriteOptions(), status);
    } else {
      Finish(status);
    }
  }

  const EntryParts& parts_;
  grpc::GenericCallbackServerContext* const context_;
  std::unique_ptr<EntryPlace> place_;
  grpc::ByteBuffer request_, response_;
  Digest key_;
  absl::Time give_up_;
};

}  // namespace

grpc::ServerGenericBidiReactor* EntryService::CreateReactor(
    grpc::GenericCallbackServerContext* context) {
  return new EntryCall(parts_, context);
}

}  // namespace millrace
