// SPDX-License-Identifier: Apache-2.0
// The operator's calls to the coordinator, free of gRPC's headers.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "coordinator/cli/enrollment_calls.h"
#include "millrace/v1/admin.pb.h"
#include "millrace/v1/models.pb.h"

namespace millrace {

struct ConnectionOptions {
  std::string address;  // host:port
  std::string authority_pem;
  std::string certificate_pem;
  std::string key_pem;
  absl::Duration call_timeout = absl::Seconds(30);
};

/// Every failure names the coordinator's address or is the coordinator's own word. UNAVAILABLE or
/// DEADLINE_EXCEEDED: it was not reached, trying again may help. Not thread-safe.
class Connection {
 public:
  virtual ~Connection() = default;

  virtual absl::StatusOr<v1::Run> StartRun(const std::string& plan) = 0;
  virtual absl::StatusOr<v1::ListRunsResponse> ListRuns() = 0;
  virtual absl::StatusOr<v1::Run> GetRun(const std::string& run) = 0;
  virtual absl::StatusOr<v1::Run> StopRun(const std::string& run, const std::string& reason) = 0;
  virtual absl::StatusOr<v1::ListSitesResponse> ListSites() = 0;
  /// `run` empty: of all runs.
  virtual absl::StatusOr<v1::ListModelsResponse> ListModels(const std::string& run,
                                                            int64_t limit) = 0;
  /// `version` -1: the newest.
  virtual absl::StatusOr<v1::Model> GetModel(const std::string& run, int64_t version) = 0;

  /// Valid as long as the connection.
  virtual EnrollmentCalls& enrollment() = 0;

  /// Hands over the run now and after every change until `on_run` returns false, and calls
  /// `on_tick` whenever `tick` has passed without one. OK also when the coordinator ends the watch,
  /// and after a few minutes in any case: the caller watches again, so that a coordinator that
  /// vanished without a word is noticed.
  virtual absl::Status WatchRun(const std::string& run, absl::Duration tick,
                                const std::function<bool(const v1::Run&)>& on_run,
                                const std::function<void()>& on_tick) = 0;

  /// Hands over the bytes of a model package in order; stops when `on_chunk` fails, with its
  /// status.
  virtual absl::Status ExportModel(
      const std::string& run, int64_t version,
      const std::function<absl::Status(absl::string_view)>& on_chunk) = 0;
};

/// Does not connect yet: the first call does.
std::unique_ptr<Connection> NewConnection(const ConnectionOptions& options);

}  // namespace millrace
