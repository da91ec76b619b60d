// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "client/live/sample_queue.h"
#include "client/live/source.h"
#include "tests/testing/eventually.h"
#include "tests/testing/temporary_folder.h"

namespace millrace::testing {

/// One live source on a thread of its own, and what has come of it. Stopped when the object goes.
/// Used by one thread.
class SourceRig {
 public:
  explicit SourceRig(std::vector<std::string> channels, int64_t capacity = 1 << 20)
      : channels_(std::move(channels)), queue_(capacity) {}
  ~SourceRig() { Stop(); }

  SourceContext context() {
    return {&channels_, &queue_, SystemLiveClock(), PosixFileSystem(), folder_.path() + "/state"};
  }
  const std::string& folder() const { return folder_.path(); }
  SampleQueue& queue() { return queue_; }

  /// Stops the one that runs first.
  void Run(std::unique_ptr<Source> source) {
    Stop();
    source_ = std::move(source);
    thread_ = std::thread([this] { source_->Run(); });
  }
  void Stop() {
    if (source_ == nullptr) return;
    source_->Stop();
    thread_.join();
    source_.reset();
  }
  SourceStatus Status() const { return source_->Status(); }

  /// All samples so far, in their order.
  const std::vector<Sample>& Taken() {
    for (SampleBatch& batch : queue_.TakeAll(absl::ZeroDuration())) {
      taken_.insert(taken_.end(), batch.samples.begin(), batch.samples.end());
    }
    return taken_;
  }
  std::vector<float> Values() {
    std::vector<float> values;
    for (const Sample& sample : Taken()) values.push_back(sample.value);
    return values;
  }
  bool AwaitSamples(size_t count) {
    return Eventually([&] { return Taken().size() >= count; });
  }
  bool AwaitState(SourceState state) {
    return Eventually([&] { return Status().state == state; });
  }

 private:
  const ChannelTable channels_;
  SampleQueue queue_;
  TemporaryFolder folder_;
  std::unique_ptr<Source> source_;
  std::thread thread_;
  std::vector<Sample> taken_;
};

}  // namespace millrace::testing
