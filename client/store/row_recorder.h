// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "client/quality/flag.h"
#include "client/store/stored_rows.h"

namespace millrace {

/// Collects the rows of one machine's time grid into blocks for the store. Not thread-safe.
class RowRecorder {
 public:
  /// `period_ns` > 0: of the grid. `rows_per_block` > 0. `units`: as StoredRows has them.
  RowRecorder(std::string machine, std::vector<std::string> channels, int64_t period_ns,
              int64_t rows_per_block, std::vector<std::string> units = {});

  /// The next row, a value and a flag for each channel. A row without any value is left out.
  /// Gives the block before, if this row begins another: it was full, or the row does not follow
  /// it by the period.
  std::optional<StoredRows> Add(int64_t time_ns, std::span<const float> values,
                                std::span<const Flag> flags);
  /// The later verdict on a value of the row that was added last; without effect if that was left
  /// out.
  void Revise(int32_t channel, Flag flag);
  /// What has been collected so far, if anything.
  std::optional<StoredRows> Finish();
  /// The same but for the last row, whose verdicts may still change.
  std::optional<StoredRows> FinishButLast();
  /// Forgets what has been collected of this time and later.
  void DropFrom(int64_t time_ns);
  /// That have been collected.
  int64_t rows() const { return block_.rows(); }

 private:
  const int64_t rows_per_block_;
  StoredRows block_;  // without rows: nothing is collected
  bool last_was_kept_ = false;
};

}  // namespace millrace
