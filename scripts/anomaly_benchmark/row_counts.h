// SPDX-License-Identifier: Apache-2.0
// How detectors of anomalies are judged row by row: pure functions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace millrace {

/// What became of rows whose truth is known.
struct RowCounts {
  int64_t found = 0;         // anomalous, alarmed
  int64_t missed = 0;        // anomalous, not alarmed
  int64_t false_alarms = 0;  // normal, alarmed
  int64_t quiet = 0;         // normal, not alarmed

  /// Shares; NaN where there is nothing to divide by.
  double F1() const;
  double FalseAlarmRate() const;   // of the normal rows
  double MissedAlarmRate() const;  // of the anomalous ones
  RowCounts& operator+=(const RowCounts& other);
  bool operator==(const RowCounts&) const = default;
};

/// `truth`: [rows], above 0 where the row is anomalous.
RowCounts CountRows(std::span<const uint8_t> alarmed, std::span<const float> truth);

/// Which windows speak for a row.
enum class AlarmRule {
  kEvery,  // all that contain it: exact at both ends of an anomaly, but known only `window` later
  kLast,   // the one that ends with it, as a daemon judges a machine that runs
  /// As the notebook of the benchmark's convolutional autoencoder counts: all that contain it but
  /// the one that begins with it, and never in the last two windows' worth of rows, where
  /// recordings are normal again.
  kNotebook
};

/// By row; `windows`: whether the one that begins at each row is alarmed, so there are
/// windows.size() + window - 1 rows. Empty without a window.
std::vector<uint8_t> AlarmedRows(std::span<const uint8_t> windows, int64_t window, AlarmRule rule);

/// The value that a share of `values`, which are not empty, is at most, between its neighbours in
/// proportion.
double Quantile(std::vector<double> values, double share);

}  // namespace millrace
