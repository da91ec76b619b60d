// SPDX-License-Identifier: Apache-2.0
#include "models/metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/check.h"

namespace millrace {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

/// Mean of f(prediction, target).
template <typename F>
double MeanOf(std::span<const float> predictions, std::span<const float> targets, F f) {
  MR_CHECK(predictions.size() == targets.size());
  double sum = 0;
  for (size_t i = 0; i < targets.size(); ++i) sum += f(double{predictions[i]}, double{targets[i]});
  return targets.empty() ? kUndefined : sum / static_cast<double>(targets.size());
}

/// Examples with one score.
struct Tie {
  int64_t positives = 0;
  int64_t negatives = 0;
};

/// By descending score; a NaN ranks below every number.
std::vector<Tie> GroupByScore(std::span<const float> scores, std::span<const uint8_t> positive) {
  MR_CHECK(scores.size() == positive.size());
  std::vector<size_t> order(scores.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const auto rank = [&](size_t i) {
    return std::isnan(scores[i]) ? -std::numeric_limits<float>::infinity() : scores[i];
  };
  std::ranges::sort(order, std::greater<>(), rank);
  std::vector<Tie> ties;
  for (size_t i = 0; i < order.size(); ++i) {
    if (i == 0 || rank(order[i]) != rank(order[i - 1])) ties.emplace_back();
    ++(positive[order[i]] != 0 ? ties.back().positives : ties.back().negatives);
  }
  return ties;
}

/// -log softmax(logits)[label]
double CrossEntropy(std::span<const float> logits, int64_t label) {
  const double highest = *std::ranges::max_element(logits);
  double sum = 0;
  for (const float logit : logits) sum += std::exp(logit - highest);
  return std::log(sum) + highest - logits[label];
}

std::vector<double> RegressionSums(const Dataset& data, std::span<const float> outputs) {
  MR_CHECK(static_cast<int64_t>(outputs.size()) == data.size());
  std::vector<double> sums = {static_cast<double>(data.size()), 0, 0};
  for (size_t i = 0; i < outputs.size(); ++i) {
    const double error = double{outputs[i]} - data.examples[i].target;
    sums[1] += error * error;
    sums[2] += std::abs(error);
  }
  return sums;
}

std::vector<double> ClassificationSums(const Dataset& data, int64_t classes,
                                       std::span<const float> outputs) {
  MR_CHECK(static_cast<int64_t>(outputs.size()) == data.size() * classes);
  std::vector<double> sums = {static_cast<double>(data.size()), 0, 0};
  const std::vector<int64_t> predicted = ArgMax(outputs, classes);
  for (int64_t i = 0; i < data.size(); ++i) {
    const auto label = static_cast<int64_t>(data.examples[i].target);
    MR_CHECK(label >= 0 && label < classes);
    sums[1] += CrossEntropy(outputs.subspan(i * classes, classes), label);
    sums[2] += predicted[i] == label;
  }
  return sums;
}

std::vector<double> ReconstructionSums(const Dataset& data, std::span<const float> outputs) {
  const std::vector<double> errors = ReconstructionErrors(data, outputs);
  return {static_cast<double>(data.size()), std::accumulate(errors.begin(), errors.end(), 0.0)};
}

}  // namespace

double Rmse(std::span<const float> predictions, std::span<const float> targets) {
  return std::sqrt(
      MeanOf(predictions, targets, [](double p, double t) { return (p - t) * (p - t); }));
}

double MeanAbsoluteError(std::span<const float> predictions, std::span<const float> targets) {
  return MeanOf(predictions, targets, [](double p, double t) { return std::abs(p - t); });
}

double NasaScore(std::span<const float> predictions, std::span<const float> targets) {
  MR_CHECK(predictions.size() == targets.size());
  double score = 0;
  for (size_t i = 0; i < targets.size(); ++i) {
    const double late = double{predictions[i]} - targets[i];
    score += std::expm1(late < 0 ? -late / 13 : late / 10);
  }
  return score;
}

double Accuracy(std::span<const int64_t> predicted, std::span<const int64_t> truth) {
  MR_CHECK(predicted.size() == truth.size());
  int64_t correct = 0;
  for (size_t i = 0; i < truth.size(); ++i) correct += predicted[i] == truth[i];
  return truth.empty() ? kUndefined
                       : static_cast<double>(correct) / static_cast<double>(truth.size());
}

double MacroF1(std::span<const int64_t> predicted, std::span<const int64_t> truth,
               int64_t classes) {
  MR_CHECK(predicted.size() == truth.size());
  std::vector<int64_t> hits(classes), claimed(classes), present(classes);
  for (size_t i = 0; i < truth.size(); ++i) {
    MR_CHECK(truth[i] >= 0 && truth[i] < classes && predicted[i] >= 0 && predicted[i] < classes);
    ++present[truth[i]];
    ++claimed[predicted[i]];
    hits[truth[i]] += predicted[i] == truth[i];
  }
  double sum = 0;
  int64_t counted = 0;
  for (int64_t c = 0; c < classes; ++c) {
    if (present[c] + claimed[c] == 0) continue;
    sum += 2.0 * static_cast<double>(hits[c]) / static_cast<double>(present[c] + claimed[c]);
    ++counted;
  }
  return counted == 0 ? kUndefined : sum / static_cast<double>(counted);
}

double AveragePrecision(std::span<const float> scores, std::span<const uint8_t> positive) {
  int64_t found = 0;
  int64_t seen = 0;
  double sum = 0;
  for (const Tie& tie : GroupByScore(scores, positive)) {
    found += tie.positives;
    seen += tie.positives + tie.negatives;
    sum +=
        static_cast<double>(tie.positives) * static_cast<double>(found) / static_cast<double>(seen);
  }
  return found == 0 ? kUndefined : sum / static_cast<double>(found);
}

double Auroc(std::span<const float> scores, std::span<const uint8_t> positive) {
  double positives = 0;
  double negatives = 0;
  double above = 0;  // pairs (positive, negative) in the right order, ties half
  for (const Tie& tie : GroupByScore(scores, positive)) {
    const auto tied_negatives = static_cast<double>(tie.negatives);
    const auto tied_positives = static_cast<double>(tie.positives);
    above += tied_negatives * (positives + tied_positives / 2);
    positives += tied_positives;
    negatives += tied_negatives;
  }
  return positives == 0 || negatives == 0 ? kUndefined : above / (positives * negatives);
}

std::vector<int64_t> ArgMax(std::span<const float> scores, int64_t classes) {
  MR_CHECK(classes > 0 && static_cast<int64_t>(scores.size()) % classes == 0);
  std::vector<int64_t> best;
  best.reserve(scores.size() / classes);
  for (size_t row = 0; row < scores.size(); row += classes) {
    const std::span<const float> candidates = scores.subspan(row, classes);
    best.push_back(std::ranges::max_element(candidates) - candidates.begin());
  }
  return best;
}

std::vector<double> ReconstructionErrors(const Dataset& data, std::span<const float> outputs) {
  const int64_t example_size = data.window * data.channels;
  MR_CHECK(static_cast<int64_t>(outputs.size()) == data.size() * example_size);
  std::vector<double> errors;
  errors.reserve(data.examples.size());
  std::vector<float> window(example_size);
  float target;
  for (int64_t i = 0; i < data.size(); ++i) {
    data.Gather(std::span(&i, 1), window, std::span(&target, 1));
    double squares = 0;
    for (int64_t j = 0; j < example_size; ++j) {
      const double error = double{outputs[i * example_size + j]} - window[j];
      squares += error * error;
    }
    errors.push_back(squares / static_cast<double>(example_size));
  }
  return errors;
}

std::vector<double> EvaluationSums(const Plan& plan, const Dataset& data,
                                   std::span<const float> outputs) {
  switch (plan.task()) {
    case Task::kRegression:
      return RegressionSums(data, outputs);
    case Task::kClassification:
      return ClassificationSums(data, plan.outputs(), outputs);
    case Task::kReconstruction:
      return ReconstructionSums(data, outputs);
  }
  MR_CHECK(false);
}

int64_t EvaluationSumCount(Task task) { return task == Task::kReconstruction ? 2 : 3; }

std::map<std::string, double> MetricsFromSums(Task task, std::span<const double> sums) {
  MR_CHECK(static_cast<int64_t>(sums.size()) == EvaluationSumCount(task));
  std::map<std::string, double> metrics = {{"examples", sums[0]}};
  if (!(sums[0] > 0)) return metrics;
  metrics["loss"] = sums[1] / sums[0];
  switch (task) {
    case Task::kRegression:
      metrics["rmse"] = std::sqrt(sums[1] / sums[0]);
      metrics["mae"] = sums[2] / sums[0];
      break;
    case Task::kClassification:
      metrics["accuracy"] = sums[2] / sums[0];
      break;
    case Task::kReconstruction:
      metrics["mse"] = sums[1] / sums[0];
      break;
  }
  return metrics;
}

}  // namespace millrace
