// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/connection.h"

#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <cstdlib>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "millrace/v1/admin.grpc.pb.h"
#include "millrace/v1/enrollment.grpc.pb.h"
#include "millrace/v1/models.grpc.pb.h"

namespace millrace {
namespace {

constexpr int kKeepAliveMs = 30'000;
// Short, so that a watch finds a coordinator that was started again soon.
constexpr int kFirstReconnectMs = 500;
constexpr int kMaxReconnectMs = 4'000;
// A run's history with the cohorts of thousands of rounds; gRPC's own limit is 4 MiB.
constexpr int kMaxMessageBytes = 256 << 20;
constexpr absl::Duration kWatchRenewal = absl::Minutes(2);

/// Set GRPC_VERBOSITY to see what gRPC has to say; the command line's own message is the summary.
void SilenceGrpc() {
  if (std::getenv("GRPC_VERBOSITY") == nullptr) gpr_set_log_function([](gpr_log_func_args*) {});
}

std::shared_ptr<grpc::Channel> MakeChannel(const ConnectionOptions& options) {
  SilenceGrpc();
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = options.authority_pem;
  tls.pem_cert_chain = options.certificate_pem;
  tls.pem_private_key = options.key_pem;
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepAliveMs);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  return grpc::CreateCustomChannel(options.address, grpc::SslCredentials(tls), arguments);
}

void SetDeadline(grpc::ClientContext* context, absl::Duration timeout) {
  context->set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout));
}

v1::GetModelRequest ModelRequest(const std::string& run, int64_t version) {
  v1::GetModelRequest request;
  request.set_run(run);
  request.set_version(version);
  return request;
}

/// One watch, polled by its own thread: gRPC's blocking reader could not wake up for a tick.
class Watch {
 public:
  Watch(v1::Admin::Stub* admin, const v1::GetRunRequest& request) {
    SetDeadline(&context_, kWatchRenewal);
    reader_ = admin->AsyncWatchRun(&context_, request, &queue_, kTag);
  }
  ~Watch() {
    context_.TryCancel();
    queue_.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) {
    }
  }

  grpc::Status Follow(absl::Duration tick, const std::function<bool(const v1::Run&)>& on_run,
                      const std::function<void()>& on_tick) {
    bool open = Await(tick, on_tick);
    while (open) {
      v1::Run run;
      reader_->Read(&run, kTag);
      open = Await(tick, on_tick);
      if (open && !on_run(run)) return grpc::Status::OK;
    }
    grpc::Status status;
    reader_->Finish(&status, kTag);
    Await(tick, on_tick);
    return status;
  }

 private:
  static constexpr void* kTag = nullptr;  // one operation at a time

  /// Waits for the operation that was started, ticking. Its success.
  bool Await(absl::Duration tick, const std::function<void()>& on_tick) {
    while (true) {
      void* tag = nullptr;
      bool ok = false;
      const auto wake = std::chrono::system_clock::now() + absl::ToChronoMilliseconds(tick);
      if (queue_.AsyncNext(&tag, &ok, wake) == grpc::CompletionQueue::GOT_EVENT) return ok;
      on_tick();
    }
  }

  grpc::CompletionQueue queue_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientAsyncReader<v1::Run>> reader_;
};

class GrpcConnection final : public Connection, private EnrollmentCalls {
 public:
  explicit GrpcConnection(const ConnectionOptions& options)
      : options_(options),
        channel_(MakeChannel(options)),
        admin_(v1::Admin::NewStub(channel_)),
        models_(v1::Models::NewStub(channel_)),
        enrollment_(v1::Enrollment::NewStub(channel_)) {}

  EnrollmentCalls& enrollment() override { return *this; }

  absl::StatusOr<v1::Run> StartRun(const std::string& plan) override {
    v1::StartRunRequest request;
    request.set_plan(plan);
    return Call<v1::Run>(*admin_, &v1::Admin::Stub::StartRun, request);
  }
  absl::StatusOr<v1::ListRunsResponse> ListRuns() override {
    return Call<v1::ListRunsResponse>(*admin_, &v1::Admin::Stub::ListRuns, v1::ListRunsRequest());
  }
  absl::StatusOr<v1::Run> GetRun(const std::string& run) override {
    return Call<v1::Run>(*admin_, &v1::Admin::Stub::GetRun, RunRequest(run));
  }
  absl::StatusOr<v1::Run> StopRun(const std::string& run, const std::string& reason) override {
    v1::StopRunRequest request;
    request.set_run(run);
    request.set_reason(reason);
    return Call<v1::Run>(*admin_, &v1::Admin::Stub::StopRun, request);
  }
  absl::StatusOr<v1::ListSitesResponse> ListSites() override {
    return Call<v1::ListSitesResponse>(*admin_, &v1::Admin::Stub::ListSites,
                                       v1::ListSitesRequest());
  }
  absl::StatusOr<v1::ListModelsResponse> ListModels(const std::string& run,
                                                    int64_t limit) override {
    v1::ListModelsRequest request;
    request.set_run(run);
    request.set_limit(limit);
    return Call<v1::ListModelsResponse>(*models_, &v1::Models::Stub::ListModels, request);
  }
  absl::StatusOr<v1::Model> GetModel(const std::string& run, int64_t version) override {
    return Call<v1::Model>(*models_, &v1::Models::Stub::GetModel, ModelRequest(run, version));
  }

  absl::Status WatchRun(const std::string& run, absl::Duration tick,
                        const std::function<bool(const v1::Run&)>& on_run,
                        const std::function<void()>& on_tick) override {
    bool received = false;
    Watch watch(admin_.get(), RunRequest(run));
    const grpc::Status status = watch.Follow(
        tick,
        [&](const v1::Run& state) {
          received = true;
          return on_run(state);
        },
        on_tick);
    if (status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED && received) {
      return absl::OkStatus();
    }
    return ToStatus(status, kWatchRenewal);
  }

  absl::Status ExportModel(
      const std::string& run, int64_t version,
      const std::function<absl::Status(absl::string_view)>& on_chunk) override {
    grpc::ClientContext context;
    const auto stream = models_->ExportModel(&context, ModelRequest(run, version));
    v1::Chunk chunk;
    absl::Status taken;
    while (taken.ok() && stream->Read(&chunk)) taken = on_chunk(chunk.data());
    if (!taken.ok()) context.TryCancel();
    const grpc::Status ended = stream->Finish();
    return taken.ok() ? ToStatus(ended, absl::InfiniteDuration()) : taken;
  }

 private:
  using EnrollmentStub = v1::Enrollment::Stub;

  absl::StatusOr<v1::InviteResponse> Invite(const v1::InviteRequest& request) override {
    return Call<v1::InviteResponse>(*enrollment_, &EnrollmentStub::Invite, request);
  }
  absl::StatusOr<v1::ListRequestsResponse> ListRequests(bool all) override {
    v1::ListRequestsRequest request;
    request.set_all(all);
    return Call<v1::ListRequestsResponse>(*enrollment_, &EnrollmentStub::ListRequests, request);
  }
  absl::Status Approve(const v1::ApproveRequest& request) override {
    return Call<v1::ApproveResponse>(*enrollment_, &EnrollmentStub::Approve, request).status();
  }
  absl::Status Reject(const std::string& site, const std::string& reason) override {
    v1::RejectRequest request;
    request.set_site(site);
    request.set_reason(reason);
    return Call<v1::RejectResponse>(*enrollment_, &EnrollmentStub::Reject, request).status();
  }
  absl::StatusOr<v1::PublishResponse> Publish(const v1::PublishRequest& request) override {
    return Call<v1::PublishResponse>(*enrollment_, &EnrollmentStub::Publish, request);
  }
  absl::StatusOr<v1::Trust> GetTrust() override {
    return Call<v1::Trust>(*enrollment_, &EnrollmentStub::GetTrust, v1::GetTrustRequest());
  }
  absl::StatusOr<v1::ListAuditResponse> ListAudit(int64_t after) override {
    v1::ListAuditRequest request;
    request.set_after(after);
    return Call<v1::ListAuditResponse>(*enrollment_, &EnrollmentStub::ListAudit, request);
  }

  static v1::GetRunRequest RunRequest(const std::string& run) {
    v1::GetRunRequest request;
    request.set_run(run);
    return request;
  }

  template <typename Response, typename Stub, typename Method, typename Request>
  absl::StatusOr<Response> Call(Stub& stub, Method method, const Request& request) {
    grpc::ClientContext context;
    SetDeadline(&context, options_.call_timeout);
    Response response;
    MR_RETURN_IF_ERROR(
        ToStatus((stub.*method)(&context, request, &response), options_.call_timeout));
    return response;
  }

  absl::Status ToStatus(const grpc::Status& status, absl::Duration timeout) const {
    if (status.ok()) return absl::OkStatus();
    const std::string coordinator = absl::StrCat("coordinator ", options_.address, ": ");
    const std::string& message = status.error_message();
    switch (status.error_code()) {
      case grpc::StatusCode::UNAVAILABLE:
        // gRPC has one code for a dead link and a refused certificate; the operator needs to know.
        if (absl::StrContains(absl::AsciiStrToLower(message), "handshake")) {
          return absl::UnavailableError(absl::StrCat(
              coordinator,
              "TLS handshake failed: is its certificate for this host name, of the same authority "
              "and not expired? ",
              message));
        }
        return absl::UnavailableError(absl::StrCat(
            coordinator, "cannot be reached; does it run, and is this its address? ", message));
      case grpc::StatusCode::DEADLINE_EXCEEDED:
        return absl::DeadlineExceededError(
            absl::StrCat(coordinator, "no answer within ", absl::FormatDuration(timeout)));
      default:
        return {static_cast<absl::StatusCode>(status.error_code()), message};
    }
  }

  const ConnectionOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::Admin::Stub> admin_;
  const std::unique_ptr<v1::Models::Stub> models_;
  const std::unique_ptr<v1::Enrollment::Stub> enrollment_;
};

}  // namespace

std::unique_ptr<Connection> NewConnection(const ConnectionOptions& options) {
  return std::make_unique<GrpcConnection>(options);
}

}  // namespace millrace
