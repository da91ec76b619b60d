// SPDX-License-Identifier: Apache-2.0
#include "scripts/plant_simulator/run_live.h"

#include <cmath>
#include <cstdio>
#include <ctime>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "base/status.h"
#include "base/steady_clock.h"
#include "scripts/plant_simulator/live_pace.h"
#include "scripts/plant_simulator/modbus_device.h"
#include "scripts/plant_simulator/table_feed.h"

namespace millrace {
namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

void Say(const std::string& line) {
  std::printf("%s\n", line.c_str());
  std::fflush(stdout);
}

double CpuSeconds() {
  timespec used{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}

class LiveRun {
 public:
  explicit LiveRun(const LiveOptions& options) : options_(options) {}

  absl::Status Open();
  absl::StatusOr<LiveReport> Run(const std::function<bool(absl::Duration)>& stopped);

 private:
  absl::Status Give(int64_t time_ns);
  /// What begins or ends in [from_s, to_s), in the machines' time.
  void Tell(int64_t begin_ns, double from_s, double to_s);
  double block_s() const { return options_.plant.rows / options_.plant.rate_hz; }

  const LiveOptions& options_;
  std::unique_ptr<LivePlant> plant_;
  std::vector<std::unique_ptr<PlantFeed>> feeds_;
  std::vector<bool> failed_;
};

absl::Status LiveRun::Open() {
  MR_ASSIGN_OR_RETURN(plant_, LivePlant::Create(options_.plant));
  failed_.resize(plant_->machines().size());
  if (options_.mqtt) {
    MR_ASSIGN_OR_RETURN(std::unique_ptr<BrokerFeed> broker, BrokerFeed::Connect(options_.broker));
    feeds_.push_back(std::move(broker));
  }
  if (options_.modbus_port >= 0) {
    MR_ASSIGN_OR_RETURN(std::unique_ptr<ModbusDevice> device,
                        ModbusDevice::Listen(options_.modbus_port, plant_->machines().size(),
                                             plant_->channels().size()));
    Say(absl::StrCat("modbus port ", device->port()));
    feeds_.push_back(std::move(device));
  }
  if (!options_.folder.empty()) {
    feeds_.push_back(std::make_unique<TableFeed>(options_.folder, PosixFileSystem()));
  }
  return absl::OkStatus();
}

absl::Status LiveRun::Give(int64_t time_ns) {
  PlantBlock block;
  block.channels = &plant_->channels();
  block.period_ns = std::llround(kNsPerSecond / options_.plant.rate_hz);
  block.time_ns = time_ns + block.period_ns;
  for (block.index = 0; block.index < plant_->machines().size(); ++block.index) {
    block.machine = &plant_->machines()[block.index];
    block.rows = plant_->Next(block.index);
    for (const auto& feed : feeds_) MR_RETURN_IF_ERROR(feed->Take(block));
    if (plant_->failed(block.index) && !failed_[block.index]) {
      failed_[block.index] = true;
      Say(absl::StrCat(*block.machine, " has failed and stops"));
    }
  }
  return absl::OkStatus();
}

void LiveRun::Tell(int64_t begin_ns, double from_s, double to_s) {
  const auto say = [&](double at_s, const std::string& what) {
    if (at_s < from_s || at_s >= to_s) return;
    const absl::Time time = absl::FromUnixNanos(begin_ns) + absl::Seconds(at_s);
    Say(absl::StrCat(absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", time, absl::UTCTimeZone()), ": ",
                     what));
  };
  for (const Wear& wear : options_.plant.wears) {
    say(wear.onset_s, absl::StrCat(wear.machine, ", bearing ", wear.bearing,
                                   ": a defect of the kind ", Name(wear.fault), " begins"));
  }
  for (const SensorFault& fault : options_.plant.sensor_faults) {
    const std::string what =
        absl::StrCat(fault.machine, "/", fault.channel, ": fault ", Name(fault.kind));
    say(fault.begin_s, what + " begins");
    say(fault.end_s, what + " ends");
  }
}

absl::StatusOr<LiveReport> LiveRun::Run(const std::function<bool(absl::Duration)>& stopped) {
  const int64_t begin_ns = absl::ToUnixNanos(SystemClock()->Now());
  const absl::Time begin = SteadyClock()->Now();
  LivePace pace(options_.speed, std::llround(block_s() * kNsPerSecond), absl::ToUnixNanos(begin));
  LiveReport report;
  report.channels = static_cast<int64_t>(plant_->machines().size() * plant_->channels().size());
  const double cpu_before = CpuSeconds();
  for (int64_t number = 0;; ++number) {
    const double from_s = static_cast<double>(number) * block_s();
    if (options_.seconds > 0 && from_s >= options_.seconds) break;
    const int64_t wait = pace.WaitNs(number, absl::ToUnixNanos(SteadyClock()->Now()));
    // At full speed a signal is looked for now and then only.
    if ((wait > 0 || number % 16 == 0) && stopped(absl::Nanoseconds(wait))) break;
    Tell(begin_ns, from_s, static_cast<double>(number + 1) * block_s());
    MR_RETURN_IF_ERROR(Give(begin_ns + std::llround(from_s * kNsPerSecond)));
    report.samples += report.channels * options_.plant.rows;
  }
  report.seconds = absl::ToDoubleSeconds(SteadyClock()->Now() - begin);
  report.cpu_seconds = CpuSeconds() - cpu_before;
  report.behind_s = static_cast<double>(pace.latest_ns()) / kNsPerSecond;
  for (const auto& feed : feeds_) report.lost_blocks += feed->lost();
  return report;
}

}  // namespace

absl::StatusOr<LiveReport> RunLive(const LiveOptions& options,
                                   const std::function<bool(absl::Duration)>& stopped) {
  LiveRun run(options);
  MR_RETURN_IF_ERROR(run.Open());
  return run.Run(stopped);
}

}  // namespace millrace
