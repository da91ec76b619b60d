// SPDX-License-Identifier: Apache-2.0
// What a coordinator that starts does about the state of its folder, decided from what lies there
// and what its runs refer to. Pure; start_check.h does it.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "base/crypto/digest.h"
#include "coordinator/blob/blob_store.h"
#include "coordinator/blob/upload_area.h"
#include "coordinator/round/types.h"

namespace millrace {

/// What lies in the folder.
struct StorageFindings {
  std::map<Digest, bool> blobs;                      // by name: whole, as far as it was looked at
  std::vector<StagedRound> staged;                   // tries of rounds with updates on disk
  std::map<RoundId, std::set<std::string>> updates;  // sites whose whole update is there
};

/// What is done about it at a start.
struct StartSteps {
  std::vector<Digest> remove;        // nothing refers to them
  std::vector<Digest> quarantine;    // damaged
  std::vector<StagedRound> discard;  // updates of rounds that are over
  std::vector<std::string> over;     // runs without an open round that have a folder of updates
  struct Failure {
    std::string run;
    std::string reason;
  };
  std::vector<Failure> fail;        // running, and cannot go on
  std::vector<std::string> losses;  // that cost a version or an attempt, and no run
};

/// `runs` refer to blobs by their kept versions. A blob that is damaged but that nothing refers to
/// is merely removed.
StartSteps PlanStart(std::span<const RunState> runs, const StorageFindings& findings,
                     int64_t keep_versions);

/// Which damaged blobs are dropped for good, so that at most `max_bytes` of them are kept. Those
/// that were `found_now` never are: whoever looks after the coordinator has not heard of them yet.
std::vector<QuarantinedBlob> QuarantineToDrop(std::span<const QuarantinedBlob> damaged,
                                              std::span<const Digest> found_now, int64_t max_bytes);

}  // namespace millrace
