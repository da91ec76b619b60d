// SPDX-License-Identifier: Apache-2.0
#include "client/release/model_health.h"

namespace millrace {
namespace {

constexpr int64_t kTurn = 500;  // windows
constexpr int64_t kIllWindows = 3;
constexpr int64_t kIllShare = 100;  // one in
constexpr int64_t kSlowWindows = 100;
constexpr int64_t kSlowShare = 2;  // one in

}  // namespace

ModelHealth::Finding ModelHealth::Judge(const ModelCounts& now) {
  const int64_t windows = now.windows - older_.windows;
  const int64_t faults = now.faults - older_.faults;
  const int64_t slow = now.slow - older_.slow;
  if (now.windows - newer_.windows >= kTurn) {
    older_ = newer_;
    newer_ = now;
  }
  if (faults >= kIllWindows && faults * kIllShare >= windows) return Finding::kFails;
  if (slow >= kSlowWindows && slow * kSlowShare > windows) return Finding::kSlow;
  return Finding::kWell;
}

}  // namespace millrace
