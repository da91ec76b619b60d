// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/honest_update.h"

#include "absl/strings/str_cat.h"
#include "aggregation/exact_sum.h"
#include "base/check.h"
#include "base/crypto/digest.h"
#include "base/random.h"

namespace millrace::testing {
namespace {

/// Numbers that a site could have: moments of a few rows, or sums of metrics of a regression.
std::vector<double> HonestStatistics(v1::TaskKind task, Random& random) {
  const double rows = 5 + static_cast<double>(random.Below(5));
  const double mean = random.Normal();
  if (task == v1::TASK_KIND_STATISTICS) return {rows, rows * mean, rows * (mean * mean + 1)};
  std::vector<double> sums = {rows, rows * 0.5, rows * 0.4};
  if (task == v1::TASK_KIND_TRAINING) sums.insert(sums.end(), {rows * 0.3, rows});
  return sums;
}

}  // namespace

SiteUpdate HonestUpdate(const std::string& site, const v1::Assignment& assignment) {
  Random random = Random(1).Fork(absl::StrCat(site, " ", assignment.id().round()));
  SiteUpdate update;
  for (int64_t i = 0; i < assignment.parameters(); ++i) {
    update.vector.push_back(static_cast<float>(random.Normal()));
  }
  const auto limbs = EncodeExact(HonestStatistics(assignment.task(), random)).value();
  MR_CHECK(static_cast<int64_t>(limbs.size()) == assignment.statistics());
  update.vector.insert(update.vector.end(), limbs.begin(), limbs.end());
  if (assignment.task() == v1::TASK_KIND_TRAINING) update.weight = 1 + random.Below(100);
  return update;
}

v1::UploadHeader HeaderOf(const v1::Assignment& assignment, const SiteUpdate& update) {
  const Digest digest = Sha256Of(update.Bytes());
  v1::UploadHeader header;
  *header.mutable_round() = assignment.id();
  header.set_sha256(std::string(digest.bytes.begin(), digest.bytes.end()));
  header.set_bytes(static_cast<int64_t>(update.vector.size() * sizeof(float)));
  header.set_layout_sha256(assignment.layout_sha256());
  header.set_weight(update.weight);
  return header;
}

}  // namespace millrace::testing
