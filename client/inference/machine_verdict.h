// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/crypto/digest.h"
#include "client/inference/machine.h"
#include "client/quality/flag.h"
#include "plan/plan.h"

namespace millrace {

enum class Judgement {
  kNotEvaluated,  // no model, bad data, or a threshold that is still being learnt
  kNormal,
  kAlarm
};

/// A channel's part in a score.
struct ChannelShare {
  std::string channel;
  double share = 0;
};

/// What the model says of one window of one machine.
struct MachineVerdict {
  std::string machine;
  int64_t time_ns = 0;    // of the window's last row
  int64_t window_ns = 0;  // from its first row to that
  bool silence = false;   // there is no window: nothing has come for a while
  Judgement judgement = Judgement::kNotEvaluated;
  std::string reason;     // of kNotEvaluated, one line for people
  bool unusable = false;  // of kNotEvaluated: the window's data allow no judgement

  std::string model;  // name of the package
  int64_t version = 0;
  Digest digest;         // of the model's parameters
  bool expired = false;  // the model's package has
  Task task = Task::kReconstruction;
  /// Reconstruction: the mean absolute error, in deviations. Classification: the probability of
  /// `predicted`. Regression: the predicted value, in the label's unit. NaN: there is none.
  double score = 0;
  int64_t predicted = -1;           // class; -1: not a classification
  std::optional<double> threshold;  // beyond which a score is an alarm

  Flag quality = Flag::kNotEvaluated;   // the worst of the window's values
  std::vector<FlaggedChannel> flagged;  // what did not pass
  /// Of an alarm: how much each channel contributed, the largest first. Shares add up to 1. Those
  /// of a classification or regression may be of an earlier window of the same class, of the last
  /// ten seconds.
  std::vector<ChannelShare> shares;
  int64_t explained_ns = 0;     // time_ns of the window that the shares explain
  double completeness_gap = 0;  // of the shares of a classification or regression: Attribution::gap

  int64_t latency_ns = 0;  // from the arrival of the newest sample to this verdict
};

/// What stands for a channel's name where it is the model's score that drifts.
inline constexpr char kScoreChannel[] = "(score)";

/// A channel of a machine whose drift has changed its state.
struct ChannelDrift {
  std::string machine;
  std::string channel;
  int64_t time_ns = 0;
  DriftReport report;
  bool recalled = false;  // it was so before a restart
  std::string by{};       // whose order it is that it learns anew; empty: nobody's
  std::string note{};     // and why
  bool prepared = false;  // a new model has brought along what it is compared with from now on
};

/// Take what the engine says, on its thread.
using VerdictSink = std::function<void(const MachineVerdict& verdict)>;
using DriftSink = std::function<void(const ChannelDrift& drift)>;

}  // namespace millrace
