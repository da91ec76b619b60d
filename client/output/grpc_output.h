// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/server.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "client/output/output.h"
#include "client/output/output_config.h"
#include "client/output/verdict_watch.h"

namespace millrace {

/// Serves proto/millrace/v1/live.proto to programs of this machine, without TLS.
class GrpcOutput final : public Output, private v1::Live::CallbackService {
 public:
  /// Listens. UNAVAILABLE if the address is taken. `board` outlives it.
  static absl::StatusOr<std::unique_ptr<GrpcOutput>> Listen(const GrpcOutputConfig& config,
                                                            const VerdictBoard* board);
  ~GrpcOutput() override;

  void Take(const MachineVerdict& verdict) override;
  void Beat(const VerdictBoard&) override {}  // whoever asks gets it from the board
  OutputStatus Status() const override;
  /// 0 where it listens on a socket of the file system.
  int port() const { return port_; }

 private:
  explicit GrpcOutput(const VerdictBoard* board) : board_(board) {}

  grpc::ServerUnaryReactor* GetVerdicts(grpc::CallbackServerContext* context,
                                        const v1::GetVerdictsRequest* request,
                                        v1::GetVerdictsResponse* response) override;
  grpc::ServerWriteReactor<v1::Verdict>* WatchVerdicts(
      grpc::CallbackServerContext* context, const v1::WatchVerdictsRequest* request) override;

  const VerdictBoard* const board_;
  WatchRoom room_;
  mutable absl::Mutex mutex_;
  OutputStatus status_ ABSL_GUARDED_BY(mutex_);
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;  // the last: its calls use what is above
};

}  // namespace millrace
