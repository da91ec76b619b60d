// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/store/store.h"

namespace millrace::testing {

/// A store that outlives the engine on it, and can die before or right after it has written: every
/// call fails from then on, until it is revived. Not thread-safe.
class DyingStore final : public Store {
 public:
  explicit DyingStore(std::unique_ptr<Store> base) : base_(std::move(base)) {}

  /// Dies at the `index`-th append from now, the first being 0; `written` says whether that one
  /// is kept although the caller never hears of it.
  void DieAtAppend(int64_t index, bool written) {
    dies_at_ = appends_ + index;
    written_ = written;
  }
  /// The `index`-th append from now ends in std::bad_alloc, as any call may.
  void RunOutOfMemoryAtAppend(int64_t index) { throws_at_ = appends_ + index; }
  /// The next DropMessages fails, and nothing else.
  void FailNextDrop() { fails_drop_ = true; }
  void Revive() {
    dies_at_ = -1;
    dead_ = false;
  }
  bool dead() const { return dead_; }
  int64_t appends() const { return appends_; }

  absl::Status Append(const std::string& run, int64_t sequence, std::span<const Event> events,
                      std::span<const StoredMessage> messages) override {
    if (dead_) return Death();
    if (appends_ == throws_at_) {
      throws_at_ = -1;
      throw std::bad_alloc();
    }
    if (appends_++ != dies_at_) return base_->Append(run, sequence, events, messages);
    dead_ = true;
    if (written_) base_->Append(run, sequence, events, messages).IgnoreError();
    return Death();
  }
  absl::StatusOr<std::vector<StoredRun>> LoadRuns() override { return base_->LoadRuns(); }
  absl::Status ForgetRun(const std::string& run, const std::string& name, int64_t number) override {
    return dead_ ? Death() : base_->ForgetRun(run, name, number);
  }
  absl::StatusOr<std::vector<ForgottenRuns>> LoadForgotten() override {
    return base_->LoadForgotten();
  }
  absl::StatusOr<std::vector<StoredMessage>> LoadMessages(const std::string& run) override {
    return base_->LoadMessages(run);
  }
  absl::Status DropMessages(const std::string& run) override {
    if (dead_ || std::exchange(fails_drop_, false)) return Death();
    return base_->DropMessages(run);
  }
  absl::Status PutSite(const SiteRecord& site) override {
    return dead_ ? Death() : base_->PutSite(site);
  }
  absl::StatusOr<std::vector<SiteRecord>> LoadSites() override { return base_->LoadSites(); }

 private:
  static absl::Status Death() { return absl::UnavailableError("store: injected death"); }

  const std::unique_ptr<Store> base_;
  int64_t appends_ = 0;
  int64_t dies_at_ = -1;
  int64_t throws_at_ = -1;
  bool written_ = false;
  bool dead_ = false;
  bool fails_drop_ = false;
};

}  // namespace millrace::testing
