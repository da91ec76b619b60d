// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/cli/connection.h"

namespace millrace::testing {

/// A coordinator whose answers a test has written down.
class FakeConnection final : public Connection {
 public:
  /// What one watch gives: states, then how it ends.
  struct WatchScript {
    std::vector<v1::Run> runs;
    absl::Status end = absl::OkStatus();
  };

  absl::StatusOr<v1::Run> StartRun(const std::string& plan) override {
    started_plan = plan;
    return run;
  }
  absl::StatusOr<v1::ListRunsResponse> ListRuns() override { return runs; }
  absl::StatusOr<v1::Run> GetRun(const std::string&) override { return run; }
  absl::StatusOr<v1::Run> StopRun(const std::string&, const std::string& reason) override {
    stop_reason = reason;
    return run;
  }
  absl::StatusOr<v1::ListSitesResponse> ListSites() override { return sites; }
  absl::StatusOr<v1::ListModelsResponse> ListModels(const std::string&, int64_t limit) override {
    models_limit = limit;
    return models;
  }
  absl::StatusOr<v1::Model> GetModel(const std::string&, int64_t version) override {
    asked_version = version;
    return model;
  }

  /// The last script is used for every later watch too.
  absl::Status WatchRun(const std::string&, absl::Duration,
                        const std::function<bool(const v1::Run&)>& on_run,
                        const std::function<void()>&) override {
    ++watches;
    const WatchScript script = watch_scripts.front();
    if (watch_scripts.size() > 1) watch_scripts.pop_front();
    for (const v1::Run& state : script.runs) {
      if (!on_run(state)) return absl::OkStatus();
    }
    return script.end;
  }

  absl::Status ExportModel(
      const std::string&, int64_t,
      const std::function<absl::Status(absl::string_view)>& on_chunk) override {
    for (const std::string& chunk : chunks) {
      if (absl::Status status = on_chunk(chunk); !status.ok()) return status;
    }
    return export_end;
  }

  absl::StatusOr<v1::Run> run = v1::Run();
  absl::StatusOr<v1::ListRunsResponse> runs = v1::ListRunsResponse();
  absl::StatusOr<v1::ListSitesResponse> sites = v1::ListSitesResponse();
  absl::StatusOr<v1::ListModelsResponse> models = v1::ListModelsResponse();
  absl::StatusOr<v1::Model> model = v1::Model();
  std::deque<WatchScript> watch_scripts;
  std::vector<std::string> chunks;
  absl::Status export_end;

  int watches = 0;
  std::string started_plan;
  std::string stop_reason;
  int64_t models_limit = 0;
  int64_t asked_version = 0;
};

}  // namespace millrace::testing
