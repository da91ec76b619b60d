// SPDX-License-Identifier: Apache-2.0
// A run's configuration, as its TOML file says it. docs/configuration.md lists every key.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace millrace {

/// [run]
struct RunPlan {
  std::string name;    // letters, digits, '-', '_', '.'; required
  int64_t rounds = 1;  // training rounds, >= 1
  uint64_t seed = 1;   // every random choice of the run comes from it
};

/// [cohort]: who takes part in a round, and when it ends.
struct CohortPlan {
  int64_t target = 1;         // updates that end a round
  int64_t minimum = 1;        // updates without which a round fails at its deadline; <= target
  double over_selection = 0;  // extra share of sites invited: ceil(target * (1 + this))
  int64_t wait_s = 30;        // for target sites to be there; then minimum will do
  int64_t deadline_s = 600;   // from the round's opening, seconds
  int64_t attempts = 3;       // tries of one round before the run fails
  int64_t backoff_s = 5;      // before the second try, seconds; doubles with each further one
};

/// Sites of one round at most: so many sites' statistics add up exactly (aggregation/exact_sum.h).
inline constexpr int64_t kMaxCohort = 65536;

enum class ModelKind { kMlp, kCnn1d, kGru, kLstm, kAutoencoder };

/// [model]: a catalogue entry and its hyperparameters. Keys that the kind does not use are refused.
struct ModelPlan {
  ModelKind kind = ModelKind::kMlp;
  std::vector<int64_t> hidden;   // mlp, dense autoencoder: units per layer; gru, lstm: one entry
  int64_t layers = 1;            // gru, lstm
  std::vector<int64_t> filters;  // cnn1d, convolutional autoencoder: output channels per block
  int64_t kernel = 3;            // cnn1d, convolutional autoencoder: taps
  std::vector<int64_t> strides;  // of each block, as many as filters; default all 1
  int64_t pool = 1;              // cnn1d: max-pooling after each block, 1 is none
  bool convolutional = false;    // autoencoder: convolutional instead of dense
  double dropout = 0;            // between layers, in training only
};

/// One dimension of the operating-mode grid: cell = clamp(round((value - min) / step)).
struct ModeColumn {
  std::string column;
  double step = 1;
  double min = 0;
  double max = 0;
  std::string unit = {};  // of the column; empty: not said
  int64_t Cells() const;
  bool operator==(const ModeColumn&) const = default;
};

enum class Normalization {
  kFederated,  // by mode and channel, from the statistics the sites sum before round 1
  kWindow,     // each window and channel to mean 0, deviation 1
  kNone
};

/// A column that the model is fed.
struct InputColumn {
  std::string name;
  std::string unit;  // empty: the plan says none
};

/// [input]: what one example looks like.
struct InputPlan {
  std::vector<std::string> channels;
  std::vector<std::string> units;  // of the channels, each empty where none is said; or none at all
  double rate_hz = 0;              // of the time steps; 0: not said
  int64_t window = 1;              // time steps per example
  int64_t stride = 1;              // time steps between training windows
  Normalization normalization = Normalization::kFederated;
  std::vector<ModeColumn> modes;  // [[input.mode]]; empty: one operating mode
  /// Product of the grid's dimensions, 1 without modes; at most kMaxModeCells.
  int64_t ModeCells() const;
  /// The channels, then the modes.
  std::vector<InputColumn> Columns() const;
};
inline constexpr int64_t kMaxModeCells = 4096;

enum class LabelKind {
  kNone,         // reconstruction: the window is its own target
  kColumn,       // a column of the data, its value at the window's last step
  kRecording,    // one label per recording, from the manifest
  kRunToFailure  // steps left in the unit after the window's last one, capped
};
enum class Task { kRegression, kClassification, kReconstruction };

/// [label]
struct LabelPlan {
  LabelKind kind = LabelKind::kNone;
  std::string column;   // kColumn: of the data; kRecording: of the manifest
  int64_t classes = 0;  // > 1: classification over labels 0 .. classes-1; 0: regression
  double cap = 0;       // kRunToFailure: largest label; > 0
};

enum class SplitBy {
  kUnit,  // whole units are held back, chosen by the run's seed
  kTime   // the last part of each unit is held back; no window crosses the border
};

/// [split]: the part of each site's data that validates instead of training.
struct SplitPlan {
  SplitBy by = SplitBy::kUnit;
  double validation = 0.1;  // share of units or of time, [0, 0.9]
};

enum class ClientOptimizer { kSgd, kAdam };
enum class Schedule {
  kConstant,
  kCosine,  // over the run's rounds: from learning_rate to final_share of it
  kStep     // times step_factor every step_rounds rounds
};

/// [training]: what a site does in one round.
struct TrainingPlan {
  ClientOptimizer optimizer = ClientOptimizer::kAdam;
  double learning_rate = 1e-3;
  double momentum = 0;  // sgd
  double weight_decay = 0;
  Schedule schedule = Schedule::kConstant;
  double final_share = 0.01;  // cosine
  int64_t step_rounds = 10;   // step
  double step_factor = 0.5;   // step
  int64_t batch_size = 64;    // examples
  int64_t epochs = 1;         // passes over the local examples
  int64_t max_steps = 0;      // at most so many optimiser steps a round, 0: no limit
  double clip_norm = 0;       // of the gradient, L2, 0: none
  double proximal_mu = 0;     // FedProx (Li et al. 2020): + mu/2 |w - w_global|^2
  int64_t patience = 0;       // epochs without a better validation loss before it stops, 0: off
};

enum class ServerOptimizer { kFedAvg, kFedAvgM, kFedAdagrad, kFedAdam, kFedYogi };

/// [server]: Reddi et al. 2021, Algorithm 2; FedAvgM is Hsu et al. 2019.
struct ServerPlan {
  ServerOptimizer optimizer = ServerOptimizer::kFedAvg;
  double learning_rate = 1;
  double beta1 = 0.9;   // FedAvgM's momentum; FedAdagrad, FedAdam, FedYogi's first moment
  double beta2 = 0.99;  // FedAdam, FedYogi
  double tau = 1e-3;    // FedAdagrad, FedAdam, FedYogi: degree of adaptivity
};

/// Whether the coordinator can read single updates, and what the sites assume of it.
enum class SecureMode {
  kOff,               // updates travel in the clear
  kHonestButCurious,  // masked; the coordinator follows the protocol
  kMalicious          // masked; the sites also sign who survived, against a coordinator that lies
};

/// Who masks with whom.
enum class MaskGraph {
  kComplete,  // everybody; beyond kLargestCompleteCohort sites in random groups
  kRegular    // each with so many that security_bits and correctness_bits hold
};
inline constexpr int64_t kLargestCompleteCohort = 128;

/// C = max(1, ceil(corrupt_share * sites)): how many sites are assumed to work together with the
/// coordinator.
int64_t AssumedCorrupt(int64_t sites, double corrupt_share);

/// secure_aggregation and [secure]: how updates are masked (Bonawitz et al. 2017).
struct SecurePlan {
  SecureMode mode = SecureMode::kHonestButCurious;
  MaskGraph graph = MaskGraph::kComplete;
  int64_t bits = 32;              // of a parameter on the wire: 16, 24 or 32
  double bound = 4;               // of each element of a delta; what is beyond is clipped to it
  double corrupt_share = 0.1;     // of a cohort that may work together with the coordinator
  double dropout_share = 0.1;     // of a cohort that may disappear in mid-round; regular
  int64_t security_bits = 40;     // regular: the chance that a mask is known is below 2^-this
  int64_t correctness_bits = 20;  // regular: the chance that a round cannot be unmasked
  int64_t phase_s = 30;           // for each phase but the upload, seconds

  bool on() const { return mode != SecureMode::kOff; }
  int64_t Corrupt(int64_t sites) const { return AssumedCorrupt(sites, corrupt_share); }
  /// Fewest updates whose sum a site helps to unmask: 3 beyond the corrupt, of whom a site may
  /// assume more.
  int64_t Fewest(int64_t sites, int64_t corrupt = 0) const {
    return 3 + std::max(corrupt, Corrupt(sites));
  }
  /// Fewest of a cohort, all masking with all, that give its secrets back: floor((n + C) / 2) + 1.
  int64_t Threshold(int64_t sites) const { return (sites + Corrupt(sites)) / 2 + 1; }
};

enum class Weights { kExamples, kEqual };

/// [update]: what a site sends.
struct UpdatePlan {
  Weights weights = Weights::kExamples;
  int64_t max_weight = 1'000'000;  // an update that claims more examples is refused
  double clip_norm = 0;            // the delta's L2 norm at most, 0: no bound
};

/// [start]: what a run waits for before its first round.
struct StartPlan {
  double on_drift_share = 0;    // of the sites that report drift; 0: it waits for nothing
  int64_t at_least_sites = 1;   // that report it, however few there are
  int64_t seen_within_s = 600;  // sites that were silent for longer do not count, seconds
  bool waits() const { return on_drift_share > 0; }
};

struct Plan {
  RunPlan run;
  CohortPlan cohort;
  ModelPlan model;
  InputPlan input;
  LabelPlan label;
  SplitPlan split;
  TrainingPlan training;
  ServerPlan server;
  UpdatePlan update;
  SecurePlan secure;
  StartPlan start;

  Task task() const;
  /// Width of the model's last layer: classes, 1 for regression; 0 for reconstruction (the output
  /// has the input's shape).
  int64_t outputs() const;
  /// Sites invited to a round: ceil(target * (1 + over_selection)).
  int64_t cohort_size() const;
};

/// Parses and checks a plan. INVALID_ARGUMENT for what cannot work, naming the key and why:
/// unknown keys, wrong types, values out of range, pairs that contradict each other.
absl::StatusOr<Plan> ParsePlan(absl::string_view toml);

/// ceil(share * whole), where 0.07 * 100 = 7.000000000000001 is 7.
int64_t CeilShare(double share, int64_t whole);

/// The learning rate of a round (1-based) under the plan's schedule.
double LearningRate(const TrainingPlan& training, int64_t round, int64_t rounds);

/// Catalogue and option names as they stand in the TOML file: "gru", "fedadam", ...
absl::string_view Name(ModelKind kind);
absl::string_view Name(Task task);
absl::string_view Name(ServerOptimizer optimizer);
absl::string_view Name(SecureMode mode);

}  // namespace millrace
