// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/cli/connection.h"

namespace millrace::testing {

/// Nobody asks for a certificate.
class FakeEnrollmentCalls final : public EnrollmentCalls {
 public:
  absl::StatusOr<v1::InviteResponse> Invite(const v1::InviteRequest&) override {
    return v1::InviteResponse();
  }
  absl::StatusOr<v1::ListRequestsResponse> ListRequests(bool) override { return requests; }
  absl::Status Approve(const v1::ApproveRequest& request) override {
    approved.push_back(request);
    return absl::OkStatus();
  }
  absl::Status Reject(const std::string&, const std::string&) override { return absl::OkStatus(); }
  absl::StatusOr<v1::PublishResponse> Publish(const v1::PublishRequest& request) override {
    published.push_back(request);
    if (request.has_statement() && !statements.ok()) return statements;
    return v1::PublishResponse();
  }
  absl::StatusOr<v1::Trust> GetTrust() override { return trust; }
  absl::StatusOr<v1::ListAuditResponse> ListAudit(int64_t after) override {
    v1::ListAuditResponse page;
    for (const v1::AuditEntry& entry : audit) {
      if (entry.sequence() > after) *page.add_entries() = entry;
    }
    return page;
  }

  v1::ListRequestsResponse requests;
  std::vector<v1::ApproveRequest> approved;
  std::vector<v1::PublishRequest> published;
  absl::Status statements;  // what it says to each
  v1::Trust trust;
  std::vector<v1::AuditEntry> audit;
};

/// A coordinator whose answers a test has written down.
class FakeConnection final : public Connection {
 public:
  /// What one watch gives: states, then how it ends.
  struct WatchScript {
    std::vector<v1::Run> runs;
    absl::Status end = absl::OkStatus();
  };

  EnrollmentCalls& enrollment() override { return enrollment_calls; }

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

  FakeEnrollmentCalls enrollment_calls;
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

/// Hands the one connection of a test to the command line, which wants to own it.
class BorrowedConnection final : public Connection {
 public:
  explicit BorrowedConnection(Connection* lender) : lender_(lender) {}

  EnrollmentCalls& enrollment() override { return lender_->enrollment(); }
  absl::StatusOr<v1::Run> StartRun(const std::string& plan) override {
    return lender_->StartRun(plan);
  }
  absl::StatusOr<v1::ListRunsResponse> ListRuns() override { return lender_->ListRuns(); }
  absl::StatusOr<v1::Run> GetRun(const std::string& run) override { return lender_->GetRun(run); }
  absl::StatusOr<v1::Run> StopRun(const std::string& run, const std::string& reason) override {
    return lender_->StopRun(run, reason);
  }
  absl::StatusOr<v1::ListSitesResponse> ListSites() override { return lender_->ListSites(); }
  absl::StatusOr<v1::ListModelsResponse> ListModels(const std::string& run,
                                                    int64_t limit) override {
    return lender_->ListModels(run, limit);
  }
  absl::StatusOr<v1::Model> GetModel(const std::string& run, int64_t version) override {
    return lender_->GetModel(run, version);
  }
  absl::Status WatchRun(const std::string& run, absl::Duration tick,
                        const std::function<bool(const v1::Run&)>& on_run,
                        const std::function<void()>& on_tick) override {
    return lender_->WatchRun(run, tick, on_run, on_tick);
  }
  absl::Status ExportModel(
      const std::string& run, int64_t version,
      const std::function<absl::Status(absl::string_view)>& on_chunk) override {
    return lender_->ExportModel(run, version, on_chunk);
  }

 private:
  Connection* const lender_;
};

}  // namespace millrace::testing
