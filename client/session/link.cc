// SPDX-License-Identifier: Apache-2.0
#include "client/session/link.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <set>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "base/crypto/certificate.h"
#include "base/piece_size.h"
#include "base/retry_after.h"
#include "base/status.h"
#include "client/data/site_message.h"
#include "millrace/v1/enrollment.grpc.pb.h"
#include "millrace/v1/rounds.grpc.pb.h"
#include "millrace/v1/secure_aggregation.grpc.pb.h"
#include "millrace/v1/telemetry.grpc.pb.h"
#include "millrace/v1/transfer.grpc.pb.h"

namespace millrace {
namespace {

constexpr int kKeepAliveMs = 30'000;
// How often gRPC itself tries to connect. Far below the session's longest back-off, which is then
// what an outage adds: gRPC's own default grows to two minutes, and calls fail at once meanwhile.
constexpr int kFirstReconnectMs = 250;
constexpr int kMaxReconnectMs = 4'000;
constexpr int kConnectTimeoutMs = 10'000;
// A coordinator may move: its name is looked up again when it cannot be reached, gRPC's own default
// is at most twice a minute.
constexpr int kResolveAgainMs = 5'000;

/// gRPC works at a connection only while a call waits. While the coordinator is away calls fail at
/// once, and between them gRPC looks once in five seconds: too seldom for a handshake to end within
/// its time, so that the site might stay away for good. Read when gRPC starts.
void LookAfterConnections() {
  static std::once_flag once;
  std::call_once(once, [] { ::setenv("GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS", "200", 0); });
}

std::shared_ptr<grpc::Channel> MakeChannel(const LinkOptions& options) {
  LookAfterConnections();
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = options.authority_pem;
  tls.pem_cert_chain = options.certificate_pem;
  tls.pem_private_key = options.key_pem;
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepAliveMs);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kFirstReconnectMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectMs);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, kConnectTimeoutMs);
  arguments.SetInt(GRPC_ARG_DNS_MIN_TIME_BETWEEN_RESOLUTIONS_MS, kResolveAgainMs);
  // Without one here, gRPC looks at http_proxy and no_proxy in the environment.
  if (!options.proxy.empty()) arguments.SetString(GRPC_ARG_HTTP_PROXY, options.proxy);
  // Each link has its own connection, also where several sites share a process.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(options.address, grpc::SslCredentials(tls), arguments);
}

/// SHA-256 of a certificate; empty for what is none, of which TLS says more.
std::string FingerprintOf(const std::string& certificate_pem) {
  const absl::StatusOr<CertificateInfo> info = ParseCertificate(certificate_pem);
  return info.ok() ? info->fingerprint.ToBytes() : "";
}

}  // namespace

absl::string_view LinkDiagnosis(const std::string& message) {
  const std::string words = absl::AsciiStrToLower(message);
  const auto says = [&](absl::string_view part) { return absl::StrContains(words, part); };
  if (says("not in peer certificate")) {
    return "its certificate is not for this name; issue it with --host, or write a name that it "
           "is for in [coordinator] address: ";
  }
  // Under TLS 1.3 a site learns of the refusal of its own certificate only by a closed socket.
  const bool hung_up =
      says("failed to connect") && (says("socket closed") || says("connection reset"));
  if (hung_up || says("handshake")) {
    return "TLS handshake failed: is its certificate, or this site's, from another authority or "
           "expired, or is a clock wrong? ";
  }
  return "cannot be reached: ";
}

struct Link::Stubs {
  explicit Stubs(const LinkOptions& options)
      : certificate(FingerprintOf(options.certificate_pem)),
        channel(MakeChannel(options)),
        rounds(v1::Rounds::NewStub(channel)),
        transfer(v1::Transfer::NewStub(channel)),
        telemetry(v1::Telemetry::NewStub(channel)),
        secure(v1::SecureAggregation::NewStub(channel)),
        enrollment(v1::Enrollment::NewStub(channel)) {}

  const std::string certificate;  // its SHA-256
  std::shared_ptr<grpc::Channel> channel;
  std::unique_ptr<v1::Rounds::Stub> rounds;
  std::unique_ptr<v1::Transfer::Stub> transfer;
  std::unique_ptr<v1::Telemetry::Stub> telemetry;
  std::unique_ptr<v1::SecureAggregation::Stub> secure;
  std::unique_ptr<v1::Enrollment::Stub> enrollment;
};

struct Link::State {
  explicit State(const LinkOptions& o)
      : address(o.address),
        call_timeout(o.call_timeout),
        pace(o.pace),
        transfers(o.transfers),
        steady(o.steady),
        options(o),
        stubs(std::make_shared<Stubs>(o)) {}

  const std::string address;
  const absl::Duration call_timeout;
  TransferPace* const pace;
  Heartbeat* const transfers;
  Clock* const steady;
  absl::Mutex mutex;
  LinkOptions options ABSL_GUARDED_BY(mutex);
  std::shared_ptr<Stubs> stubs ABSL_GUARDED_BY(mutex);
  // With the certificate before the present one; null: there was none.
  std::shared_ptr<Stubs> stubs_before ABSL_GUARDED_BY(mutex);
  std::set<Call*> calls ABSL_GUARDED_BY(mutex);
  bool shut_down ABSL_GUARDED_BY(mutex) = false;
};

/// A call in progress, known to Shutdown and, while it is a transfer, to EndStalled.
class Link::Call {
 public:
  /// `certificate`: the SHA-256 of the one to call with, if it is not to be the present one.
  Call(State* state, absl::Duration timeout, absl::string_view certificate = "") : state_(state) {
    if (timeout < absl::InfiniteDuration()) {
      context_.set_deadline(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(timeout));
    }
    absl::MutexLock lock(&state_->mutex);
    if (state_->shut_down) context_.TryCancel();
    state_->calls.insert(this);
    const std::shared_ptr<Stubs>& before = state_->stubs_before;
    const bool earlier = before != nullptr && before->certificate == certificate;
    stubs_ = earlier ? before : state_->stubs;
  }
  ~Call() {
    absl::MutexLock lock(&state_->mutex);
    state_->calls.erase(this);
  }

  grpc::ClientContext* context() { return &context_; }
  /// The connection that this call is made on, to its end.
  const Stubs* operator->() const { return stubs_.get(); }

  /// It is a transfer, and goes on.
  void Moves() {
    if (state_->transfers != nullptr) state_->transfers->Beat();
    const absl::Time now = state_->steady->Now();
    absl::MutexLock lock(&state_->mutex);
    moved_ = now;
  }
  /// The link's own wait for its pace. Returns early, once the link is shut down.
  void Wait(absl::Duration duration) {
    constexpr absl::Duration kSlice = absl::Milliseconds(100);
    for (; duration > absl::ZeroDuration(); duration -= kSlice) {
      Moves();
      {
        absl::MutexLock lock(&state_->mutex);
        if (state_->shut_down) return;
      }
      // Not a wait for the mutex's condition, whose end moves with the date.
      state_->steady->Sleep(std::min(kSlice, duration));
    }
  }
  void Cancel() { context_.TryCancel(); }
  void EndIfStalledSince(absl::Time time) ABSL_EXCLUSIVE_LOCKS_REQUIRED(state_->mutex) {
    if (moved_ > time) return;
    stalled_ = true;
    Cancel();
  }

  /// `sent`: the call's message, the first or only kind of it.
  absl::Status ToStatus(const grpc::Status& status,
                        const google::protobuf::MessageLite& sent) const {
    if (status.ok()) return absl::OkStatus();
    if (stalled_) {
      return Public(absl::UnavailableError(
          absl::StrCat("coordinator ", state_->address, ": a transfer stood still for too long")));
    }
    std::string message = status.error_message();
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
      const bool answered = absl::StrContains(context_.debug_error_string(), "received from peer");
      message = absl::StrCat("coordinator ", state_->address, ": ",
                             answered ? "" : LinkDiagnosis(message), message);
    }
    // gRPC's own refusal, in the code of those that pass: the same message never fits.
    if (absl::StrContains(message, "message larger than max")) {
      return Public(absl::InvalidArgumentError(
          absl::StrCat("coordinator ", state_->address, ": ", sent.GetTypeName(),
                       ", or the answer to it, is too long: ", message)));
    }
    const absl::Status refused =
        Public({static_cast<absl::StatusCode>(status.error_code()), message});
    v1::RetryAfter retry;
    const std::string details = status.error_details();
    if (details.empty() || !retry.ParseFromString(details)) return refused;
    return WithRetryAfter(refused, absl::Milliseconds(retry.delay_ms()));
  }

 private:
  State* const state_;
  std::shared_ptr<Stubs> stubs_;
  grpc::ClientContext context_;
  // Of the steady clock.
  absl::Time moved_ ABSL_GUARDED_BY(state_->mutex) = absl::InfiniteFuture();
  std::atomic<bool> stalled_ = false;
};

Link::Link(const LinkOptions& options) : state_(std::make_unique<State>(options)) {}
Link::~Link() = default;

absl::StatusOr<v1::CheckInResponse> Link::CheckIn(const v1::CheckInRequest& request) {
  Call call(state_.get(), absl::Milliseconds(request.wait_ms()) + state_->call_timeout);
  v1::CheckInResponse response;
  MR_RETURN_IF_ERROR(
      call.ToStatus(call->rounds->CheckIn(call.context(), request, &response), request));
  return response;
}

absl::Status Link::ReportFailure(const v1::RoundId& round, const std::string& reason) {
  Call call(state_.get(), state_->call_timeout);
  v1::ReportFailureRequest request;
  *request.mutable_id() = round;
  request.set_reason(reason);
  v1::ReportFailureResponse response;
  return call.ToStatus(call->rounds->ReportFailure(call.context(), request, &response), request);
}

bool Link::Report(const v1::ReportRequest& report) {
  Call call(state_.get(), state_->call_timeout);
  v1::ReportResponse response;
  const grpc::Status status = call->telemetry->Report(call.context(), report, &response);
  return !status.ok() || !response.round_over();
}

absl::Status Link::Download(const v1::RoundId& round, const Digest& digest, int64_t offset,
                            File* file, int64_t* reached) {
  *reached = offset;
  Call call(state_.get(), absl::InfiniteDuration());
  v1::DownloadRequest request;
  *request.mutable_round() = round;
  request.set_sha256(digest.ToBytes());
  request.set_offset(offset);
  call.Moves();
  const auto stream = call->transfer->Download(call.context(), request);
  v1::Chunk chunk;
  absl::Status written;
  while (written.ok() && stream->Read(&chunk)) {
    written = file->WriteAt(*reached, {chunk.data().data(), chunk.data().size()});
    if (!written.ok()) break;
    const auto size = static_cast<int64_t>(chunk.data().size());
    *reached += size;
    call.Moves();
    if (state_->pace != nullptr) {
      call.Wait(state_->pace->AfterReceiving(size, absl::Now(), state_->steady->Now()));
    }
  }
  if (!written.ok()) call.Cancel();
  const absl::Status ended = call.ToStatus(stream->Finish(), request);
  return written.ok() ? ended : written;
}

absl::StatusOr<v1::UploadState> Link::BeginUpload(const v1::UploadHeader& header) {
  Call call(state_.get(), state_->call_timeout);
  v1::UploadState state;
  MR_RETURN_IF_ERROR(
      call.ToStatus(call->transfer->BeginUpload(call.context(), header, &state), header));
  return state;
}

absl::StatusOr<v1::UploadState> Link::Append(const v1::RoundId& round, int64_t offset, int64_t size,
                                             File* file) {
  Call call(state_.get(), absl::InfiniteDuration());
  v1::UploadState state;
  call.Moves();
  const auto stream = call->transfer->Append(call.context(), &state);
  v1::AppendRequest request;
  *request.mutable_header()->mutable_round() = round;
  request.mutable_header()->set_offset(offset);
  bool open = stream->Write(request);
  PieceSize piece;
  absl::Status read;
  while (open && read.ok() && offset < size) {
    std::string& data = *request.mutable_data();
    data.resize(std::min(piece.bytes(), size - offset));
    read = file->ReadAt(offset, {data.data(), data.size()});
    offset += static_cast<int64_t>(data.size());
    if (!read.ok()) break;
    const absl::Time start = state_->steady->Now();
    open = stream->Write(request);
    call.Moves();
    if (state_->pace != nullptr) {
      call.Wait(state_->pace->AfterSending(std::ssize(data), absl::Now(), state_->steady->Now()));
    }
    piece.Took(state_->steady->Now() - start);
  }
  if (!read.ok()) call.Cancel();
  stream->WritesDone();
  const absl::Status ended = call.ToStatus(stream->Finish(), request);
  MR_RETURN_IF_ERROR(read);
  MR_RETURN_IF_ERROR(ended);
  return state;
}

absl::StatusOr<v1::AdvertiseResponse> Link::Advertise(const v1::AdvertiseRequest& request) {
  Call call(state_.get(), absl::Milliseconds(request.wait_ms()) + state_->call_timeout,
            request.advertisement().certificate_sha256());
  v1::AdvertiseResponse response;
  MR_RETURN_IF_ERROR(
      call.ToStatus(call->secure->Advertise(call.context(), request, &response), request));
  return response;
}

absl::StatusOr<v1::ShareResponse> Link::Share(const v1::ShareRequest& request) {
  Call call(state_.get(), absl::Milliseconds(request.wait_ms()) + state_->call_timeout);
  v1::ShareResponse response;
  MR_RETURN_IF_ERROR(
      call.ToStatus(call->secure->Share(call.context(), request, &response), request));
  return response;
}

absl::StatusOr<v1::AgreeResponse> Link::Agree(const v1::AgreeRequest& request) {
  Call call(state_.get(), absl::Milliseconds(request.wait_ms()) + state_->call_timeout);
  v1::AgreeResponse response;
  MR_RETURN_IF_ERROR(
      call.ToStatus(call->secure->Agree(call.context(), request, &response), request));
  return response;
}

absl::StatusOr<v1::GetCertificatesResponse> Link::GetCertificates(
    const v1::GetCertificatesRequest& request) {
  Call call(state_.get(), state_->call_timeout);
  v1::GetCertificatesResponse response;
  MR_RETURN_IF_ERROR(
      call.ToStatus(call->secure->GetCertificates(call.context(), request, &response), request));
  return response;
}

absl::StatusOr<v1::UnmaskResponse> Link::Unmask(const v1::UnmaskRequest& request) {
  Call call(state_.get(), absl::Milliseconds(request.wait_ms()) + state_->call_timeout);
  v1::UnmaskResponse response;
  MR_RETURN_IF_ERROR(
      call.ToStatus(call->secure->Unmask(call.context(), request, &response), request));
  return response;
}

absl::StatusOr<v1::Trust> Link::GetTrust(const v1::GetTrustRequest& request) {
  Call call(state_.get(), state_->call_timeout);
  v1::Trust trust;
  MR_RETURN_IF_ERROR(
      call.ToStatus(call->enrollment->GetTrust(call.context(), request, &trust), request));
  return trust;
}

absl::StatusOr<v1::CertificateAnswer> Link::Renew(const v1::RenewRequest& request) {
  Call call(state_.get(), state_->call_timeout);
  v1::CertificateAnswer answer;
  MR_RETURN_IF_ERROR(
      call.ToStatus(call->enrollment->Renew(call.context(), request, &answer), request));
  return answer;
}

void Link::UseCredentials(const std::string& authority_pem, const std::string& certificate_pem,
                          const std::string& key_pem) {
  absl::MutexLock lock(&state_->mutex);
  LinkOptions& now = state_->options;
  LinkOptions before = now;
  now.authority_pem = authority_pem;
  now.certificate_pem = certificate_pem;
  now.key_pem = key_pem;
  if (certificate_pem != before.certificate_pem) {
    before.authority_pem = authority_pem;
    state_->stubs_before = std::make_shared<Stubs>(before);
  } else if (authority_pem == before.authority_pem) {
    return;
  }
  state_->stubs = std::make_shared<Stubs>(now);
}

void Link::EndStalled(absl::Duration longest) {
  const absl::Time since = state_->steady->Now() - longest;
  absl::MutexLock lock(&state_->mutex);
  for (Call* call : state_->calls) call->EndIfStalledSince(since);
}

void Link::Shutdown() {
  absl::MutexLock lock(&state_->mutex);
  state_->shut_down = true;
  for (Call* call : state_->calls) call->Cancel();
}

}  // namespace millrace
