// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "base/clock.h"
#include "coordinator/engine/engine.h"
#include "coordinator/rpc/site_calls.h"
#include "coordinator/rpc/waiting_room.h"
#include "millrace/v1/secure_aggregation.grpc.pb.h"

namespace millrace {

/// millrace.v1.SecureAggregation. Everything it is given outlives it. Nobody sets
/// `steady`.
class SecureService final : public v1::SecureAggregation::CallbackService {
 public:
  SecureService(Engine* engine, SiteCalls* calls, WaitingRoom* room, Clock* steady)
      : engine_(engine), calls_(calls), room_(room), steady_(steady) {}

  grpc::ServerUnaryReactor* Advertise(grpc::CallbackServerContext* context,
                                      const v1::AdvertiseRequest* request,
                                      v1::AdvertiseResponse* response) override;
  grpc::ServerUnaryReactor* GetCertificates(grpc::CallbackServerContext* context,
                                            const v1::GetCertificatesRequest* request,
                                            v1::GetCertificatesResponse* response) override;
  grpc::ServerUnaryReactor* Share(grpc::CallbackServerContext* context,
                                  const v1::ShareRequest* request,
                                  v1::ShareResponse* response) override;
  grpc::ServerUnaryReactor* Agree(grpc::CallbackServerContext* context,
                                  const v1::AgreeRequest* request,
                                  v1::AgreeResponse* response) override;
  grpc::ServerUnaryReactor* Unmask(grpc::CallbackServerContext* context,
                                   const v1::UnmaskRequest* request,
                                   v1::UnmaskResponse* response) override;

 private:
  /// Holds the call of a site until `attempt`, which gets the site's name, has its answer.
  grpc::ServerUnaryReactor* Hold(
      grpc::CallbackServerContext* context, int64_t wait_ms,
      const std::function<absl::StatusOr<bool>(const std::string& site)>& attempt);

  Engine* const engine_;
  SiteCalls* const calls_;
  WaitingRoom* const room_;
  Clock* const steady_;
};

}  // namespace millrace
