// SPDX-License-Identifier: Apache-2.0
// From the sensor to the score: a simulated plant publishes to a real broker, a site's own source,
// queue and engine judge what comes, all on one core, while the broker, the plant and a training
// process share the other. `workers` feeds them from memory instead, on all cores. JSON lines.
//
//   bench_live conditions|waveforms|swap|rate|workers|memory
//       [seconds, 30; windows of memory, 10000000] [threads that judge, 1]
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/random.h"
#include "client/inference/scoring_workers.h"
#include "client/live/mqtt_source.h"
#include "models/torch/blas_speed.h"
#include "models/torch/torch_predictor.h"
#include "models/torch/torch_trainer.h"
#include "scripts/plant_simulator/live_machine.h"
#include "tests/testing/broker.h"
#include "tests/testing/process.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

constexpr int kDaemonCore = 0;
constexpr int kOtherCore = 1;
constexpr int64_t kQueueSamples = 1'000'000;

/// The calling thread, and what it starts from now on.
void RunOn(int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  MR_CHECK(sched_setaffinity(0, sizeof(cores), &cores) == 0);
}

double CpuSecondsOfProcess() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

/// What is measured: machines, how they come, and what judges them.
struct LiveCase {
  std::string name;
  int machines = 100;
  int bearings = 8;
  LiveSignals signals = LiveSignals::kConditions;
  double rate_hz = 10;
  int rows = 1;  // of a message
  int64_t window = 10;
  int64_t hop = 1;

  std::vector<std::string> channels() const { return LiveChannelNames(signals, bearings); }
};

const LiveCase kConditions{.name = "conditions"};
const LiveCase kWaveforms{.name = "waveforms",
                          .machines = 1,
                          .signals = LiveSignals::kWaveforms,
                          .rate_hz = 10'000,
                          .rows = 64,
                          .window = 256,
                          .hop = 64};

Plan AutoencoderPlan(const std::vector<std::string>& channels, int64_t window) {
  Plan plan;
  plan.run.name = "bench";
  plan.model.kind = ModelKind::kAutoencoder;
  plan.model.hidden = {64, 16};
  plan.input.channels = channels;
  plan.input.window = window;
  plan.input.normalization = Normalization::kNone;
  return plan;
}

std::shared_ptr<InstalledModel> NewModel(const Plan& plan, uint64_t seed, size_t predictors = 1) {
  auto model = std::make_shared<InstalledModel>();
  model->package.plan = plan;
  model->package.manifest.set_name(plan.run.name);
  model->package.architecture = BuildArchitecture(plan).value();
  model->package.parameters = InitialParameters(model->package.architecture, seed);
  const std::vector<float> input(plan.input.window * plan.input.channels.size());
  while (model->predictors.size() < predictors) {
    model->predictors.push_back(NewTorchPredictor(model->package).value());
    Predictor& predictor = *model->predictors.back();
    std::vector<float> output(predictor.width());
    for (int i = 0; i < 20; ++i) MR_CHECK(predictor.Predict(input, output).ok());
  }
  return model;
}

MachineConfig MachinesOf(const LiveCase& live) {
  MachineConfig config;
  for (int i = 1; i <= live.machines; ++i) config.names.push_back(absl::StrCat("machine-", i));
  config.model = "bench";
  config.rate_hz = live.rate_hz;
  config.hop = live.hop;
  config.threshold = 1e9;
  for (const std::string& name : live.channels()) {
    ChannelConfig& channel = config.channels.emplace_back();
    channel.name = name;
    channel.rate_hz = live.rate_hz;
    channel.rules.min = -1e6;
    channel.rules.max = 1e6;
  }
  return config;
}

/// Times in ms, of verdicts that came between two moments.
struct Latency {
  double p50 = 0, p99 = 0, p999 = 0, most = 0;
  size_t count = 0;

  static Latency Of(std::vector<double> ms) {
    if (ms.empty()) return {};
    std::ranges::sort(ms);
    const auto at = [&](double share) {
      return ms[static_cast<size_t>(share * static_cast<double>(ms.size() - 1))];
    };
    return {at(0.5), at(0.99), at(0.999), ms.back(), ms.size()};
  }
};

/// The daemon's part: a source's thread, and those that score.
class LivePipeline {
 public:
  LivePipeline(const LiveCase& live, int64_t workers, int broker_port, const std::string& folder)
      : live_(live),
        config_(MachinesOf(live)),
        channels_(ChannelNames({config_})),
        workers_({config_}, {workers, kQueueSamples}, Sinks(), SystemLiveClock()) {
    for (const std::string& machine : config_.names) last_ns_[machine] = 0;
    Swap(1);
    MqttConfig mqtt;
    mqtt.host = "127.0.0.1";
    mqtt.port = broker_port;
    mqtt.topics = {"plant/{machine}"};
    mqtt.timing = {live.rate_hz, BlockTime::kFirst};
    if (live.signals == LiveSignals::kConditions) {
      mqtt.format = JsonFormat{.names_channels = true};
    } else {
      mqtt.format = RawFormat{.header = RawHeader::kUnixNs, .channels = live.channels()};
    }
    source_ = std::make_unique<MqttSource>(
        "bench", mqtt, std::vector<ChannelRename>(),
        SourceContext{&channels_, workers_.sink(), SystemLiveClock(), PosixFileSystem(), folder});
    workers_.Start();
    reading_ = std::thread([this] { source_->Run(); });
  }
  ~LivePipeline() {
    source_->Stop();
    workers_.Stop();
    reading_.join();
  }

  /// Another model, ready, between two windows.
  void Swap(uint64_t seed) {
    MR_CHECK(workers_
                 .Use(NewModel(AutoencoderPlan(live_.channels(), live_.window), seed,
                               workers_.PredictorsFor("bench")))
                 .ok());
  }
  /// Milliseconds from the newest sample's arrival to the verdict, of those since the last call.
  std::vector<double> TakeTimes() {
    const absl::MutexLock lock(&mutex_);
    return std::exchange(times_, {});
  }
  int64_t samples() const { return source_->Status().samples; }
  int64_t dropped() const { return workers_.dropped(); }
  int64_t waiting() const { return workers_.waiting(); }
  int64_t windows() const { return windows_; }
  int64_t not_evaluated() const { return not_evaluated_; }
  /// Gaps between one machine's windows that are longer than a hop: windows that were lost.
  int64_t gaps() const { return gaps_; }

 private:
  ScoringSinks Sinks() {
    ScoringSinks sinks;
    sinks.verdict = [this](const MachineVerdict& verdict) { Take(verdict); };
    sinks.drift = [](const ChannelDrift&) {};
    return sinks;
  }
  void Take(const MachineVerdict& verdict) {
    if (verdict.judgement == Judgement::kNotEvaluated) {
      ++not_evaluated_;
      return;
    }
    ++windows_;
    int64_t& last_ns = last_ns_.at(verdict.machine);
    const auto hop_ns = static_cast<int64_t>(static_cast<double>(live_.hop) / live_.rate_hz *
                                             static_cast<double>(kNsPerS));
    if (last_ns != 0 && verdict.time_ns - last_ns > hop_ns + hop_ns / 2) ++gaps_;
    last_ns = verdict.time_ns;
    const absl::MutexLock lock(&mutex_);
    times_.push_back(static_cast<double>(verdict.latency_ns) / 1e6);
  }

  const LiveCase live_;
  const MachineConfig config_;
  const ChannelTable channels_;
  std::map<std::string, int64_t> last_ns_;  // by machine: each its own thread's
  std::atomic<int64_t> windows_ = 0, not_evaluated_ = 0, gaps_ = 0;
  absl::Mutex mutex_;
  std::vector<double> times_ ABSL_GUARDED_BY(mutex_);
  ScoringWorkers workers_;
  std::unique_ptr<MqttSource> source_;
  std::thread reading_;
};

/// Broker, plant and training, on the other core.
class Surroundings {
 public:
  explicit Surroundings(const std::string& folder) : folder_(folder) {
    RunOn(kOtherCore);
    broker_ = std::make_unique<testing::Broker>(
        folder, testing::Broker::Options{"allow_anonymous true\nmax_queued_messages 0"});
    training_ = std::make_unique<testing::Process>(
        std::vector<std::string>{"/proc/self/exe", "train"}, folder + "/training.log");
    RunOn(kDaemonCore);
  }
  int port() const { return broker_->port(); }

  void Start(const LiveCase& live, double speed) {
    plant_.reset();
    RunOn(kOtherCore);
    plant_ = std::make_unique<testing::Process>(
        std::vector<std::string>{
            MILLRACE_PLANT_SIMULATOR, "live", "--mqtt", absl::StrCat(broker_->port()), "--machines",
            absl::StrCat(live.machines), "--bearings", absl::StrCat(live.bearings), "--rate",
            absl::StrCat(live.rate_hz), "--rows", absl::StrCat(live.rows), "--speed",
            absl::StrCat(speed), "--signals",
            live.signals == LiveSignals::kConditions ? "conditions" : "waveforms", "--format",
            live.signals == LiveSignals::kConditions ? "json" : "raw"},
        folder_ + "/plant.log");
    RunOn(kDaemonCore);
  }
  std::string EndPlant() {
    plant_->Signal(SIGTERM);
    plant_->AwaitExit();
    return plant_->Log();
  }

 private:
  const std::string folder_;
  std::unique_ptr<testing::Broker> broker_;
  std::unique_ptr<testing::Process> training_;
  std::unique_ptr<testing::Process> plant_;
};

void PrintLatency(const char* what, const Latency& latency) {
  std::printf(",\"%s_ms\":{\"p50\":%.3f,\"p99\":%.3f,\"p99.9\":%.3f,\"most\":%.2f}", what,
              latency.p50, latency.p99, latency.p999, latency.most);
}

void AwaitWindows(const LivePipeline& pipeline) {
  while (pipeline.windows() == 0) absl::SleepFor(absl::Milliseconds(50));
}

void MeasureLatency(const LiveCase& live, double seconds, int64_t workers) {
  const testing::TemporaryFolder folder;
  Surroundings surroundings(folder.path());
  LivePipeline pipeline(live, workers, surroundings.port(), folder.path());
  surroundings.Start(live, 1);
  AwaitWindows(pipeline);
  absl::SleepFor(absl::Seconds(2));
  pipeline.TakeTimes();
  const int64_t before = pipeline.samples();
  const double cpu = CpuSecondsOfProcess();
  absl::SleepFor(absl::Seconds(seconds));
  const double used = CpuSecondsOfProcess() - cpu;
  const std::vector<double> times = pipeline.TakeTimes();
  std::printf("{\"bench\":\"live\",\"what\":\"%s\",\"samples_per_s\":%.0f,\"windows\":%zu",
              live.name.c_str(), static_cast<double>(pipeline.samples() - before) / seconds,
              times.size());
  PrintLatency("arrival_to_score", Latency::Of(times));
  std::printf(",\"cpu_share\":%.3f,\"dropped\":%lld,\"gaps\":%lld,\"not_evaluated\":%lld}\n",
              used / seconds, static_cast<long long>(pipeline.dropped()),
              static_cast<long long>(pipeline.gaps()),
              static_cast<long long>(pipeline.not_evaluated()));
}

/// A swap every two seconds, each made ready on the daemon's core beside the scoring.
void MeasureSwap(double seconds, int64_t workers) {
  const testing::TemporaryFolder folder;
  Surroundings surroundings(folder.path());
  LivePipeline pipeline(kConditions, workers, surroundings.port(), folder.path());
  surroundings.Start(kConditions, 1);
  AwaitWindows(pipeline);
  absl::SleepFor(absl::Seconds(2));
  pipeline.TakeTimes();
  std::vector<double> calm, swapping;
  const int swaps = std::max(2, static_cast<int>(seconds / 2));
  for (int swap = 0; swap < swaps; ++swap) {
    absl::SleepFor(absl::Seconds(1));
    const std::vector<double> before = pipeline.TakeTimes();
    calm.insert(calm.end(), before.begin(), before.end());
    const absl::Time end = absl::Now() + absl::Seconds(1);
    pipeline.Swap(2 + swap);
    absl::SleepFor(end - absl::Now());
    const std::vector<double> during = pipeline.TakeTimes();
    swapping.insert(swapping.end(), during.begin(), during.end());
  }
  const Latency quiet = Latency::Of(calm);
  const Latency busy = Latency::Of(swapping);
  std::printf("{\"bench\":\"live\",\"what\":\"swap\",\"swaps\":%d,\"windows\":%zu", swaps,
              quiet.count + busy.count);
  PrintLatency("between_swaps", quiet);
  PrintLatency("second_of_a_swap", busy);
  std::printf(",\"p99_ratio\":%.2f,\"dropped\":%lld,\"gaps\":%lld,\"not_evaluated\":%lld}\n",
              busy.p99 / quiet.p99, static_cast<long long>(pipeline.dropped()),
              static_cast<long long>(pipeline.gaps()),
              static_cast<long long>(pipeline.not_evaluated()));
}

/// The plant runs ever faster, until the queue drops or what waits grows beyond a second of it.
void MeasureRate(double seconds, int64_t workers) {
  for (double speed = 1; speed <= 64; speed *= 1.5) {
    const testing::TemporaryFolder folder;
    Surroundings surroundings(folder.path());
    LiveCase live = kConditions;
    live.hop = 10;
    LivePipeline pipeline(live, workers, surroundings.port(), folder.path());
    surroundings.Start(live, speed);
    AwaitWindows(pipeline);
    absl::SleepFor(absl::Seconds(1));
    const int64_t before = pipeline.samples();
    const double cpu = CpuSecondsOfProcess();
    absl::SleepFor(absl::Seconds(seconds));
    const double used = CpuSecondsOfProcess() - cpu;
    const double rate = static_cast<double>(pipeline.samples() - before) / seconds;
    const double offered = 1e5 * speed;
    std::printf(
        "{\"bench\":\"live\",\"what\":\"rate\",\"offered_per_s\":%.0f,\"samples_per_s\":%.0f,"
        "\"cpu_share\":%.3f,\"samples_per_core_s\":%.0f,\"waiting\":%lld,\"dropped\":%lld}\n",
        offered, rate, used / seconds, rate / (used / seconds),
        static_cast<long long>(pipeline.waiting()), static_cast<long long>(pipeline.dropped()));
    std::fflush(stdout);
    if (pipeline.dropped() > 0 || pipeline.waiting() > offered || rate < 0.9 * offered) return;
  }
}

/// A row of 100 machines at a time, from memory, as fast as it is judged.
void MeasureWorkers(double seconds, int64_t workers) {
  LiveCase live = kConditions;
  live.hop = 10;
  const MachineConfig machines = MachinesOf(live);
  std::atomic<int64_t> windows = 0;
  ScoringSinks sinks;
  sinks.verdict = [&](const MachineVerdict&) { ++windows; };
  sinks.drift = [](const ChannelDrift&) {};
  ScoringWorkers scoring({machines}, {workers, 100'000}, sinks, SystemLiveClock());
  const Plan plan = AutoencoderPlan(live.channels(), live.window);
  MR_CHECK(scoring.Use(NewModel(plan, 1, scoring.PredictorsFor("bench"))).ok());
  scoring.Start();
  Random random(1);
  std::vector<Sample> row;
  for (size_t i = 0; i < machines.names.size() * machines.channels.size(); ++i) {
    row.push_back({1'700'000'000 * kNsPerS, static_cast<ChannelIndex>(i),
                   static_cast<float>(random.Normal())});
  }
  const absl::Time end = absl::Now() + absl::Seconds(seconds);
  const double cpu = CpuSecondsOfProcess();
  int64_t samples = 0;
  while (absl::Now() < end) {
    for (Sample& sample : row) sample.time_ns += kNsPerS / 10;
    while (!scoring.sink()->AwaitRoom(row, absl::Seconds(1))) {
    }
    scoring.sink()->Accept({SystemLiveClock()->MonotonicNs(), row});
    samples += static_cast<int64_t>(row.size());
  }
  const double used = CpuSecondsOfProcess() - cpu;
  samples -= scoring.waiting();
  std::printf(
      "{\"bench\":\"live\",\"what\":\"workers\",\"workers\":%zu,\"samples_per_s\":%.0f,"
      "\"windows_per_s\":%.0f,\"cpu_share\":%.3f,\"dropped\":%lld}\n",
      scoring.size(), static_cast<double>(samples) / seconds,
      static_cast<double>(windows) / seconds, used / seconds,
      static_cast<long long>(scoring.dropped()));
}

int64_t ResidentKib() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word != "VmRSS:") continue;
    int64_t kib = 0;
    status >> kib;
    return kib;
  }
  return 0;
}

/// An engine of 1,000 machines fed from memory; its resident memory after each tenth.
void MeasureMemory(int64_t windows) {
  LiveCase live{.name = "memory", .machines = 1000, .bearings = 8};
  live.signals = LiveSignals::kWaveforms;  // 8 channels a machine
  live.rate_hz = 10;
  live.window = 8;
  live.hop = 1;
  const MachineConfig machines = MachinesOf(live);
  ScoringEngine engine({machines}, SystemLiveClock(), [](const MachineVerdict&) {});
  MR_CHECK(engine.Use(NewModel(AutoencoderPlan(live.channels(), live.window), 1)).ok());
  Random random(1);
  std::vector<float> values(100'003);
  for (float& value : values) value = static_cast<float>(random.Normal());
  size_t next = 0;
  const auto channels = static_cast<ChannelIndex>(8 * live.machines);
  int64_t printed = 0;
  for (int64_t row = 0; engine.counts().windows < windows; ++row) {
    SampleBatch batch{SystemLiveClock()->MonotonicNs(), {}};
    for (ChannelIndex channel = 0; channel < channels; ++channel) {
      batch.samples.push_back(
          {1'700'000'000 * kNsPerS + row * kNsPerS / 10, channel, values[next++ % values.size()]});
    }
    engine.Process(batch);
    engine.ScoreDue();
    if (row % 100 == 0) engine.Maintain();
    if (engine.counts().windows < printed) continue;
    printed += windows / 10;
    std::printf("{\"bench\":\"live\",\"what\":\"memory\",\"windows\":%lld,\"rss_kib\":%lld}\n",
                static_cast<long long>(engine.counts().windows),
                static_cast<long long>(ResidentKib()));
    std::fflush(stdout);
  }
}

/// What a site's training process does, until it is killed.
[[noreturn]] void TrainForever() {
  MR_CHECK(nice(19) != -1);
  Plan plan = AutoencoderPlan({"a", "b", "c", "d"}, 64);
  plan.label.kind = LabelKind::kNone;
  plan.training.epochs = 1000;
  Series series{"unit", 20'000, std::vector<float>(80'000), {}, {}};
  Random random(1);
  for (float& value : series.values) value = static_cast<float>(random.Normal());
  const Dataset data = AllWindows(plan, {series});
  const Architecture architecture = BuildArchitecture(plan).value();
  const std::vector<float> parameters = InitialParameters(architecture, 1);
  const auto trainer = NewTorchTrainer(plan, architecture, {.threads = 1}).value();
  while (true) {
    TrainingRequest request;
    request.parameters = parameters;
    request.training = &data;
    request.on_progress = [](const TrainingProgress&) { return true; };
    MR_CHECK(trainer->Train(request).ok());
  }
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  double amount = what == "memory" ? 1e7 : 30;
  int64_t workers = 1;
  const auto usage = [] {
    std::fprintf(stderr, "usage: bench_live WHAT [seconds | windows] [workers]\n");
    return 2;
  };
  if (argc > 2 && (!absl::SimpleAtod(argv[2], &amount) || !(amount >= 1))) return usage();
  if (argc > 3 && (!absl::SimpleAtoi(argv[3], &workers) || workers < 1)) return usage();
  if (what == "train") millrace::TrainForever();
  millrace::WarnIfBlasIsSlow();
  if (what == "workers") {
    millrace::MeasureWorkers(amount, workers);
    return 0;
  }
  millrace::RunOn(millrace::kDaemonCore);
  if (what == "conditions") {
    millrace::MeasureLatency(millrace::kConditions, amount, workers);
  } else if (what == "waveforms") {
    millrace::MeasureLatency(millrace::kWaveforms, amount, workers);
  } else if (what == "swap") {
    millrace::MeasureSwap(amount, workers);
  } else if (what == "rate") {
    millrace::MeasureRate(std::min(amount, 10.0), workers);
  } else if (what == "memory") {
    millrace::MeasureMemory(static_cast<int64_t>(amount));
  } else {
    return usage();
  }
  return 0;
}
