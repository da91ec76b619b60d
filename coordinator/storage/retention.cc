// SPDX-License-Identifier: Apache-2.0
#include "coordinator/storage/retention.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace millrace {
namespace {

/// Infinite where nobody has measured it.
double LossOf(const ModelVersion& version) {
  const auto loss = version.metrics.find("loss");
  const bool measured = loss != version.metrics.end() && std::isfinite(loss->second);
  return measured ? loss->second : std::numeric_limits<double>::infinity();
}

}  // namespace

std::vector<const ModelVersion*> KeptVersions(const RunState& run, int64_t keep_versions) {
  const ModelVersion* best = nullptr;
  for (const ModelVersion& version : run.versions) {
    if (std::isfinite(LossOf(version)) && (best == nullptr || LossOf(version) < LossOf(*best))) {
      best = &version;
    }
  }
  const auto count = std::ssize(run.versions);
  const int64_t first = keep_versions == 0 ? 0 : count - keep_versions;
  std::vector<const ModelVersion*> kept;
  for (int64_t i = 0; i < count; ++i) {
    if (i >= first || &run.versions[i] == best) kept.push_back(&run.versions[i]);
  }
  return kept;
}

std::vector<std::string> RunsToForget(std::vector<EndedRun> ended, int64_t keep_runs) {
  std::vector<std::string> forgotten;
  if (keep_runs == 0 || std::ssize(ended) <= keep_runs) return forgotten;
  std::ranges::stable_sort(ended, {}, &EndedRun::ended);
  ended.resize(ended.size() - keep_runs);
  for (EndedRun& run : ended) forgotten.push_back(std::move(run.id));
  return forgotten;
}

std::set<Digest> VitalBlobs(const RunState& run) {
  const ModelVersion& newest = run.Newest();
  std::set<Digest> blobs(newest.optimizer_state.begin(), newest.optimizer_state.end());
  blobs.insert(newest.parameters);
  return blobs;
}

std::set<Digest> KeptBlobs(const RunState& run, int64_t keep_versions) {
  std::set<Digest> blobs = VitalBlobs(run);
  for (const ModelVersion* version : KeptVersions(run, keep_versions)) {
    blobs.insert(version->parameters);
  }
  return blobs;
}

}  // namespace millrace
