// SPDX-License-Identifier: Apache-2.0
#include "client/output/grpc_output.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/text.h"
#include "client/output/verdict_message.h"

namespace millrace {
namespace {

constexpr int kMostRequestBytes = 1 << 20;
constexpr size_t kMostBufferBytes = size_t{64} << 20;
constexpr int kMostStreams = 64;

grpc::Status NoSuchMachine(const std::string& name) {
  return {grpc::StatusCode::NOT_FOUND,
          absl::StrCat("machine '", Printable(Utf8(name, 256)), "' is not of this site")};
}

class RefusedVerdictWatch final : public grpc::ServerWriteReactor<v1::Verdict> {
 public:
  explicit RefusedVerdictWatch(const grpc::Status& status) { Finish(status); }
  void OnDone() override { delete this; }
};

}  // namespace

absl::StatusOr<std::unique_ptr<GrpcOutput>> GrpcOutput::Listen(const GrpcOutputConfig& config,
                                                               const VerdictBoard* board) {
  std::unique_ptr<GrpcOutput> output(new GrpcOutput(board));
  grpc::ServerBuilder builder;
  grpc::ResourceQuota buffers("live");
  buffers.Resize(kMostBufferBytes);
  builder.SetResourceQuota(buffers);
  builder.SetMaxReceiveMessageSize(kMostRequestBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMostStreams);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort(config.listen, grpc::InsecureServerCredentials(), &output->port_);
  builder.RegisterService(output.get());
  output->server_ = builder.BuildAndStart();
  if (output->server_ == nullptr) {
    return absl::UnavailableError(
        absl::StrCat("listen ", config.listen, ": not possible; is it in use?"));
  }
  const absl::MutexLock lock(&output->mutex_);
  output->status_.up = true;
  return output;
}

GrpcOutput::~GrpcOutput() {
  if (server_ == nullptr) return;
  server_->Shutdown(std::chrono::system_clock::now());  // whoever watches is hung up on
  server_->Wait();
}

void GrpcOutput::Take(const MachineVerdict& verdict) {
  if (room_.size() == 0) return;
  const int64_t cut_off = room_.Tell(std::make_shared<const v1::Verdict>(ToMessage(verdict)));
  const absl::MutexLock lock(&mutex_);
  ++status_.told;
  status_.dropped += cut_off;
}

OutputStatus GrpcOutput::Status() const {
  const int64_t peers = room_.size();
  const absl::MutexLock lock(&mutex_);
  OutputStatus status = status_;
  status.peers = peers;
  return status;
}

grpc::ServerUnaryReactor* GrpcOutput::GetVerdicts(grpc::CallbackServerContext* context,
                                                  const v1::GetVerdictsRequest* request,
                                                  v1::GetVerdictsResponse* response) {
  grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
  const SiteStatus site = board_->Site();
  response->set_alive(site.alive);
  response->set_heartbeat(site.heartbeat);
  std::set<std::string> wanted(request->machines().begin(), request->machines().end());
  const bool all = wanted.empty();
  for (const MachineStatus& machine : site.machines) {
    if (all || wanted.erase(machine.machine) > 0) *response->add_machines() = ToMessage(machine);
  }
  reactor->Finish(wanted.empty() ? grpc::Status::OK : NoSuchMachine(*wanted.begin()));
  return reactor;
}

grpc::ServerWriteReactor<v1::Verdict>* GrpcOutput::WatchVerdicts(
    grpc::CallbackServerContext* context, const v1::WatchVerdictsRequest* request) {
  std::set<std::string> machines(request->machines().begin(), request->machines().end());
  for (const std::string& machine : machines) {
    if (!board_->Of(machine)) return new RefusedVerdictWatch(NoSuchMachine(machine));
  }
  if (room_.Reserve()) return new VerdictWatch(&room_, context, std::move(machines));
  {
    const absl::MutexLock lock(&mutex_);
    ++status_.refused;
  }
  return new RefusedVerdictWatch({grpc::StatusCode::RESOURCE_EXHAUSTED,
                                  absl::StrCat(WatchRoom::kMostWatches, " callers watch already")});
}

}  // namespace millrace
