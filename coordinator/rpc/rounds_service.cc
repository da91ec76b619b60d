// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rpc/rounds_service.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/status.h"
#include "coordinator/rpc/peer.h"

namespace millrace {
namespace {

constexpr absl::Duration kLongestWait = absl::Seconds(20);
constexpr absl::Duration kComeBack = absl::Milliseconds(100);
constexpr size_t kMaxReason = 500;  // bytes of a site's free text that are kept

/// A check-in that waits until its site is invited.
class CheckInCall final : public grpc::ServerUnaryReactor, public Waiter {
 public:
  CheckInCall(Engine* engine, WaitingRoom* room, std::string site,
              const v1::CheckInRequest* request, v1::CheckInResponse* response, absl::Time now)
      : engine_(engine),
        room_(room),
        site_(std::move(site)),
        version_(request->version()),
        response_(response) {
    const absl::Duration asked = absl::Milliseconds(std::max<int64_t>(0, request->wait_ms()));
    give_up_ = now + std::min(asked, kLongestWait);
  }

  bool Poll(absl::Time now) override {
    absl::StatusOr<std::optional<v1::Assignment>> assignment =
        Guarded([&] { return engine_->CheckIn(site_, version_); });
    if (!assignment.ok()) {
      Finish(ToGrpc(assignment.status()));
      return true;
    }
    if (assignment->has_value()) {
      *response_->mutable_assignment() = **std::move(assignment);
    } else if (now >= give_up_) {
      response_->mutable_come_back()->set_delay_ms(absl::ToInt64Milliseconds(kComeBack));
    } else {
      return false;
    }
    Finish(grpc::Status::OK);
    return true;
  }

  void Cancel() override {
    engine_->Leave(site_);
    Finish({grpc::StatusCode::CANCELLED, "check-in ended"});
  }

  void OnCancel() override { room_->Cancel(this); }
  void OnDone() override { delete this; }

 private:
  Engine* const engine_;
  WaitingRoom* const room_;
  const std::string site_;
  const std::string version_;
  v1::CheckInResponse* const response_;
  absl::Time give_up_;
};

grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpc(status));
  return reactor;
}

}  // namespace

grpc::ServerUnaryReactor* RoundsService::CheckIn(grpc::CallbackServerContext* context,
                                                 const v1::CheckInRequest* request,
                                                 v1::CheckInResponse* response) {
  absl::StatusOr<std::string> site = RequireSite(*context, engine_);
  if (!site.ok()) return Answer(context, site.status());
  const absl::Time now = clock_->Now();
  auto* call = new CheckInCall(engine_, room_, *std::move(site), request, response, now);
  room_->Enter(call, now);
  return call;
}

grpc::ServerUnaryReactor* RoundsService::ReportFailure(grpc::CallbackServerContext* context,
                                                       const v1::ReportFailureRequest* request,
                                                       v1::ReportFailureResponse*) {
  const auto report = [&]() -> absl::Status {
    MR_ASSIGN_OR_RETURN(const std::string site, RequireSite(*context, engine_));
    return engine_->ReportFailure(site, FromProto(request->id()),
                                  request->reason().substr(0, kMaxReason));
  };
  return Answer(context, Guarded(report));
}

grpc::ServerUnaryReactor* TelemetryService::Report(grpc::CallbackServerContext* context,
                                                   const v1::ReportRequest* request,
                                                   v1::ReportResponse* response) {
  const absl::StatusOr<std::string> site = RequireSite(*context, engine_);
  if (site.ok()) response->set_round_over(!engine_->Report(*site, *request));
  return Answer(context, site.status());
}

}  // namespace millrace
