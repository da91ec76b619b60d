// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rpc/rounds_service.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/name.h"
#include "base/status.h"
#include "base/text.h"
#include "coordinator/model_drift.h"
#include "coordinator/rpc/peer.h"

namespace millrace {
namespace {

constexpr absl::Duration kComeBack = absl::Milliseconds(100);
// Bytes of a site's free text that are kept.
constexpr size_t kMaxReason = 500;
constexpr size_t kMaxVersion = 100;
constexpr size_t kMaxServed = 64;  // models of a site

/// What a site says of the models that it serves, as far as it makes sense.
std::vector<v1::ServedModel> ServedBy(const v1::CheckInRequest& request) {
  constexpr size_t kDigestBytes = 32;
  std::vector<v1::ServedModel> models;
  for (const v1::ServedModel& told : request.serving()) {
    if (models.size() == kMaxServed || !CheckName("model", told.name()).ok() ||
        told.parameters_sha256().size() != kDigestBytes ||
        told.package_sha256().size() != kDigestBytes) {
      continue;
    }
    v1::ServedModel& model = models.emplace_back();
    model.set_name(told.name());
    model.set_version(told.version());
    model.set_parameters_sha256(told.parameters_sha256());
    model.set_package_sha256(told.package_sha256());
    model.set_expired(told.expired());
  }
  return models;
}

/// A check-in that waits until its site is invited.
class CheckInCall final : public grpc::ServerUnaryReactor, public Waiter {
 public:
  CheckInCall(Engine* engine, WaitingRoom* room, std::unique_ptr<SiteCall> call,
              const v1::CheckInRequest* request, std::vector<ModelDrift> drift,
              v1::CheckInResponse* response, absl::Time now)
      : engine_(engine),
        room_(room),
        call_(std::move(call)),
        version_(Utf8(request->version(), kMaxVersion)),
        objection_(Utf8(request->objection(), kMaxReason)),
        serving_(ServedBy(*request)),
        drift_(std::move(drift)),
        response_(response) {
    const absl::Duration asked = absl::Milliseconds(std::max<int64_t>(0, request->wait_ms()));
    give_up_ = now + std::min(asked, kLongestWait);
  }

  bool Poll(absl::Time now) override {
    absl::StatusOr<std::optional<v1::Assignment>> assignment =
        Guarded([&] { return engine_->CheckIn(call_->site(), version_, objection_); });
    if (!assignment.ok()) {
      Finish(ToGrpc(assignment.status()));
      return true;
    }
    if (serving_) engine_->NoteServing(call_->site(), *std::exchange(serving_, std::nullopt));
    if (drift_) engine_->NoteDrift(call_->site(), *std::exchange(drift_, std::nullopt));
    if (assignment->has_value()) {
      *response_->mutable_assignment() = **std::move(assignment);
    } else if (now >= give_up_ || !objection_.empty()) {
      response_->mutable_come_back()->set_delay_ms(absl::ToInt64Milliseconds(kComeBack));
    } else {
      return false;
    }
    Finish(grpc::Status::OK);
    return true;
  }

  void Cancel() override {
    engine_->Leave(call_->site());
    Finish({grpc::StatusCode::CANCELLED, "check-in ended"});
  }

  void OnCancel() override { room_->Cancel(this); }
  void OnDone() override { delete this; }

 private:
  Engine* const engine_;
  WaitingRoom* const room_;
  const std::unique_ptr<SiteCall> call_;
  const std::string version_;
  const std::string objection_;
  std::optional<std::vector<v1::ServedModel>> serving_;  // until the engine knows
  std::optional<std::vector<ModelDrift>> drift_;         // likewise
  v1::CheckInResponse* const response_;
  absl::Time give_up_;
};

}  // namespace

grpc::ServerUnaryReactor* RoundsService::CheckIn(grpc::CallbackServerContext* context,
                                                 const v1::CheckInRequest* request,
                                                 v1::CheckInResponse* response) {
  absl::StatusOr<std::unique_ptr<SiteCall>> call = calls_->Begin(context, CallKind::kHeld);
  if (!call.ok()) return Answer(context, call.status());
  absl::StatusOr<std::vector<ModelDrift>> drift =
      Guarded([&] { return ParseDrift((*call)->site(), request->drift()); });
  if (!drift.ok()) return Answer(context, drift.status());
  const absl::Time now = steady_->Now();
  auto* held =
      new CheckInCall(engine_, room_, *std::move(call), request, *std::move(drift), response, now);
  room_->Enter(held, now);
  return held;
}

grpc::ServerUnaryReactor* RoundsService::ReportFailure(grpc::CallbackServerContext* context,
                                                       const v1::ReportFailureRequest* request,
                                                       v1::ReportFailureResponse*) {
  const auto report = [&]() -> absl::Status {
    MR_ASSIGN_OR_RETURN(const auto call, calls_->Begin(context, CallKind::kQuick));
    return engine_->ReportFailure(call->site(), FromProto(request->id()),
                                  Utf8(request->reason(), kMaxReason));
  };
  return Answer(context, Guarded(report));
}

grpc::ServerUnaryReactor* TelemetryService::Report(grpc::CallbackServerContext* context,
                                                   const v1::ReportRequest* request,
                                                   v1::ReportResponse* response) {
  const absl::StatusOr<std::unique_ptr<SiteCall>> call = calls_->Begin(context, CallKind::kQuick);
  if (call.ok()) response->set_round_over(!engine_->Report((*call)->site(), *request));
  return Answer(context, call.status());
}

}  // namespace millrace
