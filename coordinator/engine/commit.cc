// SPDX-License-Identifier: Apache-2.0
#include "coordinator/engine/commit.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "absl/strings/str_cat.h"
#include "aggregation/server_optimizer.h"
#include "base/status.h"
#include "models/metrics.h"

namespace millrace {
namespace {

constexpr double kMaxRows = 0x1p40;      // of one site: a thousand a second for 35 years
constexpr double kNormTolerance = 1e-4;  // of float32 sums over many parameters, relative
constexpr int64_t kMeanChunk = 1 << 18;  // elements, 1 MiB of float32

std::span<char> AsBytes(std::span<float> floats) {
  return {reinterpret_cast<char*>(floats.data()), floats.size_bytes()};
}

/// A float32 vector that is read from one blob and rewritten into another, chunk by chunk.
struct Stream {
  std::unique_ptr<BlobReader> from;  // null: starts at `initial`
  std::unique_ptr<BlobWriter> to;
  float initial = 0;
  std::vector<float> chunk;

  absl::Status Read(int64_t offset, int64_t count) {
    chunk.assign(count, initial);
    if (from == nullptr) return absl::OkStatus();
    return from->ReadAt(offset * static_cast<int64_t>(sizeof(float)), AsBytes(chunk));
  }
  absl::Status Write() { return to->Append(AsBytes(chunk)); }
};

absl::StatusOr<Stream> OpenStream(BlobStore& blobs, const Digest* from, double initial) {
  Stream stream;
  if (from != nullptr) {
    MR_ASSIGN_OR_RETURN(stream.from, blobs.Open(*from));
  }
  MR_ASSIGN_OR_RETURN(stream.to, blobs.NewWriter());
  stream.initial = static_cast<float>(initial);
  return stream;
}

}  // namespace

RoundMean MeanOf(const WeightedSum& sum) {
  return {sum.parameters(),
          [&sum](int64_t offset, std::span<float> mean) { sum.Mean(offset, mean); }};
}

absl::StatusOr<NextModel> CommitModel(const ServerPlan& plan, const ModelVersion& from,
                                      const RoundMean& mean, BlobStore& blobs) {
  MR_ASSIGN_OR_RETURN(Stream model, OpenStream(blobs, &from.parameters, 0));
  std::vector<Stream> state;
  for (int64_t i = 0; i < StateVectors(plan.optimizer); ++i) {
    const bool started = i < static_cast<int64_t>(from.optimizer_state.size());
    MR_ASSIGN_OR_RETURN(
        Stream stream,
        OpenStream(blobs, started ? &from.optimizer_state[i] : nullptr, InitialState(plan, i)));
    state.push_back(std::move(stream));
  }
  std::vector<float> delta;
  for (int64_t offset = 0; offset < mean.parameters; offset += kMeanChunk) {
    const int64_t count = std::min(kMeanChunk, mean.parameters - offset);
    delta.resize(count);
    mean.read(offset, delta);
    MR_RETURN_IF_ERROR(model.Read(offset, count));
    for (Stream& stream : state) MR_RETURN_IF_ERROR(stream.Read(offset, count));
    ServerStep(plan, delta, model.chunk, state.size() > 0 ? state[0].chunk : std::span<float>(),
               state.size() > 1 ? state[1].chunk : std::span<float>());
    if (!AllFinite(model.chunk)) {
      return absl::AbortedError(absl::StrCat("version after ", from.version,
                                             ": a parameter between ", offset, " and ",
                                             offset + count, " would not be finite"));
    }
    MR_RETURN_IF_ERROR(model.Write());
    for (Stream& stream : state) MR_RETURN_IF_ERROR(stream.Write());
  }
  NextModel next;
  MR_ASSIGN_OR_RETURN(next.parameters, model.to->Commit());
  for (Stream& stream : state) {
    MR_ASSIGN_OR_RETURN(const Digest digest, stream.to->Commit());
    next.optimizer_state.push_back(digest);
  }
  return next;
}

absl::StatusOr<RoundResult> ReadStatistics(const Plan& plan, TaskKind task,
                                           std::span<const double> statistics) {
  RoundResult result;
  if (task == TaskKind::kStatistics) {
    MR_ASSIGN_OR_RETURN(result.scaling, Scaling::FromMoments(plan.input, statistics));
    return result;
  }
  const int64_t evaluation = EvaluationSumCount(plan.task());
  result.metrics = MetricsFromSums(plan.task(), statistics.first(evaluation));
  if (task == TaskKind::kTraining && statistics[evaluation + 1] > 0) {
    result.metrics[kTrainLoss] = statistics[evaluation] / statistics[evaluation + 1];
  }
  return result;
}

absl::Status CheckStatistics(const Plan& plan, TaskKind task, std::span<const double> statistics,
                             int64_t updates) {
  const auto refuse = [](size_t i, double value, absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("statistic ", i, " is ", value, ": ", why));
  };
  const auto limit = static_cast<double>(plan.update.max_weight) * static_cast<double>(updates);
  const size_t mode = 3 * plan.input.channels.size();  // moments of one operating mode
  // Evaluation sums begin with their count; a training round's last number counts as well.
  const auto counts_examples = [&](size_t i) {
    return task != TaskKind::kStatistics &&
           (i == 0 || (task == TaskKind::kTraining && i + 1 == statistics.size()));
  };
  for (size_t i = 0; i < statistics.size(); ++i) {
    const double value = statistics[i];
    if (!std::isfinite(value)) return refuse(i, value, "must be finite");
    // Sums over channels may be negative; counts, losses and squares may not.
    const bool may_be_negative = task == TaskKind::kStatistics && i % 3 == 1;
    if (value < 0 && !may_be_negative) return refuse(i, value, "must not be negative");
    const bool counts_rows = task == TaskKind::kStatistics && i % 3 == 0;
    if ((counts_examples(i) || counts_rows) && value != std::floor(value)) {
      return refuse(i, value, "must be a whole number");
    }
    // Summed up, this would spoil the scaling for every site.
    if (counts_rows && value != statistics[i - i % mode]) {
      return refuse(i, value, "counts other rows than its operating mode's first channel");
    }
    if (counts_rows && value > kMaxRows * static_cast<double>(updates)) {
      return refuse(i, value, "counts more than 2^40 rows of one site");
    }
    if (counts_examples(i) && value > limit) {
      return refuse(i, value, "counts more examples than max_weight");
    }
  }
  return absl::OkStatus();
}

absl::Status CheckNorm(const UpdatePlan& plan, double norm) {
  if (norm <= plan.clip_norm * (1 + kNormTolerance)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("its delta has an L2 norm of ", norm,
                                                 ", [update] clip_norm is ", plan.clip_norm));
}

}  // namespace millrace
