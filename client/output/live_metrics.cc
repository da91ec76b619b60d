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

  prometheus::Family<Gauge>& AddGauges(const char* name, const char* help) {
    return prometheus::BuildGauge().Name(name).Help(help).Register(registry);
  }

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
  Gauge& waiting =
      AddGauges("millrace_samples_waiting", "Samples between the sources and the scoring.").Add({});
  Gauge& dropped =
      AddGauges("millrace_samples_dropped", "Samples dropped for want of room.").Add({});
  prometheus::Family<Gauge>& states =
      AddGauges("millrace_source_state", "1 for the state that a source is in.");
  prometheus::Family<Gauge>& samples =
      AddGauges("millrace_source_samples", "Samples that a source has handed on.");
  prometheus::Family<Gauge>& refused =
      AddGauges("millrace_source_refused", "Payloads of a source that could not be read.");
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
  families_->latency.Observe(static_cast<double>(verdict.latency_ns) / kNsPerSecond);
}

std::string LiveMetrics::Text(const LiveReading& reading) {
  const absl::MutexLock lock(&mutex_);
  families_->waiting.Set(static_cast<double>(reading.samples_waiting));
  families_->dropped.Set(static_cast<double>(reading.samples_dropped));
  for (const auto& [name, status] : reading.sources) {
    for (const SourceState state : kStates) {
      families_->states.Add({{"source", name}, {"state", std::string(SourceStateName(state))}})
          .Set(state == status.state ? 1 : 0);
    }
    families_->samples.Add({{"source", name}}).Set(static_cast<double>(status.samples));
    families_->refused.Add({{"source", name}}).Set(static_cast<double>(status.refused));
  }
  return prometheus::TextSerializer().Serialize(families_->registry.Collect());
}

}  // namespace millrace
