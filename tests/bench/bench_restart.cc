// SPDX-License-Identifier: Apache-2.0
// A site's daemon that is killed while it judges, records and captures what a real broker brings,
// and is started again: prints, as a JSON line per kill, seconds from the start of the program
// until its first line, until its model serves and until its first verdict, beside what a bare
// process takes right before that loads LibTorch and the same package and judges one window; and
// last, what was lost of the recordings and captures.
//
//   bench_restart [--client PATH] [--kills N] [--window W] [--hop H] [--hidden A B ...]

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/file_system.h"
#include "client/capture/capture_folder.h"
#include "client/release/model_folder.h"
#include "client/store/store_reader.h"
#include "models/torch/torch_predictor.h"
#include "tests/testing/broker.h"
#include "tests/testing/eventually.h"
#include "tests/testing/lone_site.h"
#include "tests/testing/process.h"
#include "tests/testing/temporary_folder.h"
#include "tests/testing/toy_package.h"

namespace millrace {
namespace {

using testing::Eventually;
using testing::Process;

constexpr absl::Duration kRowPeriod = absl::Milliseconds(10);
constexpr absl::Duration kUndisturbed = absl::Seconds(4);  // between a verdict and the next kill
// Of a model that is new: killed more than twice within it, the daemon gives the model up.
constexpr absl::Duration kTrial = absl::Seconds(62);

struct RestartArguments {
  std::string client;
  int kills = 20;
  int window = 10;
  int hop = 1;
  std::vector<int> hidden = {64, 16};
};

std::string PlanOfRestarts(const RestartArguments& arguments) {
  return absl::StrCat(R"([run]
name = "pumps"
[cohort]
target = 4
minimum = 4
[model]
kind = "autoencoder"
hidden = [)",
                      absl::StrJoin(arguments.hidden, ", "), R"(]
[input]
channels = ["tick", "load"]
window = )",
                      arguments.window, R"(
normalization = "none"
[label]
kind = "none"
)");
}

std::string PackageOfRestarts(const RestartArguments& arguments) {
  const std::string text = PlanOfRestarts(arguments);
  const Plan plan = ParsePlan(text).value();
  const Architecture architecture = BuildArchitecture(plan).value();
  const std::vector<float> parameters = InitialParameters(architecture, 1);
  const absl::string_view bytes(reinterpret_cast<const char*>(parameters.data()),
                                parameters.size() * sizeof(float));
  v1::PackageManifest manifest = ManifestOf(text, plan, architecture, nullptr, Sha256Of(bytes));
  manifest.set_version(1);
  return testing::PackageBytes(manifest, parameters);
}

/// Every window is an alarm, so that the first verdict is in the log. The broker keeps what comes
/// while the site is away.
std::string SiteOfRestarts(int broker_port, int hop) {
  return absl::StrCat(testing::kLoneSite, R"([data]
kind = "store"
[release]
signatures = 0
[serving]
budget_p99_ms = 0
[store]
[capture]
before_s = 1
after_s = 1
refractory_s = 1
[[source]]
name = "plant"
kind = "mqtt"
host = "127.0.0.1"
port = )",
                      broker_port, R"(
client_id = "edge"
qos = 1
format = "json"
topics = ["plant/{machine}"]
channels_in_payload = true
[[machine]]
names = ["pump-1"]
model = "pumps"
rate_hz = 100
threshold = 1e-9
hop = )",
                      hop, R"(
[[machine.channel]]
name = "tick"
[[machine.channel]]
name = "load"
)");
}

/// A machine that tells its state 100 times a second, with the number of the row as a channel.
class TickingMachine {
 public:
  explicit TickingMachine(int broker_port) : publisher_(broker_port), thread_([this] { Run(); }) {}
  ~TickingMachine() { Stop(); }

  /// How many rows there were.
  int64_t Stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
    return rows_;
  }
  absl::Time TimeOf(int64_t row) const { return begin_ + row * kRowPeriod; }

 private:
  void Run() {
    while (!stopping_) {
      const int64_t row = rows_;
      absl::SleepFor(TimeOf(row) - absl::Now());
      publisher_.Publish(
          "plant/pump-1",
          absl::StrCat(R"({"timestamp":)", absl::ToUnixMillis(TimeOf(row)), R"(,"tick":)", row,
                       R"(,"load":)", std::sin(0.01 * row), "}"));
      rows_ = row + 1;
    }
  }

  // In whole periods, as the site's rows are.
  const absl::Time begin_ = absl::FromUnixSeconds(absl::ToUnixSeconds(absl::Now()) + 1);
  std::atomic<int64_t> rows_ = 0;
  std::atomic<bool> stopping_ = false;
  testing::Publisher publisher_;
  std::thread thread_;
};

/// When a daemon said this first; none: it has not.
std::optional<absl::Time> WhenItSaid(const Process& daemon, absl::string_view event) {
  for (const absl::string_view line : absl::StrSplit(daemon.Log(), '\n')) {
    const nlohmann::json said = nlohmann::json::parse(line, nullptr, false);
    if (!said.is_object() || !said.contains("time_ms")) continue;
    if (!event.empty() && said.value("event", "") != event) continue;
    return absl::FromUnixMillis(said["time_ms"].get<int64_t>());
  }
  return std::nullopt;
}

/// A daemon that is killed and started again on the same folder.
class RestartedDaemon {
 public:
  RestartedDaemon(std::string client, std::string folder)
      : client_(std::move(client)), folder_(std::move(folder)) {}

  struct Start {
    double to_first_line = 0;
    double to_model = 0;
    double to_verdict = 0;
  };
  Start StartAndAwaitVerdict() {
    const absl::Time begin = absl::Now();
    process_ = std::make_unique<Process>(
        std::vector<std::string>{client_, "run", "--config", folder_ + "/site.toml"},
        absl::StrCat(folder_, "/daemon-", ++starts_, ".log"));
    if (!Eventually([&] { return WhenItSaid(*process_, "alarm").has_value(); })) {
      std::fprintf(stderr, "no verdict:\n%s\n", process_->Log().c_str());
      std::exit(1);
    }
    const auto seconds_to = [&](absl::string_view event) {
      return absl::ToDoubleSeconds(WhenItSaid(*process_, event).value_or(begin) - begin);
    };
    return {seconds_to(""), seconds_to("model serves"), seconds_to("alarm")};
  }
  /// The moment of its death.
  absl::Time Kill() {
    process_->Kill();
    return absl::Now();
  }
  void Stop() {
    process_->Signal(SIGTERM);
    MR_CHECK(process_->AwaitExit() == 0);
  }

 private:
  const std::string client_;
  const std::string folder_;
  int starts_ = 0;
  std::unique_ptr<Process> process_;
};

/// What `ScoreOnce` takes, started as the daemon is.
double BareSeconds(const std::string& folder, int turn) {
  const absl::Time begin = absl::Now();
  Process bare({"/proc/self/exe", "score", folder + "/package.mrp"},
               absl::StrCat(folder, "/bare-", turn, ".log"));
  MR_CHECK(bare.AwaitExit() == 0);
  int64_t end_ms = 0;
  MR_CHECK(absl::SimpleAtoi(bare.Log(), &end_ms));
  return absl::ToDoubleSeconds(absl::FromUnixMillis(end_ms) - begin);
}

[[noreturn]] void ScoreOnce(const std::string& path) {
  const ModelPackage package = ReadPackage(PosixFileSystem(), path).value();
  const std::unique_ptr<Predictor> predictor = NewTorchPredictor(package).value();
  const InputPlan& input = package.plan.input;
  const std::vector<float> window(input.window * input.channels.size());
  std::vector<float> output(predictor->width());
  MR_CHECK(predictor->Predict(window, output).ok());
  std::printf("%lld\n", static_cast<long long>(absl::ToUnixMillis(absl::Now())));
  std::fflush(stdout);
  _exit(0);  // its end is not measured
}

std::set<int64_t> RecordedTicks(const std::string& folder) {
  std::set<int64_t> ticks;
  const StoreReader store = StoreReader::Open(PosixFileSystem(), folder).value();
  store.Read("pump-1", 0, std::numeric_limits<int64_t>::max(), [&](const StoredRows& rows) {
    for (size_t i = 0; i < rows.values.size(); i += rows.channels.size()) {
      if (std::isfinite(rows.values[i])) ticks.insert(std::llround(rows.values[i]));
    }
  });
  return ticks;
}

std::set<std::string> CapturesIn(const std::string& folder) {
  const std::vector<CaptureEntry> entries = CaptureFolder(PosixFileSystem(), folder).List().value();
  std::set<std::string> ids;
  for (const CaptureEntry& entry : entries) ids.insert(entry.id);
  return ids;
}

nlohmann::json MedianAndMost(std::vector<double> seconds) {
  std::ranges::sort(seconds);
  return {{"median", seconds[seconds.size() / 2]}, {"most", seconds.back()}};
}

void Print(const nlohmann::json& line) {
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

void MeasureRestarts(const RestartArguments& arguments) {
  const testing::TemporaryFolder folder;
  const std::string package = PackageOfRestarts(arguments);
  MR_CHECK(WriteFileDurably(PosixFileSystem(), folder.path() + "/package.mrp", package).ok());
  const testing::Broker broker(folder.path(), {});
  std::ofstream(folder.path() + "/site.toml") << SiteOfRestarts(broker.port(), arguments.hop);
  const std::string state = folder.path() + "/state";
  MR_CHECK(ModelFolder(PosixFileSystem(), state, "pumps").Stage(package).ok());

  TickingMachine machine(broker.port());
  RestartedDaemon daemon(arguments.client, folder.path());
  daemon.StartAndAwaitVerdict();
  absl::SleepFor(kTrial);
  std::vector<absl::Time> kills;
  std::set<std::string> captures;
  std::vector<double> to_verdict, bare;
  for (int i = 0; i < arguments.kills; ++i) {
    absl::SleepFor(kUndisturbed);
    captures.merge(CapturesIn(state + "/captures"));
    kills.push_back(daemon.Kill());
    bare.push_back(BareSeconds(folder.path(), i));
    const RestartedDaemon::Start start = daemon.StartAndAwaitVerdict();
    to_verdict.push_back(start.to_verdict);
    Print({{"bench", "restart"},
           {"seconds_to_first_line", start.to_first_line},
           {"seconds_to_model", start.to_model},
           {"seconds_to_verdict", start.to_verdict},
           {"bare_seconds", bare.back()}});
  }
  absl::SleepFor(kUndisturbed);
  const int64_t rows = machine.Stop();
  absl::SleepFor(absl::Seconds(1));
  daemon.Stop();

  const std::set<int64_t> recorded = RecordedTicks(state + "/recordings");
  const std::set<std::string> kept = CapturesIn(state + "/captures");
  int64_t lost = 0, lost_long_before = 0;
  for (int64_t row = *recorded.begin(); row < rows; ++row) {
    if (recorded.contains(row)) continue;
    ++lost;
    const bool just_before = std::ranges::any_of(kills, [&](absl::Time kill) {
      return machine.TimeOf(row) > kill - absl::Seconds(1) && machine.TimeOf(row) <= kill;
    });
    if (!just_before) ++lost_long_before;
  }
  const auto captures_lost =
      std::ranges::count_if(captures, [&](const auto& id) { return !kept.contains(id); });
  Print({{"bench", "restart"},
         {"kills", kills.size()},
         {"package_bytes", package.size()},
         {"seconds_to_verdict", MedianAndMost(to_verdict)},
         {"bare_seconds", MedianAndMost(bare)},
         {"rows", rows - *recorded.begin()},
         {"rows_lost_of_the_last_second", lost - lost_long_before},
         {"rows_lost_beyond_it", lost_long_before},
         {"captures", kept.size()},
         {"captures_lost", captures_lost}});
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  if (argc == 3 && std::string(argv[1]) == "score") millrace::ScoreOnce(argv[2]);
  CLI::App app("How soon a killed site judges again, and what it has lost.");
  millrace::RestartArguments arguments;
  arguments.client = (std::filesystem::path(argv[0]).parent_path() / "millrace-client").string();
  app.add_option("--client", arguments.client, "the program to measure");
  app.add_option("--kills", arguments.kills)->check(CLI::PositiveNumber);
  app.add_option("--window", arguments.window, "rows, of two channels, 100 a second")
      ->check(CLI::PositiveNumber);
  app.add_option("--hop", arguments.hop, "rows from one verdict to the next")
      ->check(CLI::PositiveNumber);
  app.add_option("--hidden", arguments.hidden, "of the autoencoder")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  millrace::MeasureRestarts(arguments);
}
