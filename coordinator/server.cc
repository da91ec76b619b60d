// SPDX-License-Identifier: Apache-2.0
#include "coordinator/server.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file_system.h"
#include "base/folder_lock.h"
#include "base/http_server.h"
#include "base/life_sign.h"
#include "base/log.h"
#include "base/service_manager.h"
#include "base/status.h"
#include "base/work_queue.h"
#include "coordinator/blob/directory_blob_store.h"
#include "coordinator/blob/upload_area.h"
#include "coordinator/engine/engine.h"
#include "coordinator/federation.h"
#include "coordinator/http/metrics.h"
#include "coordinator/round/run_id.h"
#include "coordinator/rpc/admin_service.h"
#include "coordinator/rpc/models_service.h"
#include "coordinator/rpc/rounds_service.h"
#include "coordinator/rpc/secure_service.h"
#include "coordinator/rpc/site_calls.h"
#include "coordinator/rpc/transfer_service.h"
#include "coordinator/rpc/waiting_room.h"
#include "coordinator/storage/start_check.h"
#include "coordinator/storage/storage_health.h"
#include "coordinator/store/sqlite_store.h"

namespace millrace {
namespace {

constexpr int kDiskThreads = 4;
constexpr int kMaxMessageBytes = 2 << 20;  // a plan, or the shares for a cohort, with room to spare
constexpr int kMaxStreams = 64;            // open calls of one connection
constexpr int kHandshakeMs = 10'000;
constexpr int kLeastPingMs = 10'000;
constexpr int kKeepAliveMs = 60'000;
constexpr int kKeepAliveTimeoutMs = 20'000;
constexpr absl::Duration kLongestSleep = absl::Milliseconds(250);
constexpr absl::Duration kGrace = absl::Seconds(2);  // for calls in progress when it ends

/// What one peer's connection may cost, before anything is known of the peer.
void LimitConnections(const CoordinatorConfig& config, grpc::ServerBuilder& builder) {
  grpc::ResourceQuota buffers("coordinator");
  buffers.Resize(static_cast<size_t>(config.buffers_mb) << 20);
  builder.SetResourceQuota(buffers);
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreams);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMs);
  // A site pings twice a minute, so that firewalls and proxies on the way keep its idle connection;
  // a peer that does not answer ours is gone.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, kLeastPingMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepAliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepAliveTimeoutMs);
}

class Server final : public CoordinatorServer {
 public:
  Server(Clock* clock, Clock* steady) : clock_(clock), steady_(steady) {}

  ~Server() override {
    status_.reset();
    WakeDriver(&stopping_);
    if (driver_.joinable()) driver_.join();
    room_.Close();
    if (server_ != nullptr)
      server_->Shutdown(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(kGrace));
  }

  absl::Status Start(const CoordinatorConfig& config) {
    MR_RETURN_IF_ERROR(OpenStorage(config));
    MR_RETURN_IF_ERROR(CheckAtStart(store_.get(), blobs_.get(), uploads_.get(),
                                    {config.keep_versions, config.check, clock_->Now(),
                                     config.quarantine_mb << 20})
                           .status());
    EngineOptions options;
    options.allowed_sites = config.allowed;
    options.max_parameters = config.max_parameters;
    options.keep_versions = config.keep_versions;
    options.keep_runs = config.keep_runs;
    options.max_staged_bytes = config.staging_mb << 20;
    options.federation = federation_->name();
    options.unmask_threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    MR_ASSIGN_OR_RETURN(
        engine_, Engine::Create({clock_, store_.get(), blobs_.get(), uploads_.get(), storage_.get(),
                                 &metrics_, [this] { TellWatchdog(); }, RandomRunTag, steady_},
                                options));
    engine_->OnChange([this] { WakeDriver(&changed_); });
    calls_ = std::make_unique<SiteCalls>(engine_.get(), steady_, config.calls);
    rounds_ = std::make_unique<RoundsService>(engine_.get(), calls_.get(), &room_, steady_);
    telemetry_ = std::make_unique<TelemetryService>(engine_.get(), calls_.get());
    transfer_ =
        std::make_unique<TransferService>(engine_.get(), calls_.get(), blobs_.get(), &disk_);
    secure_ = std::make_unique<SecureService>(engine_.get(), calls_.get(), &room_, steady_);
    models_ = std::make_unique<ModelsService>(engine_.get(), calls_.get(), blobs_.get());
    admin_ = std::make_unique<AdminService>(engine_.get(), calls_.get(), &room_,
                                            federation_->audit(), steady_);
    MR_RETURN_IF_ERROR(Listen(config));
    if (!config.metrics_listen.empty()) MR_RETURN_IF_ERROR(ServeStatus(config.metrics_listen));
    driver_ = std::thread([this] { Drive(); });
    return absl::OkStatus();
  }

  int port() const override { return port_; }

 private:
  absl::Status OpenStorage(const CoordinatorConfig& config) {
    MR_ASSIGN_OR_RETURN(folder_lock_, FolderLock::Take(config.folder));
    storage_ =
        std::make_unique<StorageHealth>(PosixFileSystem(), config.folder, config.min_free_mb << 20);
    FileSystem* const files = storage_->files();
    const std::string store_path = absl::StrCat(config.folder, "/store.sqlite");
    MR_ASSIGN_OR_RETURN(store_, OpenSqliteStore(store_path));
    MR_ASSIGN_OR_RETURN(federation_,
                        Federation::Open(config, store_path, storage_.get(), clock_, steady_));
    MR_ASSIGN_OR_RETURN(blobs_,
                        DirectoryBlobStore::Create(files, absl::StrCat(config.folder, "/blobs")));
    MR_ASSIGN_OR_RETURN(uploads_,
                        UploadArea::Create(files, absl::StrCat(config.folder, "/uploads")));
    return absl::OkStatus();
  }

  absl::Status Listen(const CoordinatorConfig& config) {
    const std::string& address = config.listen;
    grpc::ServerBuilder builder;
    LimitConnections(config, builder);
    // Without this a second coordinator would share the port and get every other connection.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    // Streams keep their initial windows instead of growing them to the link's speed: when the disk
    // is slower than the sites, the sites wait, and nothing piles up here.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    builder.AddListeningPort(address, federation_->Credentials(), &port_);
    for (grpc::Service* service :
         std::initializer_list<grpc::Service*>{rounds_.get(), telemetry_.get(), transfer_.get(),
                                               secure_.get(), models_.get(), admin_.get()}) {
      builder.RegisterService(service);
    }
    federation_->StartServices(engine_.get(), calls_.get(), &room_, builder);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port_ == 0) {
      return absl::UnavailableError(
          absl::StrCat("listen ", address, ": not possible; is the port in use?"));
    }
    return absl::OkStatus();
  }

  absl::Status ServeStatus(const std::string& address) {
    std::map<std::string, HttpServer::Page> pages;
    pages["/metrics"] = [this](const std::string&) {
      MetricsReading reading{.runs = engine_->Runs(), .storage = storage_->Read()};
      for (const v1::Site& site : engine_->Sites()) {
        if (!site.connected()) continue;
        ++reading.sites_present;
        for (const v1::ModelDrift& drift : site.drift()) {
          const bool drifts = drift.score_in_drift() || drift.channels_in_drift() > 0;
          reading.sites_in_drift[drift.name()] += drifts ? 1 : 0;
        }
      }
      return HttpAnswer{200, kMetricsText, metrics_.Text(reading)};
    };
    pages["/healthz"] = [this](const std::string&) { return HealthAnswer(storage_->Check()); };
    absl::StatusOr<std::unique_ptr<HttpServer>> started =
        HttpServer::Start(address, std::move(pages));
    if (!started.ok()) return Annotate(started.status(), "[metrics]");
    status_ = *std::move(started);
    LogInfo("metrics are served", {{"address", address}, {"port", status_->port()}});
    return absl::OkStatus();
  }

  /// Runs the engine and answers those who wait, until the server ends.
  void Drive() {
    while (true) {
      federation_->Tick();
      const absl::Duration nap = std::min(engine_->Step() - clock_->Now(), kLongestSleep);
      room_.PollAll(steady_->Now());
      calls_->EndStalled();
      TellWatchdog();
      // Not by absl::Mutex, whose waits last longer where the clock is set back meanwhile.
      std::unique_lock lock(mutex_);
      const bool woken = wake_.wait_for(lock, absl::ToChronoMilliseconds(nap),
                                        [this] { return stopping_ || changed_; });
      if (woken && stopping_) return;
      changed_ = false;
    }
  }

  /// Sets one of the reasons to wake it.
  void WakeDriver(bool* why) {
    {
      const std::lock_guard lock(mutex_);
      *why = true;
    }
    wake_.notify_one();
  }

  /// By the driver, because a coordinator that lives but no longer decides is dead to its sites;
  /// also in the middle of a long step.
  void TellWatchdog() {
    if (life_.Due(steady_->Now())) NotifyAlive();
  }

  Clock* const clock_;
  Clock* const steady_;
  std::unique_ptr<FolderLock> folder_lock_;
  std::unique_ptr<StorageHealth> storage_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Federation> federation_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<UploadArea> uploads_;
  Metrics metrics_;
  std::unique_ptr<Engine> engine_;
  WaitingRoom room_;
  WorkQueue disk_{kDiskThreads};
  std::unique_ptr<SiteCalls> calls_;
  std::unique_ptr<RoundsService> rounds_;
  std::unique_ptr<TelemetryService> telemetry_;
  std::unique_ptr<TransferService> transfer_;
  std::unique_ptr<SecureService> secure_;
  std::unique_ptr<ModelsService> models_;
  std::unique_ptr<AdminService> admin_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<HttpServer> status_;
  int port_ = 0;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool changed_ = false;   // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::thread driver_;
  LifeSign life_{WatchdogPeriod()};  // the driver's
};

}  // namespace

absl::StatusOr<std::unique_ptr<CoordinatorServer>> CoordinatorServer::Start(
    const CoordinatorConfig& config, Clock* clock, Clock* steady) {
  auto server = std::make_unique<Server>(clock, steady);
  MR_RETURN_IF_ERROR(server->Start(config));
  LogInfo("coordinator listens", {{"address", config.listen}, {"port", server->port()}});
  return server;
}

}  // namespace millrace
