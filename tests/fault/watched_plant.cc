// SPDX-License-Identifier: Apache-2.0
#include "tests/fault/watched_plant.h"

#include <httplib.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/file_system.h"
#include "client/release/model_folder.h"
#include "tests/testing/eventually.h"
#include "tests/testing/lone_site.h"
#include "tests/testing/toy_package.h"

namespace millrace {
namespace {

using testing::Eventually;
using testing::Process;

constexpr char kWatchingSite[] = R"([data]
kind = "delimited"
path = "none.csv"
[live]
http = "127.0.0.1:0"
[release]
signatures = 0
[[source]]
name = "plc"
kind = "file"
path = "live.csv"
machine = "pump-1"
poll_s = 0.02
[[machine]]
names = ["pump-1"]
model = "pumps"
rate_hz = 5
hop = 1
threshold = 1e9
[[machine.channel]]
name = "current"
[[machine.channel]]
name = "speed"
)";

}  // namespace

WatchedPlant::WatchedPlant(const std::string& more) {
  std::ofstream(folder() + "/live.csv") << "current,speed\n";
  std::ofstream(folder() + "/site.toml") << testing::kLoneSite << kWatchingSite << more;
  MR_CHECK(
      ModelFolder(PosixFileSystem(), state(), "pumps").Stage(testing::ToyPackage(1, 0.5)).ok());
}

void WatchedPlant::Start(const std::string& client) {
  daemon_ = std::make_unique<Process>(
      std::vector<std::string>{client, "run", "--config", folder() + "/site.toml"},
      absl::StrCat(folder(), "/daemon-", ++starts_, ".log"));
}

std::string WatchedPlant::Get(const std::string& path) const {
  const std::string log = daemon_->Log();
  const size_t line = log.find("verdicts are served");
  const size_t digits = log.find("\"port\":", line) + sizeof("\"port\":") - 1;
  const size_t end = log.find_first_not_of("0123456789", digits);
  int port = 0;
  if (line == std::string::npos || end == std::string::npos ||
      !absl::SimpleAtoi(log.substr(digits, end - digits), &port)) {
    return "";
  }
  const httplib::Result answer = httplib::Client("127.0.0.1", port).Get(path);
  return answer ? answer->body : "";
}

double WatchedPlant::Metric(absl::string_view name) const {
  const std::string text = Get("/metrics");
  const std::string begin = absl::StrCat("\n", name, " ");
  const size_t found = text.find(begin);
  if (found == std::string::npos) return -1;
  const size_t value = found + begin.size();
  double number = -1;
  (void)absl::SimpleAtod(text.substr(value, text.find('\n', value) - value), &number);
  return number;
}

absl::Time WatchedPlant::JudgedNormalAt() const {
  const nlohmann::json verdict = nlohmann::json::parse(Get("/verdicts/pump-1"), nullptr, false);
  absl::Time time = absl::InfinitePast();
  if (!verdict.is_object() || verdict.value("verdict", "") != "normal") return time;
  std::string ignored;
  (void)absl::ParseTime(absl::RFC3339_full, verdict.value("time", ""), &time, &ignored);
  return time;
}

void WatchedPlant::GoOn() { std::ofstream(folder() + "/live.csv", std::ios::app) << "10,1500\n"; }

bool WatchedPlant::IsJudgedAgain() {
  const absl::Time before = JudgedNormalAt();
  return Eventually([&] {
    GoOn();
    const absl::Time now = JudgedNormalAt();
    return now != absl::InfinitePast() && now != before;
  });
}

bool WatchedPlant::IsRecordedFor(int rows) {
  const double before = Metric("millrace_recorded_rows");
  return Eventually([&] {
    GoOn();
    return Metric("millrace_recorded_rows") >= before + rows;
  });
}

}  // namespace millrace
