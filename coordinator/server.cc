// SPDX-License-Identifier: Apache-2.0
#include "coordinator/server.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "base/crypto/certificate.h"
#include "base/file_system.h"
#include "base/folder_lock.h"
#include "base/log.h"
#include "base/status.h"
#include "base/work_queue.h"
#include "coordinator/blob/directory_blob_store.h"
#include "coordinator/blob/upload_area.h"
#include "coordinator/engine/engine.h"
#include "coordinator/rpc/admin_service.h"
#include "coordinator/rpc/models_service.h"
#include "coordinator/rpc/rounds_service.h"
#include "coordinator/rpc/secure_service.h"
#include "coordinator/rpc/transfer_service.h"
#include "coordinator/rpc/waiting_room.h"
#include "coordinator/storage/start_check.h"
#include "coordinator/storage/storage_health.h"
#include "coordinator/store/sqlite_store.h"

namespace millrace {
namespace {

constexpr int kDiskThreads = 4;
constexpr absl::Duration kLongestSleep = absl::Milliseconds(250);
constexpr absl::Duration kExpiryNotice = absl::Hours(7 * 24);
constexpr absl::Duration kExpiryCheck = absl::Hours(24);
constexpr absl::Duration kGrace = absl::Seconds(2);  // for calls in progress when it ends

struct Pem {
  std::string authority;
  std::string certificate;
  std::string key;
};

absl::StatusOr<Pem> LoadPem(const CoordinatorConfig& config, absl::Time now) {
  constexpr int64_t kMaxPem = 1 << 20;
  Pem pem;
  MR_ASSIGN_OR_RETURN(pem.authority, ReadFile(PosixFileSystem(), config.authority, kMaxPem));
  MR_ASSIGN_OR_RETURN(pem.certificate, ReadFile(PosixFileSystem(), config.certificate, kMaxPem));
  MR_ASSIGN_OR_RETURN(pem.key, ReadFile(PosixFileSystem(), config.key, kMaxPem));
  MR_RETURN_IF_ERROR(CheckCertificate(pem.certificate, pem.authority, pem.key, Role::kCoordinator,
                                      now, config.certificate));
  return pem;
}

std::shared_ptr<grpc::ServerCredentials> Credentials(const Pem& pem) {
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = pem.authority;
  options.pem_key_cert_pairs.push_back({pem.key, pem.certificate});
  return grpc::SslServerCredentials(options);
}

class Server final : public CoordinatorServer {
 public:
  explicit Server(Clock* clock) : clock_(clock) {}

  ~Server() override {
    {
      absl::MutexLock lock(&mutex_);
      stopping_ = true;
    }
    if (driver_.joinable()) driver_.join();
    room_.Close();
    if (server_ != nullptr)
      server_->Shutdown(std::chrono::system_clock::now() + absl::ToChronoMilliseconds(kGrace));
  }

  absl::Status Start(const CoordinatorConfig& config) {
    MR_ASSIGN_OR_RETURN(const Pem pem, LoadPem(config, clock_->Now()));
    MR_RETURN_IF_ERROR(OpenStorage(config));
    MR_RETURN_IF_ERROR(CheckAtStart(store_.get(), blobs_.get(), uploads_.get(),
                                    {config.keep_versions, config.check, clock_->Now()})
                           .status());
    EngineOptions options;
    options.allowed_sites = config.allowed;
    options.max_parameters = config.max_parameters;
    options.keep_versions = config.keep_versions;
    options.max_staged_bytes = config.staging_mb << 20;
    MR_ASSIGN_OR_RETURN(const CertificateInfo own, ParseCertificate(pem.certificate));
    options.federation = own.federation;
    certificate_ = config.certificate;
    expires_ = own.not_after;
    options.unmask_threads = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    MR_ASSIGN_OR_RETURN(engine_, Engine::Create({clock_, store_.get(), blobs_.get(), uploads_.get(),
                                                 storage_.get()},
                                                options));
    engine_->OnChange([this] {
      absl::MutexLock lock(&mutex_);
      changed_ = true;
    });
    rounds_ = std::make_unique<RoundsService>(engine_.get(), &room_, clock_);
    telemetry_ = std::make_unique<TelemetryService>(engine_.get());
    transfer_ = std::make_unique<TransferService>(engine_.get(), blobs_.get(), &disk_);
    secure_ = std::make_unique<SecureService>(engine_.get(), &room_, clock_);
    models_ = std::make_unique<ModelsService>(engine_.get(), blobs_.get());
    admin_ = std::make_unique<AdminService>(engine_.get(), &room_, clock_);
    MR_RETURN_IF_ERROR(Listen(config.listen, pem));
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
    MR_ASSIGN_OR_RETURN(store_, OpenSqliteStore(absl::StrCat(config.folder, "/store.sqlite")));
    MR_ASSIGN_OR_RETURN(blobs_,
                        DirectoryBlobStore::Create(files, absl::StrCat(config.folder, "/blobs")));
    MR_ASSIGN_OR_RETURN(uploads_,
                        UploadArea::Create(files, absl::StrCat(config.folder, "/uploads")));
    return absl::OkStatus();
  }

  absl::Status Listen(const std::string& address, const Pem& pem) {
    grpc::ServerBuilder builder;
    // Without this a second coordinator would share the port and get every other connection.
    builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
    // Streams keep their initial windows instead of growing them to the link's speed: when the disk
    // is slower than the sites, the sites wait, and nothing piles up here.
    builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    builder.AddListeningPort(address, Credentials(pem), &port_);
    for (grpc::Service* service :
         std::initializer_list<grpc::Service*>{rounds_.get(), telemetry_.get(), transfer_.get(),
                                               secure_.get(), models_.get(), admin_.get()}) {
      builder.RegisterService(service);
    }
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port_ == 0) {
      return absl::UnavailableError(
          absl::StrCat("listen ", address, ": not possible; is the port in use?"));
    }
    return absl::OkStatus();
  }

  /// Runs the engine and answers those who wait, until the server ends.
  void Drive() {
    while (true) {
      WarnOfExpiry();
      const absl::Time wake = std::min(engine_->Step(), clock_->Now() + kLongestSleep);
      room_.PollAll(clock_->Now());
      absl::MutexLock lock(&mutex_);
      const auto awake = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return stopping_ || changed_;
      };
      mutex_.AwaitWithDeadline(absl::Condition(&awake), wake);
      changed_ = false;
      if (stopping_) return;
    }
  }

  /// Once a day, while the certificate is about to end.
  void WarnOfExpiry() {
    const absl::Time now = clock_->Now();
    if (now < next_expiry_check_) return;
    next_expiry_check_ = now + kExpiryCheck;
    if (expires_ - now >= kExpiryNotice) return;
    LogWarning("the coordinator's certificate ends soon: issue a new one and start again with it",
               {{"certificate", certificate_},
                {"expires", absl::FormatTime(expires_, absl::UTCTimeZone())}});
  }

  Clock* const clock_;
  std::unique_ptr<FolderLock> folder_lock_;
  std::unique_ptr<StorageHealth> storage_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<BlobStore> blobs_;
  std::unique_ptr<UploadArea> uploads_;
  std::unique_ptr<Engine> engine_;
  WaitingRoom room_;
  WorkQueue disk_{kDiskThreads};
  std::unique_ptr<RoundsService> rounds_;
  std::unique_ptr<TelemetryService> telemetry_;
  std::unique_ptr<TransferService> transfer_;
  std::unique_ptr<SecureService> secure_;
  std::unique_ptr<ModelsService> models_;
  std::unique_ptr<AdminService> admin_;
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  std::string certificate_;  // path
  absl::Time expires_;
  absl::Time next_expiry_check_ = absl::InfinitePast();

  absl::Mutex mutex_;
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread driver_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CoordinatorServer>> CoordinatorServer::Start(
    const CoordinatorConfig& config, Clock* clock) {
  auto server = std::make_unique<Server>(clock);
  MR_RETURN_IF_ERROR(server->Start(config));
  LogInfo("coordinator listens", {{"address", config.listen}, {"port", server->port()}});
  return server;
}

}  // namespace millrace
