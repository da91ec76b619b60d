// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "client/inference/repeated_samples.h"

namespace millrace {

/// How the samples of a machine's channels become rows of a model's rate.
struct TimeGridOptions {
  double rate_hz = 0;               // of rows, > 0
  std::vector<double> sample_rows;  // per channel: rows from one sample to the next, > 0
  int64_t patience_rows = 1;        // a row waits so long for its channels, >= 1
  int64_t disorder_rows = 0;        // and so long for samples that others of their channel overtook
};

/// How a sample came.
struct SampleArrival {
  int64_t ns = 0;         // on the monotonic clock
  bool recorded = false;  // of a recording: what lies ahead needs no further row to confirm it
};

/// What became of samples that are in no row.
struct TimeGridCounts {
  int64_t late = 0;        // their row was out already
  int64_t early = 0;       // they were ahead of all others, and nobody confirmed them
  int64_t duplicates = 0;  // their row had the value already, or this very sample
  int64_t restarts = 0;    // the source's time jumped, and rows started anew
};

/// Brings the samples of several channels, each at its own rate, into rows at one rate. Row r
/// stands for the time r / rate since 1970. Of a channel that is faster than the rows, a row has
/// the mean of the samples nearest to it; otherwise a sample is held for one and a half times as
/// long as the next one takes, as no clock keeps its rate exactly. A row is out once every channel
/// has come as far, or when its patience is over; what is missing then is NaN. Where the source's
/// time jumps, rows start anew there: ahead at once if as much time has passed here, else once
/// several rows of each channel say so; back once nothing on time has come for the patience.
/// Neither one message with a wrong date nor a flush of old readings moves them. Constant time per
/// sample, and memory for a few rows.
class TimeGrid {
 public:
  explicit TimeGrid(TimeGridOptions options);

  void Add(int32_t channel, int64_t time_ns, float value, SampleArrival arrival);

  struct Row {
    int64_t number = 0;
    bool restarted = false;  // does not continue the row before
  };
  /// The next finished row, if there is one; its values go to `values` [channels].
  std::optional<Row> Take(std::span<float> values);

  int64_t TimeOf(int64_t row) const;
  const TimeGridCounts& counts() const { return counts_; }

 private:
  struct Cell {
    double sum = 0;
    int32_t samples = 0;
  };
  struct Channel {
    int32_t samples = 1;    // of a full row
    int32_t repeated = -1;  // place of its samples in `repeated_`; -1: a row has one of them
    int64_t due = 1;        // rows from a sample to where the next is due
    int64_t hold = 1;       // rows that a sample stands for, where no other does
    int64_t known = 0;      // first row that may still get samples
    int64_t last_row = 0;   // of the last value that was out
    float last_value = 0;
    bool seen = false;
    int64_t early_row = 0;   // the highest that was ahead of all rows
    int64_t early_rows = 0;  // that have risen to it
    int64_t early_turn = 0;  // that they are of
    bool confirms = false;   // that time goes on there
  };
  /// When samples arrived that are not on time, and none that is.
  struct Strays {
    int64_t first_ns = 0;
    int64_t last_ns = 0;
  };

  /// The row nearest to `time_ns`.
  int64_t RowOf(int64_t time_ns) const;
  bool HasJumpedAhead(Channel& channel, int64_t row, SampleArrival arrival);
  /// Whether as much time has passed here as there since the last sample on time.
  bool HasStoodStill(int64_t time_ns, int64_t arrived_ns) const;
  /// Whether there have been strays, and nothing else, for the patience.
  bool Last(std::optional<Strays>& strays, int64_t arrived_ns) const;
  void ForgetStrays();
  void Restart(int64_t row);
  void RestartAfter(int64_t row);
  void Advance(Channel& channel, int64_t known);
  Cell& At(int64_t row, int32_t channel);

  const TimeGridOptions options_;
  std::vector<Channel> channels_;
  std::vector<RepeatedSamples> repeated_;  // of those that are faster than the rows
  int64_t rows_ = 0;                       // of `cells_`, a power of two
  std::vector<Cell> cells_;                // [rows_, channels], row r in r mod rows_
  bool started_ = false;
  bool restarted_ = false;  // the next row that is out
  int64_t next_ = 0;        // first row that is not out
  int64_t newest_ = 0;      // last row with a sample
  int32_t waiting_ = 0;     // channels that do not know the next row
  int64_t silence_ns_ = 0;  // so long nothing is on time where the source's time was set
  // Since the last sample on time.
  std::optional<Strays> early_;
  std::optional<Strays> late_;
  int64_t on_time_ns_ = 0;       // the last sample on time,
  int64_t on_time_came_ns_ = 0;  // and when it arrived
  int64_t turn_ = 1;             // one more with each such sample
  int64_t confirming_ = 0;       // channels of which several early rows have risen
  TimeGridCounts counts_;
};

}  // namespace millrace
