// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"
#include "coordinator/engine/engine.h"
#include "coordinator/enrollment/audit_log.h"
#include "coordinator/rpc/site_calls.h"
#include "coordinator/rpc/waiting_room.h"
#include "millrace/v1/admin.grpc.pb.h"

namespace millrace {

/// millrace.v1.Admin. Everything it is given outlives it. Nobody sets
/// `steady`.
class AdminService final : public v1::Admin::CallbackService {
 public:
  AdminService(Engine* engine, SiteCalls* calls, WaitingRoom* room, AuditLog* audit, Clock* steady)
      : engine_(engine), calls_(calls), room_(room), audit_(audit), steady_(steady) {}

  grpc::ServerUnaryReactor* StartRun(grpc::CallbackServerContext* context,
                                     const v1::StartRunRequest* request,
                                     v1::Run* response) override;
  grpc::ServerUnaryReactor* ListRuns(grpc::CallbackServerContext* context,
                                     const v1::ListRunsRequest* request,
                                     v1::ListRunsResponse* response) override;
  grpc::ServerUnaryReactor* GetRun(grpc::CallbackServerContext* context,
                                   const v1::GetRunRequest* request, v1::Run* response) override;
  grpc::ServerWriteReactor<v1::Run>* WatchRun(grpc::CallbackServerContext* context,
                                              const v1::GetRunRequest* request) override;
  grpc::ServerUnaryReactor* StopRun(grpc::CallbackServerContext* context,
                                    const v1::StopRunRequest* request, v1::Run* response) override;
  grpc::ServerUnaryReactor* ListSites(grpc::CallbackServerContext* context,
                                      const v1::ListSitesRequest* request,
                                      v1::ListSitesResponse* response) override;

 private:
  Engine* const engine_;
  SiteCalls* const calls_;
  WaitingRoom* const room_;
  AuditLog* const audit_;
  Clock* const steady_;
};

}  // namespace millrace
