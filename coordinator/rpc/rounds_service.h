// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/clock.h"
#include "coordinator/engine/engine.h"
#include "coordinator/rpc/site_calls.h"
#include "coordinator/rpc/waiting_room.h"
#include "millrace/v1/rounds.grpc.pb.h"
#include "millrace/v1/telemetry.grpc.pb.h"

namespace millrace {

/// millrace.v1.Rounds. Everything it is given outlives it. Nobody sets
/// `steady`.
class RoundsService final : public v1::Rounds::CallbackService {
 public:
  RoundsService(Engine* engine, SiteCalls* calls, WaitingRoom* room, Clock* steady)
      : engine_(engine), calls_(calls), room_(room), steady_(steady) {}

  grpc::ServerUnaryReactor* CheckIn(grpc::CallbackServerContext* context,
                                    const v1::CheckInRequest* request,
                                    v1::CheckInResponse* response) override;
  grpc::ServerUnaryReactor* ReportFailure(grpc::CallbackServerContext* context,
                                          const v1::ReportFailureRequest* request,
                                          v1::ReportFailureResponse* response) override;

 private:
  Engine* const engine_;
  SiteCalls* const calls_;
  WaitingRoom* const room_;
  Clock* const steady_;
};

/// millrace.v1.Telemetry.
class TelemetryService final : public v1::Telemetry::CallbackService {
 public:
  TelemetryService(Engine* engine, SiteCalls* calls) : engine_(engine), calls_(calls) {}

  grpc::ServerUnaryReactor* Report(grpc::CallbackServerContext* context,
                                   const v1::ReportRequest* request,
                                   v1::ReportResponse* response) override;

 private:
  Engine* const engine_;
  SiteCalls* const calls_;
};

}  // namespace millrace
