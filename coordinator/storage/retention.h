// SPDX-License-Identifier: Apache-2.0
// Which of a run's blobs are kept. Pure.
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "base/crypto/digest.h"
#include "coordinator/round/types.h"

namespace millrace {

/// The newest `keep_versions` of a run's versions, and the one of the lowest loss that was
/// measured; all of them where `keep_versions` is 0. Whether the run has ended makes no difference.
std::vector<const ModelVersion*> KeptVersions(const RunState& run, int64_t keep_versions);

/// Blobs without which the run cannot go on, or its last model is lost: the parameters of the
/// newest version and the optimiser's state behind them.
std::set<Digest> VitalBlobs(const RunState& run);

/// The vital ones and the parameters of the kept versions.
std::set<Digest> KeptBlobs(const RunState& run, int64_t keep_versions);

}  // namespace millrace
