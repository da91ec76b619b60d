// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/crypto/digest.h"
#include "millrace/v1/common.pb.h"
#include "plan/plan.h"

namespace millrace {

/// "run round 3 attempt 1", for logs and refusals.
std::string NameOf(const v1::RoundId& id);

/// The newest round of each run that a site has helped to unmask. A coordinator that repeats a
/// round which was unmasked, with other survivors, learns the difference of two sums: the update of
/// the site that is in one of them only. Under `malicious`, and in a run that was `malicious`
/// before, a site gives it no second sum; otherwise the coordinator is trusted to follow the
/// protocol, and one that does has learnt nothing from an attempt that it gives up.
class UnmaskRecord {
 public:
  /// A run can be repeated under another name anyway: to forget old ones gives nothing away that is
  /// not given already.
  static constexpr size_t kMostRuns = 1024;
  static constexpr size_t kMostRunBytes = 128;  // of a run's name; the longest has 77

  UnmaskRecord() = default;
  /// DATA_LOSS, saying why, for bytes that ToBytes has not made.
  static absl::StatusOr<UnmaskRecord> Parse(absl::string_view bytes);
  std::string ToBytes() const;

  /// Before the site takes part. FAILED_PRECONDITION, naming what it has helped with and the way
  /// out, for an older round than that; INVALID_ARGUMENT for a run's name that is too long.
  absl::Status CheckRound(const v1::RoundId& round, SecureMode mode) const;
  /// Before it agrees to these survivors (SecureClient::SurvivorSet). FAILED_PRECONDITION also for
  /// others than the site has helped with in this round.
  absl::Status CheckSurvivors(const v1::RoundId& round, SecureMode mode,
                              const Digest& survivors) const;
  /// The site is about to help; an older round than one it has helped with changes nothing. Beyond
  /// kMostRuns the run that was helped longest ago is forgotten.
  void Add(const v1::RoundId& round, SecureMode mode, const Digest& survivors);

 private:
  struct Unmasked {
    std::string run;
    int64_t round = 0;
    int32_t attempt = 0;
    Digest survivors;
    bool malicious = false;
  };

  /// What binds the site in `run`; null if nothing does.
  const Unmasked* Binding(const std::string& run, SecureMode mode) const;
  const Unmasked* Find(const std::string& run) const;

  std::vector<Unmasked> runs_;  // the one helped last at the end
};

}  // namespace millrace
