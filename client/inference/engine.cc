// SPDX-License-Identifier: Apache-2.0
#include "client/inference/engine.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/log.h"
#include "client/inference/scoring.h"

namespace millrace {
namespace {

constexpr size_t kAdaptAtATime = 4;  // thresholds

/// Whether it is the model that is to blame for what it makes of these values.
bool IsSane(std::span<const float> scaled) {
  constexpr float kLargest = 1e6F;  // deviations
  return std::ranges::all_of(scaled, [](float x) { return std::abs(x) < kLargest; });
}

MachineVerdict NotEvaluated(const std::string& machine, std::string reason) {
  MachineVerdict verdict;
  verdict.machine = machine;
  verdict.score = std::numeric_limits<double>::quiet_NaN();
  verdict.reason = std::move(reason);
  return verdict;
}

/// Why there are no verdicts by a model on data; null: there are.
const char* WhyWithheld(const InstalledModel& model) {
  if (model.disowned) return "model: none that a publisher vouches for; the log says why";
  if (model.withheld) return "model: it has expired";
  return nullptr;
}

/// "temperature (missing), speed (fail: range)".
std::string Describe(const std::vector<FlaggedChannel>& flagged) {
  return absl::StrJoin(flagged, ", ", [](std::string* out, const FlaggedChannel& channel) {
    absl::StrAppend(out, channel.name, " (", NameOf(channel.worst.flag));
    if (channel.worst.flag != Flag::kMissing) {
      absl::StrAppend(out, ": ", NameOf(channel.worst.rule));
    }
    absl::StrAppend(out, ")");
  });
}

}  // namespace

void ScoringEngine::Process(const SampleBatch& batch) {
  TakeUpModels();
  for (const Sample& sample : batch.samples) {
    const Place& place = places_[sample.channel];
    Kind& kind = *place.kind;
    Machine& machine = kind.machines[place.machine];
    machine.Add(place.channel, sample.time_ns, sample.value, {batch.arrived_ns, batch.recorded});
    for (Machine::Step step = machine.Advance(); step != Machine::Step::kNone;
         step = machine.Advance()) {
      kind.silent[place.machine] = false;
      if (row_sink_) {
        MachineRow row = machine.row();
        row.machine = place.site_machine;
        row_sink_(row);
      }
      if (!machine.drift_changes().empty()) TellDrift(kind, machine);
      if (step == Machine::Step::kWindow) Due(kind, place.machine);
      if (!kind.judged.empty()) PushToJudged(kind, place.machine);
    }
  }
  counts_.samples += static_cast<int64_t>(batch.samples.size());
}

void ScoringEngine::PushToJudged(Kind& kind, size_t index) {
  const MachineRow row = kind.machines[index].row();
  for (const Judged& other : kind.judged[index]) {
    other.kind->silent[other.index] = false;
    if (other.kind->windows[other.index].Push(row)) Due(*other.kind, other.index);
  }
}

void ScoringEngine::TellDrift(const Kind& kind, const Machine& machine) const {
  for (const MachineDrift::Change& change : machine.drift_changes()) {
    drift_sink_({machine.name(), kind.config.channels[change.channel].name, machine.time_ns(),
                 machine.drift_report(change.channel)});
  }
}

void ScoringEngine::ScoreDue() {
  for (const auto& kind : kinds_) Score(*kind);
}

void ScoringEngine::Due(Kind& kind, size_t index) {
  const ModelWindow& seen = *kind.subjects[index].window;
  MachineVerdict verdict = NotEvaluated(kind.config.names[index], "");
  const v1::PackageManifest& manifest = kind.model->package.manifest;
  verdict.time_ns = seen.time_ns();
  verdict.window_ns =
      std::llround((kind.model->package.plan.input.window - 1) * kNsPerS / kind.config.rate_hz);
  verdict.model = manifest.name();
  verdict.version = manifest.version();
  verdict.digest = kind.model->digest;
  verdict.expired = kind.model->expired;
  verdict.task = kind.model->package.plan.task();
  verdict.quality = seen.worst();
  if (verdict.quality > Flag::kNotEvaluated) verdict.flagged = seen.Flagged();
  verdict.latency_ns = kind.subjects[index].rows->arrived_ns();  // until Publish
  const char* const withheld = WhyWithheld(*kind.model);
  if (!seen.usable() || withheld != nullptr) {
    if (withheld == nullptr) ++counts_.unusable;
    // A verdict on an older window of this machine may wait in the batch, and comes first.
    if (std::ranges::find(kind.due, index) != kind.due.end()) Score(kind);
    verdict.reason =
        withheld != nullptr ? withheld : absl::StrCat("data: ", Describe(verdict.flagged));
    verdict.unusable = withheld == nullptr;
    Publish(verdict, verdict.latency_ns);
    return;
  }
  const size_t begin = kind.inputs.size();
  kind.inputs.insert(kind.inputs.end(), seen.rows().begin(), seen.rows().end());
  const std::span<float> window = std::span(kind.inputs).subspan(begin);
  const ModelPackage& package = kind.model->package;
  if (package.scaling) package.scaling->Apply(window, seen.cells());
  if (package.plan.input.normalization == Normalization::kWindow) {
    NormalizeWindow(window, static_cast<int64_t>(package.plan.input.channels.size()));
  }
  kind.due.push_back(index);
  kind.due_modes.push_back(seen.cells().back());
  kind.verdicts.push_back(std::move(verdict));
  if (static_cast<int64_t>(kind.verdicts.size()) == kMostWindowsTogether) Score(kind);
}

void ScoringEngine::Score(Kind& kind) {
  if (kind.verdicts.empty()) return;
  const size_t count = kind.verdicts.size();
  const size_t input_size = kind.inputs.size() / count;
  const auto width = static_cast<size_t>(kind.predictor->width());
  outputs_.resize(count * width);
  const auto windows = static_cast<int64_t>(count);
  const int64_t begin_ns = clock_->MonotonicNs();
  const absl::Status status = kind.predictor->Predict(kind.inputs, outputs_);
  const int64_t slow_ns = kind.model->slow_ns * windows;
  if (slow_ns > 0 && clock_->MonotonicNs() - begin_ns > slow_ns) kind.model->slow += windows;
  if (!status.ok()) kind.model->faults += windows;
  for (size_t i = 0; i < count; ++i) {
    MachineVerdict& verdict = kind.verdicts[i];
    ++counts_.windows;
    ++kind.model->windows;
    if (status.ok()) {
      Judge(kind, kind.due[i], std::span(kind.inputs).subspan(i * input_size, input_size),
            std::span(outputs_).subspan(i * width, width), verdict);
    } else {
      ++counts_.model_errors;
      verdict.reason = absl::StrCat("model: ", status.message());
    }
    Publish(verdict, verdict.latency_ns);
    WatchScore(kind, i);
  }
  kind.inputs.clear();
  kind.due.clear();
  kind.due_modes.clear();
  kind.verdicts.clear();
}

void ScoringEngine::WatchScore(Kind& kind, size_t due) const {
  if (kind.score_drift.empty()) return;
  const MachineVerdict& verdict = kind.verdicts[due];
  MachineDrift& drift = kind.score_drift[kind.due[due]];
  // Windows that are suspect count as little as suspect values do.
  const float score = verdict.quality <= Flag::kNotEvaluated
                          ? static_cast<float>(verdict.score)
                          : std::numeric_limits<float>::quiet_NaN();
  if (drift.AddRow({&score, 1}, kind.due_modes[due]).empty()) return;
  drift_sink_({verdict.machine, kScoreChannel, verdict.time_ns, drift.monitor(0).report()});
}

bool ScoringEngine::ExceedsThreshold(Kind& kind, size_t index, MachineVerdict& verdict) {
  if (kind.thresholds.empty()) {
    verdict.threshold = kind.config.threshold;
  } else {
    verdict.threshold = kind.thresholds[index].value();
    if (verdict.quality <= Flag::kNotEvaluated) {
      kind.thresholds[index].Observe(static_cast<float>(verdict.score));
    }
  }
  return verdict.threshold && verdict.score > *verdict.threshold;
}

void ScoringEngine::Judge(Kind& kind, size_t index, std::span<const float> input,
                          std::span<const float> output, MachineVerdict& verdict) {
  bool alarm = false;
  switch (verdict.task) {
    case Task::kReconstruction:
      verdict.score = ReconstructionError(input, output);
      alarm = ExceedsThreshold(kind, index, verdict);
      break;
    case Task::kClassification: {
      const ClassScore score = Classify(output);
      verdict.predicted = score.predicted;
      verdict.score = score.probability;
      alarm = score.predicted != kind.config.normal_class;
      break;
    }
    case Task::kRegression:
      verdict.score = output[0];
      verdict.threshold = kind.config.alarm_below;
      alarm = verdict.threshold && verdict.score < *verdict.threshold;
      break;
  }
  if (!std::isfinite(verdict.score)) {
    ++counts_.not_finite;
    if (IsSane(input)) ++kind.model->faults;
    verdict.reason = "model: its score is no number";
    return;
  }
  if (verdict.task == Task::kReconstruction && !verdict.threshold) {
    verdict.reason = absl::StrCat("threshold: ", kind.thresholds[index].Progress());
    return;
  }
  verdict.judgement = alarm ? Judgement::kAlarm : Judgement::kNormal;
  if (alarm) {
    ++counts_.alarms;
    Explain(kind, index, input, output, verdict);
  } else {
    kind.explanations[index].End();
  }
}

void ScoringEngine::Explain(Kind& kind, size_t index, std::span<const float> input,
                            std::span<const float> output, MachineVerdict& verdict) {
  const std::vector<std::string>& names = kind.model->package.plan.input.channels;
  const auto channels = static_cast<int64_t>(names.size());
  if (verdict.task == Task::kReconstruction) {
    verdict.shares = SharesOf(ChannelErrors(input, output, channels), names);
    verdict.explained_ns = verdict.time_ns;
    return;
  }
  AlarmExplanations& lately = kind.explanations[index];
  const int64_t now_ns = clock_->MonotonicNs();
  if (lately.IsDue(verdict.predicted, now_ns)) lately.Keep(Attribute(kind, input, verdict));
  const AlarmExplanation* const explanation = lately.Of(verdict.predicted, now_ns);
  if (explanation == nullptr) return;
  verdict.shares = explanation->shares;
  verdict.explained_ns = explanation->time_ns;
  verdict.completeness_gap = explanation->gap;
}

AlarmExplanation ScoringEngine::Attribute(const Kind& kind, std::span<const float> input,
                                          const MachineVerdict& verdict) {
  AlarmExplanation explanation;
  explanation.asked_ns = clock_->MonotonicNs();
  explanation.predicted = verdict.predicted;
  explanation.time_ns = verdict.time_ns;
  // Scaled as in training, a channel at 0 is at its mean.
  const std::vector<float> baseline(input.size());
  const absl::StatusOr<Attribution> attribution =
      kind.predictor->Attribute(input, baseline, std::max<int64_t>(verdict.predicted, 0));
  if (!attribution.ok()) {
    LogWarning("alarm without explanation",
               {{"machine", verdict.machine}, {"error", attribution.status().message()}});
    return explanation;
  }
  const std::vector<std::string>& names = kind.model->package.plan.input.channels;
  std::vector<double> parts(names.size());
  for (size_t i = 0; i < attribution->values.size(); ++i) {
    parts[i % names.size()] += attribution->values[i];
  }
  explanation.shares = SharesOf(parts, names);
  explanation.gap = attribution->gap;
  return explanation;
}

void ScoringEngine::Publish(MachineVerdict& verdict, int64_t arrived_ns) {
  verdict.latency_ns = clock_->MonotonicNs() - arrived_ns;
  sink_(verdict);
}

void ScoringEngine::NoticeSilence(Kind& kind, size_t index) {
  const int64_t now_ns = clock_->MonotonicNs();
  const Machine& rows = *kind.subjects[index].rows;
  const int64_t since_ns = now_ns - std::max(rows.arrived_ns(), start_ns_);
  const double silence_s = static_cast<double>(since_ns) / kNsPerS;
  if (kind.silent[index] || silence_s < kind.config.silence_s) return;
  kind.silent[index] = true;
  MachineVerdict verdict = NotEvaluated(
      kind.config.names[index], absl::StrCat("silence: no row for ", std::lround(silence_s), " s"));
  verdict.model = kind.config.model;
  verdict.silence = true;
  verdict.time_ns = clock_->UnixNs();
  verdict.quality = Flag::kMissing;
  Publish(verdict, now_ns - since_ns);
}

void ScoringEngine::Maintain() {
  TakeUpModels();
  const int64_t now_ns = clock_->MonotonicNs();
  size_t machines = 0;
  size_t adapted = 0;
  const size_t first = adapt_next_;
  for (const auto& kind : kinds_) {
    for (size_t i = 0; i < kind->subjects.size(); ++i, ++machines) {
      NoticeSilence(*kind, i);
      // Each takes a millisecond or two, and samples may be waiting.
      if (machines < first || adapted == kAdaptAtATime || kind->thresholds.empty()) continue;
      ++adapted;
      adapt_next_ = machines + 1;
      kind->thresholds[i].Adapt(absl::Nanoseconds(now_ns - kind->adapted_ns[i]));
      kind->adapted_ns[i] = now_ns;
      std::string bytes =
          SaveThreshold(kind->thresholds[i], kind->config, kind->model->package.plan.input);
      if (!bytes.empty()) {
        kind->learnt[i] = std::make_shared<const std::string>(std::move(bytes));
      }
    }
  }
  if (adapted < kAdaptAtATime) adapt_next_ = 0;  // the turn is over
  NoteDrift();
  NoteTally();
}

void ScoringEngine::NoteTally() {
  ScoringTally tally{counts_, {}};
  for (const auto& kind : kinds_) {
    for (const Machine& machine : kind->machines) tally.Add(machine.counts());
  }
  const absl::MutexLock lock(&mutex_);
  tally_ = tally;
}

ScoringTally ScoringEngine::tally() const {
  const absl::MutexLock lock(&mutex_);
  return tally_;
}

}  // namespace millrace
