// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rpc/admin_service.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "base/status.h"
#include "coordinator/rpc/operator_call.h"
#include "coordinator/rpc/peer.h"
#include "coordinator/rpc/run_proto.h"

namespace millrace {
namespace {

/// A run sent anew whenever it has changed, until it ends. Deletes itself.
class WatchCall final : public grpc::ServerWriteReactor<v1::Run>, public Waiter {
 public:
  WatchCall(Engine* engine, WaitingRoom* room, Clock* steady, std::unique_ptr<SiteCall> call,
            std::string run)
      : engine_(engine),
        room_(room),
        steady_(steady),
        call_(std::move(call)),
        run_(std::move(run)) {}

  bool Poll(absl::Time) override {
    if (writing_) return false;
    if (failed_) return End({grpc::StatusCode::CANCELLED, "watcher hung up"});
    const absl::StatusOr<RunState> run = Guarded([&] { return engine_->GetRun(run_); });
    if (!run.ok()) return End(ToGrpc(run.status()));
    if (run->events == sent_ && run->held_up == message_.held_up()) {
      return run->phase != RunPhase::kRunning && End(grpc::Status::OK);
    }
    sent_ = run->events;
    message_ = ToProto(*run, true);
    writing_ = true;
    StartWrite(&message_);
    return false;
  }

  void Cancel() override { Finish({grpc::StatusCode::CANCELLED, "watch ended"}); }

  void OnWriteDone(bool ok) override {
    room_->Update(this, steady_->Now(), [&] {
      writing_ = false;
      failed_ = !ok;
    });
  }
  void OnCancel() override { room_->Cancel(this); }
  void OnDone() override { delete this; }

 private:
  bool End(const grpc::Status& status) {
    Finish(status);
    return true;
  }

  Engine* const engine_;
  WaitingRoom* const room_;
  Clock* const steady_;
  const std::unique_ptr<SiteCall> call_;  // ends with the watcher's certificate
  const std::string run_;
  int64_t sent_ = 0;  // events of the run that the watcher has seen
  v1::Run message_;
  bool writing_ = false;
  bool failed_ = false;
};

/// A watch that is refused at once.
class RefusedWatch final : public grpc::ServerWriteReactor<v1::Run> {
 public:
  explicit RefusedWatch(const absl::Status& status) { Finish(ToGrpc(status)); }
  void OnDone() override { delete this; }
};

}  // namespace

grpc::ServerUnaryReactor* AdminService::StartRun(grpc::CallbackServerContext* context,
                                                 const v1::StartRunRequest* request,
                                                 v1::Run* response) {
  return ForChange(context, audit_, Role::kOperator, "run.start", "",
                   [&](const std::string& actor, std::string* object) -> absl::Status {
                     MR_ASSIGN_OR_RETURN(const std::string id, engine_->StartRun(request->plan()));
                     *object = absl::StrCat("run ", id);
                     LogInfo("run started", {{"by", actor}, {"run", id}});
                     MR_ASSIGN_OR_RETURN(const RunState run, engine_->GetRun(id));
                     *response = ToProto(run, true);
                     return absl::OkStatus();
                   });
}

grpc::ServerUnaryReactor* AdminService::ListRuns(grpc::CallbackServerContext* context,
                                                 const v1::ListRunsRequest*,
                                                 v1::ListRunsResponse* response) {
  return ForRole(context, Role::kViewer, [&] {
    const std::vector<RunState> runs = engine_->Runs();
    for (auto run = runs.rbegin(); run != runs.rend(); ++run) {
      *response->add_runs() = ToProto(*run, false);
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdminService::GetRun(grpc::CallbackServerContext* context,
                                               const v1::GetRunRequest* request,
                                               v1::Run* response) {
  return ForRole(context, Role::kViewer, [&]() -> absl::Status {
    MR_ASSIGN_OR_RETURN(const RunState run, engine_->GetRun(request->run()));
    *response = ToProto(run, true);
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::Run>* AdminService::WatchRun(grpc::CallbackServerContext* context,
                                                          const v1::GetRunRequest* request) {
  absl::StatusOr<std::unique_ptr<SiteCall>> call =
      Guarded([&] { return calls_->BeginPerson(context, Role::kViewer, CallKind::kHeld); });
  if (!call.ok()) return new RefusedWatch(call.status());
  auto* watch = new WatchCall(engine_, room_, steady_, *std::move(call), request->run());
  room_->Enter(watch, steady_->Now());
  return watch;
}

grpc::ServerUnaryReactor* AdminService::StopRun(grpc::CallbackServerContext* context,
                                                const v1::StopRunRequest* request,
                                                v1::Run* response) {
  return ForChange(
      context, audit_, Role::kOperator, "run.stop", absl::StrCat("run ", request->run()),
      [&](const std::string& actor, std::string* object) -> absl::Status {
        MR_ASSIGN_OR_RETURN(const RunState asked, engine_->GetRun(request->run()));
        *object = absl::StrCat("run ", asked.id);
        const std::string reason = request->reason().empty() ? "stopped" : request->reason();
        MR_RETURN_IF_ERROR(engine_->StopRun(asked.id, absl::StrCat(reason, " (", actor, ")")));
        MR_ASSIGN_OR_RETURN(const RunState run, engine_->GetRun(asked.id));
        *response = ToProto(run, true);
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* AdminService::ListSites(grpc::CallbackServerContext* context,
                                                  const v1::ListSitesRequest*,
                                                  v1::ListSitesResponse* response) {
  return ForRole(context, Role::kViewer, [&] {
    for (const v1::Site& site : engine_->Sites()) *response->add_sites() = site;
    return absl::OkStatus();
  });
}

}  // namespace millrace
