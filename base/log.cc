// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/check.h"

namespace millrace {
namespace {

struct LogState {
  std::string program = "millrace";
  LogFormat format = LogFormat::kText;
  std::shared_ptr<spdlog::logger> logger = MakeLogger(LogFormat::kText, program);

  static std::shared_ptr<spdlog::logger> MakeLogger(LogFormat format, const std::string& program) {
    auto logger = std::make_shared<spdlog::logger>(
        program, std::make_shared<spdlog::sinks::stderr_sink_mt>());
    logger->set_pattern(format == LogFormat::kJson ? "%v" : "%Y-%m-%dT%H:%M:%S.%e %L %n %v");
    return logger;
  }
};

LogState& State() {
  static LogState* const state = new LogState;
  return *state;
}

nlohmann::ordered_json ValueAsJson(const LogField& field) {
  return std::visit([](const auto& value) { return nlohmann::ordered_json(value); }, field.value);
}

void Write(spdlog::level::level_enum level, absl::string_view event, LogFields fields) {
  LogState& state = State();
  if (!state.logger->should_log(level)) return;
  constexpr auto kReplace = nlohmann::ordered_json::error_handler_t::replace;
  if (state.format == LogFormat::kJson) {
    nlohmann::ordered_json line;
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    line["time_ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
    line["level"] = std::string(spdlog::level::to_string_view(level).data());
    line["program"] = state.program;
    line["event"] = std::string(event);
    for (const LogField& field : fields) line[std::string(field.key)] = ValueAsJson(field);
    state.logger->log(level, line.dump(-1, ' ', false, kReplace));
    return;
  }
  std::string text(event);
  for (const LogField& field : fields) {
    absl::StrAppend(&text, " ", field.key, "=", ValueAsJson(field).dump(-1, ' ', false, kReplace));
  }
  state.logger->log(level, text);
}

}  // namespace

bool IsLogLevel(absl::string_view level) {
  const std::vector<absl::string_view> levels = absl::StrSplit(kLogLevels, ", ");
  return std::find(levels.begin(), levels.end(), level) != levels.end();
}

void InitLog(absl::string_view program, LogFormat format, absl::string_view level) {
  MR_CHECK(IsLogLevel(level));
  LogState& state = State();
  state.program = std::string(program);
  state.format = format;
  state.logger = LogState::MakeLogger(format, state.program);
  state.logger->set_level(spdlog::level::from_str(std::string(level)));
}

void LogDebug(absl::string_view event, LogFields fields) {
  Write(spdlog::level::debug, event, fields);
}
void LogInfo(absl::string_view event, LogFields fields) {
  Write(spdlog::level::info, event, fields);
}
void LogWarning(absl::string_view event, LogFields fields) {
  Write(spdlog::level::warn, event, fields);
}
void LogError(absl::string_view event, LogFields fields) {
  Write(spdlog::level::err, event, fields);
}

}  // namespace millrace
