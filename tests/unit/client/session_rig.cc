// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/client/session_rig.h"

#include "base/check.h"
#include "base/file_system.h"

namespace millrace::testing {

SessionRig::SessionRig(const TinyPlan& plan) {
  const KeyAndCertificate identity = federation_.Issue(Role::kCoordinator, "cloud");
  CoordinatorConfig config;
  config.listen = "127.0.0.1:0";
  config.certificate = folder_.path() + "/cloud.crt";
  config.key = folder_.path() + "/cloud.key";
  config.authority = folder_.path() + "/authority.crt";
  config.folder = folder_.path() + "/state";
  FileSystem* const files = PosixFileSystem();
  MR_CHECK(WriteFileDurably(files, config.certificate, identity.certificate_pem).ok());
  MR_CHECK(WriteFileDurably(files, config.key, identity.key_pem).ok());
  MR_CHECK(WriteFileDurably(files, config.authority, federation_.authority_pem()).ok());
  server_ = CoordinatorServer::Start(config, SystemClock()).value();
  operator_ = OperatorConnection(federation_, port());
  MR_CHECK(operator_->StartRun(plan.Text()).ok());
}

TestSite::TestSite(const SessionRig& rig, const LinkOptions& link, Worker* worker,
                   const Options& site)
    : link_(link),
      spool_(Spool::Create(PosixFileSystem(), rig.SpoolFolder()).value()),
      availability_(PosixFileSystem(), rig.SpoolFolder(), {}, absl::UTCTimeZone()),
      unmasked_(PosixFileSystem(), rig.SpoolFolder()),
      identity_(
          SiteIdentity::Create(link.authority_pem, link.certificate_pem, link.key_pem, site.clock)
              .value()) {
  SessionOptions options;
  options.version = "test";
  options.floor = site.floor;
  options.quota_bytes = site.quota_bytes;
  options.object_every = absl::Milliseconds(20);
  options.report_every = absl::Milliseconds(5);
  options.backoff = site.backoff;
  options.drift = site.drift;
  session_ = std::make_unique<Session>(SessionParts{&link_, spool_.get(), worker, &availability_,
                                                    &identity_, &unmasked_, site.clock, site.steady, &heart_},
                                       options);
}

TestSite::~TestSite() {
  session_->Stop();
  if (thread_.joinable()) thread_.join();
}

void TestSite::Start() {
  thread_ = std::thread([this] { session_->Run(); });
}

}  // namespace millrace::testing
