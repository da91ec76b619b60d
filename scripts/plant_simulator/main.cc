// SPDX-License-Identifier: Apache-2.0
// millrace-plant-simulator: data sets of simulated plants as files, or a plant that runs now and
// publishes its machines' sensors over MQTT, Modbus TCP and growing files.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "base/status.h"
#include "base/stop_signals.h"
#include "scripts/plant_simulator/plant_set.h"
#include "scripts/plant_simulator/run_live.h"

namespace millrace {
namespace {

constexpr int kExitUsage = 2;

struct SetArguments {
  PlantSetOptions options;
  std::string kind = "life";
};

struct LiveArguments {
  LiveOptions options;
  std::vector<std::string> wears;
  std::vector<std::string> sensor_faults;
};

void AddSetOptions(CLI::App& app, SetArguments& arguments) {
  PlantSetOptions& options = arguments.options;
  app.add_option("--out", options.out, "Folder to write to; needed without a subcommand");
  app.add_option("--kind", arguments.kind,
                 "life: run-to-failure tables; vibration: labelled waveforms at 12 kHz")
      ->check(CLI::IsMember({"life", "vibration"}))
      ->capture_default_str();
  app.add_option("--plants", options.plants, "Number of plants")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--machines", options.machines, "life: machines run to failure, per plant")
      ->check(CLI::Range(2, 100000))
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "vibration: length of each recording")
      ->check(CLI::Range(0.1, 600.0))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "The same seed gives the same files")
      ->capture_default_str();
}

void AddPlantOptions(CLI::App& live, LiveArguments& arguments) {
  LivePlantOptions& plant = arguments.options.plant;
  live.add_option("--plant", plant.plant, "Which plant: its bearings and what they run through")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  live.add_option("--machines", plant.machines, "machine-1, machine-2, ...")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  live.add_option("--bearings", plant.bearings, "Of each machine")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  const std::map<std::string, LiveSignals> signals = {{"conditions", LiveSignals::kConditions},
                                                      {"waveforms", LiveSignals::kWaveforms}};
  live.add_option("--signals", plant.signals,
                  "conditions: 4 channels of the machine and 12 of each bearing; waveforms: the "
                  "acceleration at each bearing")
      ->transform(CLI::CheckedTransformer(signals));
  live.add_option("--rate", plant.rate_hz, "Rows a second")
      ->check(CLI::Range(0.01, 1e6))
      ->capture_default_str();
  live.add_option("--rows", plant.rows, "Rows of one message")
      ->check(CLI::Range(1, 100000))
      ->capture_default_str();
  live.add_option("--seed", plant.seed, "The same seed gives the same values")
      ->capture_default_str();
  live.add_option("--day", plant.day, "The same machines on another day: other regimes and noise")
      ->capture_default_str();
  live.add_option("--wear", arguments.wears,
                  "MACHINE:BEARING:outer|inner|ball@ONSET:FAILURE, in seconds since the start; "
                  "several times");
  live.add_option("--sensor-fault", arguments.sensor_faults,
                  "MACHINE/CHANNEL:KIND@BEGIN:END, KIND one of stuck, dropout, spike=SIZE, "
                  "drift=SIZE (a second), offset=SIZE; several times");
}

void AddFeedOptions(CLI::App& live, LiveOptions& options) {
  live.add_option("--seconds", options.seconds, "Simulated; 0: until it is stopped")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  live.add_option("--speed", options.speed, "Simulated seconds in a second; 0: as fast as it goes")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  live.add_option_function<int>(
      "--mqtt",
      [&options](int port) {
        options.mqtt = true;
        options.broker.port = port;
      },
      "Publishes to the broker on this port");
  live.add_option("--mqtt-host", options.broker.host, "Of the broker")->capture_default_str();
  live.add_option("--topic", options.broker.prefix, "Messages have the topic TOPIC/MACHINE")
      ->capture_default_str();
  const std::map<std::string, BlockFormat> formats = {{"json", BlockFormat::kJson},
                                                      {"raw", BlockFormat::kRaw}};
  live.add_option("--format", options.broker.format,
                  "Of the messages: json, or raw: int64 time in ns and float32 values")
      ->transform(CLI::CheckedTransformer(formats));
  live.add_option("--modbus", options.modbus_port,
                  "Serves the newest values on this port of 127.0.0.1, machine m as unit m; 0: a "
                  "free one")
      ->check(CLI::Range(0, 65535));
  live.add_option("--out", options.folder, "Folder of tables, MACHINE.csv, that grow");
}

absl::Status WriteSet(const SetArguments& arguments) {
  FileSystem* const files = PosixFileSystem();
  MR_RETURN_IF_ERROR(arguments.kind == "life" ? WriteLifeSet(arguments.options, files)
                                              : WriteVibrationSet(arguments.options, files));
  std::printf("%d plants written to %s; site_<plant>.toml has each one's [data] and [test]\n",
              arguments.options.plants, arguments.options.out.c_str());
  return absl::OkStatus();
}

absl::Status Live(LiveArguments& arguments) {
  const StopSignals signals;
  LiveOptions& options = arguments.options;
  for (const std::string& text : arguments.wears) {
    MR_ASSIGN_OR_RETURN(Wear wear, ParseWear(text));
    options.plant.wears.push_back(std::move(wear));
  }
  for (const std::string& text : arguments.sensor_faults) {
    MR_ASSIGN_OR_RETURN(SensorFault fault, ParseSensorFault(text));
    options.plant.sensor_faults.push_back(std::move(fault));
  }
  MR_ASSIGN_OR_RETURN(const LiveReport report, RunLive(options, [&](absl::Duration wait) {
                        return signals.Wait(wait).has_value();
                      }));
  std::printf(
      "%lld channels, %.0f samples/s, %.0f %% of one core, behind by %.1f ms at most, %lld "
      "messages "
      "lost\n",
      static_cast<long long>(report.channels), static_cast<double>(report.samples) / report.seconds,
      100 * report.cpu_seconds / report.seconds, 1e3 * report.behind_s,
      static_cast<long long>(report.lost_blocks));
  return absl::OkStatus();
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  CLI::App app(
      "Simulates plants with rotating machines: writes their data as files, or with `live` lets "
      "one "
      "run.");
  app.require_subcommand(0, 1);
  millrace::SetArguments set;
  millrace::LiveArguments live;
  millrace::AddSetOptions(app, set);
  CLI::App* const running = app.add_subcommand(
      "live", "lets a plant run: over MQTT, as Modbus TCP devices, into growing tables");
  millrace::AddPlantOptions(*running, live);
  millrace::AddFeedOptions(*running, live.options);
  CLI11_PARSE(app, argc, argv);
  if (!running->parsed() && set.options.out.empty()) {
    app.exit(CLI::RequiredError("--out"));
    return millrace::kExitUsage;
  }
  const absl::Status status = running->parsed() ? millrace::Live(live) : millrace::WriteSet(set);
  if (status.ok()) return 0;
  std::fprintf(stderr, "millrace-plant-simulator: %s\n", std::string(status.message()).c_str());
  return 1;
}
