// SPDX-License-Identifier: Apache-2.0
// How files spell each enumerator of a plan. For what parses them.
#pragma once

#include "plan/plan.h"
#include "plan/toml_reader.h"

namespace millrace {

inline constexpr NamedValue<ModelKind> kModelKinds[] = {{"mlp", ModelKind::kMlp},
                                                        {"cnn1d", ModelKind::kCnn1d},
                                                        {"gru", ModelKind::kGru},
                                                        {"lstm", ModelKind::kLstm},
                                                        {"autoencoder", ModelKind::kAutoencoder}};

inline constexpr NamedValue<Normalization> kNormalizations[] = {
    {"federated", Normalization::kFederated},
    {"window", Normalization::kWindow},
    {"none", Normalization::kNone}};

inline constexpr NamedValue<LabelKind> kLabelKinds[] = {
    {"none", LabelKind::kNone},
    {"column", LabelKind::kColumn},
    {"recording", LabelKind::kRecording},
    {"run_to_failure", LabelKind::kRunToFailure}};

inline constexpr NamedValue<Task> kTasks[] = {{"regression", Task::kRegression},
                                              {"classification", Task::kClassification},
                                              {"reconstruction", Task::kReconstruction}};

inline constexpr NamedValue<SplitBy> kSplits[] = {{"unit", SplitBy::kUnit},
                                                  {"time", SplitBy::kTime}};

inline constexpr NamedValue<ClientOptimizer> kClientOptimizers[] = {
    {"sgd", ClientOptimizer::kSgd}, {"adam", ClientOptimizer::kAdam}};

inline constexpr NamedValue<Schedule> kSchedules[] = {
    {"constant", Schedule::kConstant}, {"cosine", Schedule::kCosine}, {"step", Schedule::kStep}};

inline constexpr NamedValue<ServerOptimizer> kServerOptimizers[] = {
    {"fedavg", ServerOptimizer::kFedAvg},
    {"fedavgm", ServerOptimizer::kFedAvgM},
    {"fedadagrad", ServerOptimizer::kFedAdagrad},
    {"fedadam", ServerOptimizer::kFedAdam},
    {"fedyogi", ServerOptimizer::kFedYogi}};

inline constexpr NamedValue<Weights> kWeights[] = {{"examples", Weights::kExamples},
                                                   {"equal", Weights::kEqual}};

inline constexpr NamedValue<SecureMode> kSecureModes[] = {
    {"off", SecureMode::kOff},
    {"honest_but_curious", SecureMode::kHonestButCurious},
    {"malicious", SecureMode::kMalicious}};

inline constexpr NamedValue<MaskGraph> kMaskGraphs[] = {{"complete", MaskGraph::kComplete},
                                                        {"regular", MaskGraph::kRegular}};

}  // namespace millrace
