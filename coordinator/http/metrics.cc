// SPDX-License-Identifier: Apache-2.0
#include "coordinator/http/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "absl/base/thread_annotations.h"
#include "absl/strings/ascii.h"
#include "absl/synchronization/mutex.h"

namespace millrace {
namespace {

using prometheus::BuildCounter;
using prometheus::BuildGauge;
using prometheus::BuildHistogram;
using prometheus::Counter;
using prometheus::Gauge;
using prometheus::Histogram;

const Histogram::BucketBoundaries kRoundSeconds = {1,   5,   10,   30,   60,    120,
                                                   300, 600, 1800, 3600, 14400, 86400};
const Histogram::BucketBoundaries kAggregationSeconds = {0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100};

/// Resident memory of this process; 0 where the system does not say.
double ResidentBytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t total = 0;
  int64_t resident = 0;
  statm >> total >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

const char* NameOf(RunPhase phase) {
  switch (phase) {
    case RunPhase::kRunning:
      return "running";
    case RunPhase::kFinished:
      return "finished";
    case RunPhase::kFailed:
      return "failed";
    case RunPhase::kStopped:
      return "stopped";
  }
  return "";
}

/// "resource_exhausted", ...: few enough for a label.
std::string CodeOf(const absl::Status& status) {
  return absl::AsciiStrToLower(absl::StatusCodeToString(status.code()));
}

}  // namespace

struct Metrics::Families {
  prometheus::Registry registry;

  Gauge& AddGauge(const char* name, const char* help) {
    return BuildGauge().Name(name).Help(help).Register(registry).Add({});
  }
  Counter& AddCounter(const char* name, const char* help) {
    return BuildCounter().Name(name).Help(help).Register(registry).Add({});
  }
  Histogram& AddHistogram(const char* name, const char* help,
                          const Histogram::BucketBoundaries& bounds) {
    return BuildHistogram().Name(name).Help(help).Register(registry).Add({}, bounds);
  }

  /// Forgets the models of the last scrape: what sites call them is bounded at a time only.
  void SetDrift(const std::map<std::string, int64_t>& sites_in_drift) {
    const absl::MutexLock lock(&drift_mutex);
    for (Gauge* const gauge : drift_gauges) in_drift.Remove(gauge);
    drift_gauges.clear();
    for (const auto& [model, sites] : sites_in_drift) {
      Gauge& gauge = in_drift.Add({{"model", model}});
      gauge.Set(static_cast<double>(sites));
      drift_gauges.push_back(&gauge);
    }
  }

  // Counted on the way.
  Counter& accepted = AddCounter("millrace_updates_accepted_total", "Updates counted in.");
  prometheus::Family<Counter>& refused = BuildCounter()
                                             .Name("millrace_updates_refused_total")
                                             .Help("Updates refused, by status code.")
                                             .Register(registry);
  Counter& bytes_up =
      AddCounter("millrace_update_bytes_total", "Bytes of the updates that were counted in.");
  Counter& bytes_down =
      AddCounter("millrace_model_bytes_total", "Bytes of models that went out to sites.");
  prometheus::Family<Histogram>& round_seconds =
      BuildHistogram()
          .Name("millrace_round_seconds")
          .Help("From the opening of a round to its end, by how it ended.")
          .Register(registry);
  Histogram& committed = round_seconds.Add({{"end", "committed"}}, kRoundSeconds);
  Histogram& abandoned = round_seconds.Add({{"end", "abandoned"}}, kRoundSeconds);
  Histogram& aggregation_seconds =
      AddHistogram("millrace_aggregation_seconds", "From a closed round to the next model on disk.",
                   kAggregationSeconds);

  // Read at a scrape.
  prometheus::Family<Gauge>& runs =
      BuildGauge().Name("millrace_runs").Help("Runs, by phase.").Register(registry);
  Gauge& held_up =
      AddGauge("millrace_runs_held_up", "Running runs that something keeps from going on.");
  Gauge& open_rounds = AddGauge("millrace_rounds_open", "Rounds that are open or aggregated.");
  Gauge& events = AddGauge("millrace_events", "Events of all runs in the store.");
  Gauge& sites = AddGauge("millrace_sites_present", "Sites that wait for work or do it.");
  prometheus::Family<Gauge>& in_drift = BuildGauge()
                                            .Name("millrace_sites_in_drift")
                                            .Help("Present sites that report drift of the model.")
                                            .Register(registry);
  absl::Mutex drift_mutex;
  std::vector<Gauge*> drift_gauges ABSL_GUARDED_BY(drift_mutex);  // of the last scrape
  Gauge& waiting =
      AddGauge("millrace_runs_waiting_for_drift", "Running runs that wait for drift to begin.");
  Gauge& writable = AddGauge("millrace_storage_writable",
                             "1 while something new is taken, 0 while the disk keeps it out.");
  Gauge& free_bytes =
      AddGauge("millrace_storage_free_bytes", "Free space where the state folder lies.");
  Gauge& faults = AddGauge("millrace_storage_faults", "Writes that have failed since the start.");
  Gauge& resident =
      AddGauge("process_resident_memory_bytes", "Resident memory of the coordinator's process.");
};

Metrics::Metrics() : families_(std::make_unique<Families>()) {}
Metrics::~Metrics() = default;

void Metrics::UpdateEnded(const absl::Status& status, int64_t bytes) {
  if (!status.ok()) {
    families_->refused.Add({{"code", CodeOf(status)}}).Increment();
    return;
  }
  families_->accepted.Increment();
  families_->bytes_up.Increment(static_cast<double>(bytes));
}

void Metrics::Downloaded(int64_t bytes) {
  families_->bytes_down.Increment(static_cast<double>(bytes));
}

void Metrics::RoundEnded(bool committed, absl::Duration open) {
  (committed ? families_->committed : families_->abandoned).Observe(absl::ToDoubleSeconds(open));
}

void Metrics::Aggregated(absl::Duration taken) {
  families_->aggregation_seconds.Observe(absl::ToDoubleSeconds(taken));
}

std::string Metrics::Text(const MetricsReading& reading) {
  Families& families = *families_;
  std::map<RunPhase, int64_t> phases = {{RunPhase::kRunning, 0},
                                        {RunPhase::kFinished, 0},
                                        {RunPhase::kFailed, 0},
                                        {RunPhase::kStopped, 0}};
  int64_t held_up = 0;
  int64_t waiting = 0;
  int64_t open = 0;
  int64_t events = 0;
  for (const RunState& run : reading.runs) {
    ++phases[run.phase];
    const bool waits = run.phase == RunPhase::kRunning && run.WaitsForDrift() && !run.faulty;
    waiting += waits ? 1 : 0;
    held_up += run.phase == RunPhase::kRunning && !waits && !run.held_up.empty() ? 1 : 0;
    open += run.phase == RunPhase::kRunning && run.Current() != nullptr ? 1 : 0;
    events += run.events;
  }
  const auto set = [](Gauge& gauge, int64_t value) { gauge.Set(static_cast<double>(value)); };
  for (const auto& [phase, count] : phases) {
    set(families.runs.Add({{"phase", NameOf(phase)}}), count);
  }
  set(families.held_up, held_up);
  set(families.open_rounds, open);
  set(families.events, events);
  set(families.sites, reading.sites_present);
  set(families.waiting, waiting);
  families.SetDrift(reading.sites_in_drift);
  set(families.writable, reading.storage.writable ? 1 : 0);
  set(families.free_bytes, reading.storage.free_bytes);
  set(families.faults, reading.storage.faults);
  families.resident.Set(ResidentBytes());
  return prometheus::TextSerializer().Serialize(families.registry.Collect());
}

}  // namespace millrace
