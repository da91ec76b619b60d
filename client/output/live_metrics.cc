// SPDX-License-Identifier: Apache-2.0
#include "client/output/live_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <array>

#include "client/output/verdict_json.h"

namespace millrace {
namespace {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;

const Histogram::BucketBoundaries kLatencySeconds = {0.0001, 0.0003, 0.001, 0.003, 0.01,
                                                     0.03,   0.1,    0.3,   1,     10};
constexpr double kNsPerSecond = 1e9;
constexpr SourceState kStates[] = {SourceState::kConnecting, SourceState::kLive,
                                   SourceState::kStale, SourceState::kFailed, SourceState::kDone};
constexpr Judgement kJudgements[] = {Judgement::kNotEvaluated, Judgement::kNormal,
                                     Judgement::kAlarm};

}  // namespace

struct LiveMetrics::Families {
  prometheus::Registry registry;

  prometheus::Family<Counter>& verdicts = prometheus::BuildCounter()
                                              .Name("millrace_verdicts_total")
                                              .Help("Verdicts on machines, by what they say.")
                                              .Register(registry);
  std::array<Counter*, 3> by_judgement;
  Histogram& latency = prometheus::BuildHistogram()
                           .Name("millrace_verdict_seconds")
                           .Help("From the arrival of a window's newest sample to its verdict.")
                           .Register(registry)
                           .Add({}, kLatencySeconds);
};

LiveMetrics::LiveMetrics() : families_(std::make_unique<Families>()) {
  for (const Judgement judgement : kJudgements) {
    families_->by_judgement[static_cast<size_t>(judgement)] =
        &families_->verdicts.Add({{"verdict", std::string(NameOf(judgement))}});
  }
}

LiveMetrics::~LiveMetrics() = default;

void LiveMetrics::Count(const MachineVerdict& verdict) {
  families_->by_judgement[static_cast<size_t>(verdict.judgement)]->Increment();
  if (verdict.silence) return;  // nothing came that could have been late
  families_->latency.Observe(static_cast<double>(verdict.latency_ns) / kNsPerSecond);
}

std::string LiveMetrics::Text(const LiveReading& reading) const {
  prometheus::Registry now;  // of its own, so that what is gone from the site is gone from here
  const auto gauges = [&now](const char* name, const char* help) -> prometheus::Family<Gauge>& {
    return prometheus::BuildGauge().Name(name).Help(help).Register(now);
  };
  const auto set = [](prometheus::Family<Gauge>& family, const prometheus::Labels& labels,
                      double value) { family.Add(labels).Set(value); };
  set(gauges("millrace_samples_waiting", "Samples between the sources and the scoring."), {},
      static_cast<double>(reading.samples_waiting));
  set(gauges("millrace_samples_dropped", "Samples dropped for want of room."), {},
      static_cast<double>(reading.samples_dropped));
  set(gauges("millrace_verdict_p99_seconds", "99th percentile of the last ten seconds' verdicts."),
      {}, reading.p99_ns.value_or(0) / kNsPerSecond);
  set(gauges("millrace_recent_rows_bytes",
             "Values and flags of rows that are kept in memory for the next model's thresholds."),
      {}, static_cast<double>(reading.recent_bytes));
  set(gauges("millrace_training_held", "1 while training stands still for the verdicts' sake."), {},
      reading.training_held ? 1 : 0);
  const TimeGridCounts& rows = reading.tally.rows;
  auto& unused = gauges("millrace_samples_unused", "Samples that came, and are in no row.");
  set(unused, {{"why", "late"}}, static_cast<double>(rows.late));
  set(unused, {{"why", "early"}}, static_cast<double>(rows.early));
  set(unused, {{"why", "duplicate"}}, static_cast<double>(rows.duplicates));
  set(gauges("millrace_rows_restarted", "Times that a machine's rows began anew elsewhere."), {},
      static_cast<double>(rows.restarts));
  const EngineCounts& engine = reading.tally.engine;
  auto& windows = gauges("millrace_windows", "Windows that were due, by what became of them.");
  set(windows, {{"what", "scored"}}, static_cast<double>(engine.windows));
  set(windows, {{"what", "unusable"}}, static_cast<double>(engine.unusable));
  set(windows, {{"what", "not_finite"}}, static_cast<double>(engine.not_finite));
  set(windows, {{"what", "failed"}}, static_cast<double>(engine.model_errors));
  auto& states = gauges("millrace_source_state", "1 for the state that a source is in.");
  auto& samples = gauges("millrace_source_samples", "Samples that a source has handed on.");
  auto& refused = gauges("millrace_source_refused", "Payloads of a source that could not be read.");
  auto& messages = gauges("millrace_source_messages", "Messages, polls or rows of a source.");
  auto& reconnects = gauges("millrace_source_reconnects", "Connections after the first.");
  auto& unknown = gauges("millrace_source_unknown_values", "Of channels that the site knows not.");
  auto& last = gauges("millrace_source_last_seconds", "Unix time of a source's last samples.");
  for (const auto& [name, status] : reading.sources) {
    set(messages, {{"source", name}}, static_cast<double>(status.messages));
    set(reconnects, {{"source", name}}, static_cast<double>(status.reconnects));
    set(unknown, {{"source", name}}, static_cast<double>(status.unknown_values));
    set(last, {{"source", name}}, static_cast<double>(status.last_unix_ns) / kNsPerSecond);
    for (const SourceState state : kStates) {
      set(states, {{"source", name}, {"state", std::string(SourceStateName(state))}},
          status.state == state ? 1 : 0);
    }
    set(samples, {{"source", name}}, static_cast<double>(status.samples));
    set(refused, {{"source", name}}, static_cast<double>(status.refused));
  }
  auto& up = gauges("millrace_output_up", "1 while an output is connected or listens.");
  auto& told = gauges("millrace_output_told", "Verdicts handed on, or requests answered.");
  auto& lost = gauges("millrace_output_dropped", "Verdicts of an output dropped for want of room.");
  auto& peers = gauges("millrace_output_peers", "Connections to an output.");
  auto& turned_away = gauges("millrace_output_refused", "Connections that were turned away.");
  for (const auto& [name, status] : reading.outputs) {
    set(up, {{"output", name}}, status.up ? 1 : 0);
    set(told, {{"output", name}}, static_cast<double>(status.told));
    set(lost, {{"output", name}}, static_cast<double>(status.dropped));
    set(peers, {{"output", name}}, static_cast<double>(status.peers));
    set(turned_away, {{"output", name}}, static_cast<double>(status.refused));
  }
  const prometheus::TextSerializer serializer;
  return serializer.Serialize(families_->registry.Collect()) + serializer.Serialize(now.Collect());
}

}  // namespace millrace
