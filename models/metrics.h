// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "models/dataset.h"
#include "plan/plan.h"

namespace millrace {

/// All of these are NaN where nothing defines them (no examples, a single class).
double Rmse(std::span<const float> predictions, std::span<const float> targets);
double MeanAbsoluteError(std::span<const float> predictions, std::span<const float> targets);

/// Sum over units of exp(-d/13)-1 for d < 0 and exp(d/10)-1 for d >= 0, d = predicted - true
/// (Saxena et al. 2008).
double NasaScore(std::span<const float> predictions, std::span<const float> targets);

double Accuracy(std::span<const int64_t> predicted, std::span<const int64_t> truth);
/// Mean over `classes` of the F1 score; a class that neither occurs nor is predicted is left out.
double MacroF1(std::span<const int64_t> predicted, std::span<const int64_t> truth, int64_t classes);
/// Area under precision-recall as the step-wise sum of (R_n - R_{n-1}) P_n; tied scores together.
double AveragePrecision(std::span<const float> scores, std::span<const uint8_t> positive);
/// Probability that a positive scores above a negative, ties count half (Mann-Whitney).
double Auroc(std::span<const float> scores, std::span<const uint8_t> positive);

/// Row-wise argmax of [rows, classes].
std::vector<int64_t> ArgMax(std::span<const float> scores, int64_t classes);

/// Mean squared error of each window [size]: the anomaly score of an autoencoder.
std::vector<double> ReconstructionErrors(const Dataset& data, std::span<const float> outputs);

/// Sums over examples that add up across sites; the federation's metrics are ratios of them.
/// regression: count, squared error, absolute error. classification: count, cross entropy, correct
/// ones. reconstruction: count, mean squared error of the window.
std::vector<double> EvaluationSums(const Plan& plan, const Dataset& data,
                                   std::span<const float> outputs);
/// How many sums a plan's task has.
int64_t EvaluationSumCount(Task task);
/// Names and values from summed sums: "loss" (mean squared error in label units, cross entropy,
/// mean squared error) and "rmse", "mae" / "accuracy" / "mse", "examples". Without examples only
/// the latter. Class labels lie in 0 .. classes - 1: the trainer refuses a data set where they do
/// not.
std::map<std::string, double> MetricsFromSums(Task task, std::span<const double> sums);

}  // namespace millrace
