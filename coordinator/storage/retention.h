// SPDX-License-Identifier: Apache-2.0
// Which runs are kept, and which of a run's blobs. Pure.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/crypto/digest.h"
#include "coordinator/round/types.h"

namespace millrace {

/// The newest `keep_versions` of a run's versions, and the one of the lowest loss that was
/// measured; all of them where `keep_versions` is 0. Whether the run has ended makes no difference.
std::vector<const ModelVersion*> KeptVersions(const RunState& run, int64_t keep_versions);

/// An ended run.
struct EndedRun {
  std::string id;
  absl::Time ended;
};

/// Which runs are not kept: all but the `keep_runs` that ended last, oldest first; none where
/// `keep_runs` is 0.
std::vector<std::string> RunsToForget(std::vector<EndedRun> ended, int64_t keep_runs);

/// Blobs without which the run cannot go on, or its last model is lost: the parameters of the
/// newest version and the optimiser's state behind them.
std::set<Digest> VitalBlobs(const RunState& run);

/// The vital ones and the parameters of the kept versions.
std::set<Digest> KeptBlobs(const RunState& run, int64_t keep_versions);

}  // namespace millrace
