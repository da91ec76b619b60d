// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/crypto/revocation_list.h"
#include "base/memory_file_system.h"
#include "client/inference/engine.h"
#include "client/release/releases.h"
#include "tests/testing/publishers.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/toy_package.h"

namespace millrace {

inline const absl::Time kReleaseDay = absl::FromUnixSeconds(1'800'000'000);
inline constexpr char kAuthorityFile[] = "site/authority.crt";

/// Takes 10 us for a window.
class ReleaseClock : public LiveClock {
 public:
  int64_t UnixNs() override { return absl::ToUnixNanos(now); }
  int64_t MonotonicNs() override { return monotonic_ns += 10'000; }
  absl::Time now = kReleaseDay;
  int64_t monotonic_ns = 0;
};

/// Every output is the model's first parameter.
class FlatPredictor : public Predictor {
 public:
  /// What is to go wrong with models of this first parameter.
  struct Ills {
    absl::Status fails;
    bool gives_no_number = false;
    int64_t takes_ns = 0;  // a window
  };
  /// `clock` and `ills` may be null, and outlive it.
  explicit FlatPredictor(float value, ReleaseClock* clock = nullptr,
                         const std::map<float, Ills>* ills = nullptr)
      : value_(value), clock_(clock), ills_(ills) {}
  absl::Status Predict(std::span<const float> windows, std::span<float> outputs) override {
    std::ranges::fill(outputs, value_);
    if (ills_ == nullptr || !ills_->contains(value_)) return absl::OkStatus();
    const Ills& ill = ills_->at(value_);
    clock_->monotonic_ns += ill.takes_ns * static_cast<int64_t>(windows.size()) / width();
    if (ill.gives_no_number) {
      std::ranges::fill(outputs, std::numeric_limits<float>::quiet_NaN());
    }
    return ill.fails;
  }
  absl::StatusOr<Attribution> Attribute(std::span<const float>, std::span<const float>,
                                        int64_t) override {
    return absl::UnimplementedError("");
  }
  int64_t width() const override { return 8; }

 private:
  const float value_;
  ReleaseClock* const clock_;
  const std::map<float, Ills>* const ills_;
};

inline std::vector<MachineConfig> PumpOfReleases() {
  MachineConfig pump;
  pump.names = {"pump-1"};
  pump.model = "pumps";
  pump.rate_hz = 1;
  pump.threshold = 1;
  for (const char* name : {"current", "speed"}) {
    ChannelConfig channel;
    channel.name = name;
    channel.rate_hz = 1;
    pump.channels.push_back(channel);
  }
  return {pump};
}

/// A site with one pump, two publishers, and packages that are handed over.
class ReleasesTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { publishers_ = new testing::Publishers(kReleaseDay); }
  static void TearDownTestSuite() { delete publishers_; }

  void SetUp() override {
    policy_.authority = kAuthorityFile;
    MR_ASSERT_OK(files_.CreateDirectories("site"));
    MR_ASSERT_OK(
        WriteFileDurably(&files_, kAuthorityFile, publishers_->authority().certificate_pem));
    Start();
  }

  /// Who judges by the models.
  virtual ModelUser* Judges() { return engine_.get(); }
  /// As a daemon's start does.
  void Start() {
    releases_ = nullptr;
    engine_ = std::make_unique<ScoringEngine>(
        machines_, &clock_, [this](const MachineVerdict& verdict) { reason_ = verdict.reason; });
    releases_ = std::make_unique<Releases>(ReleaseParts{
        "state",
        {"pumps"},
        policy_,
        [this](const ModelPackage& package) -> absl::StatusOr<std::unique_ptr<Predictor>> {
          if (on_load_) on_load_();
          return std::make_unique<FlatPredictor>(package.parameters[0], &clock_, &ills_);
        },
        disk_,
        &clock_,
        Judges(),
        demands_});
    releases_->Start();
  }

  /// Hands it over, and returns the version that serves then; 0: none.
  int64_t Install(const std::string& package) {
    EXPECT_TRUE(models_.Stage(package).ok());
    releases_->Look();
    EXPECT_FALSE(models_.HasNext());
    return Version();
  }
  /// Stages it only.
  void Stage(const std::string& package) { MR_ASSERT_OK(models_.Stage(package)); }
  /// Looks, `after` that time.
  int64_t Look(absl::Duration after = absl::ZeroDuration()) {
    clock_.monotonic_ns += absl::ToInt64Nanoseconds(after);
    releases_->Look();
    return Version();
  }
  int64_t Version() const {
    const std::vector<ServedModel> serving = releases_->ServedModels();
    return serving.empty() ? 0 : serving[0].version;
  }
  std::string By(const std::vector<std::string>& names, const std::string& package) {
    return publishers_->Signed(package, names);
  }
  void Revoke(const std::string& name) {
    RevocationList list;
    list.number = 1;
    list.since[ParseCertificate(publishers_->Of(name).certificate_pem).value().serial] =
        kReleaseDay;
    MR_ASSERT_OK(
        WriteFileDurably(&files_, std::string(kAuthorityFile) + ".revoked",
                         SignRevocationList(publishers_->authority(), list, kReleaseDay).value()));
  }

  inline static testing::Publishers* publishers_ = nullptr;
  /// So many windows, which the engine scores one by one, or in one batch.
  void Feed(int windows, bool together = false) {
    constexpr int kRows = 4;
    for (int row = 0; row < windows * kRows; ++row) {
      fed_ns_ += kNsPerS;
      clock_.monotonic_ns += kNsPerS;
      engine_->Process({clock_.monotonic_ns, {{fed_ns_, 0, 1.0F}, {fed_ns_, 1, 1.0F}}});
      if (!together) engine_->ScoreDue();
    }
    engine_->ScoreDue();
  }
  /// The version of a file in the model's folder; 0: there is none.
  int64_t VersionIn(const std::string& file) {
    const std::string path = "state/models/pumps/" + file;
    if (!files_.Exists(path)) return 0;
    return ReadPackage(&files_, path).value().manifest.version();
  }

  ReleasePolicy policy_;
  std::vector<MachineConfig> machines_ = PumpOfReleases();
  ServingDemands demands_;  // none
  std::string reason_;      // of the last verdict
  MemoryFileSystem files_;
  FileSystem* disk_ = &files_;  // as the daemon sees it
  ReleaseClock clock_;
  std::map<float, FlatPredictor::Ills> ills_;
  std::function<void()> on_load_;  // of each model
  int64_t fed_ns_ = absl::ToUnixNanos(kReleaseDay);
  ModelFolder models_{&files_, "state", "pumps"};
  std::unique_ptr<ScoringEngine> engine_;
  std::unique_ptr<Releases> releases_;
};

}  // namespace millrace
