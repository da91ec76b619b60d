// SPDX-License-Identifier: Apache-2.0
// A way by which verdicts leave the daemon, and what can be said of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "client/inference/machine_verdict.h"
#include "client/output/backlog.h"
#include "client/output/verdict_board.h"

namespace millrace {

struct OutputStatus {
  bool up = false;         // connected, or listening
  std::string reason;      // why it is not
  int64_t told = 0;        // verdicts handed on, or requests answered
  int64_t dropped = 0;     // verdicts dropped for want of room
  int64_t reconnects = 0;  // connections after the first
  int64_t peers = 0;       // connected at present
  int64_t refused = 0;     // peers that were turned away
};

/// Whatever a peer does, nothing here waits for it: the scoring calls it. Thread-safe but for its
/// beginning and end. It stops with the object.
class Output {
 public:
  virtual ~Output() = default;
  /// What waited with the one before, whose place it takes. Before anything else.
  virtual void TakeOver(std::vector<Backlog::Message>) {}
  /// Says good-bye to its peers, which may take a while. It takes verdicts still, which wait for
  /// GiveUp where another may take its place.
  virtual void Halt() {}
  /// Gives what waits still, the oldest first. After anything else; waits for nobody after Halt.
  virtual std::vector<Backlog::Message> GiveUp() { return {}; }
  virtual void Take(const MachineVerdict& verdict) = 0;
  /// After each beat of the board, on which every verdict stands before Take is called with it.
  virtual void Beat(const VerdictBoard& board) = 0;
  virtual OutputStatus Status() const = 0;
};

}  // namespace millrace
