// SPDX-License-Identifier: Apache-2.0
// Structured logs: an event in a few words, and what it is about as named fields.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <variant>

#include "absl/strings/string_view.h"

namespace millrace {

struct LogField {
  absl::string_view key;
  std::variant<int64_t, double, bool, std::string> value;

  LogField(absl::string_view k, absl::string_view v) : key(k), value(std::string(v)) {}
  LogField(absl::string_view k, const char* v) : key(k), value(std::string(v)) {}
  LogField(absl::string_view k, bool v) : key(k), value(v) {}
  LogField(absl::string_view k, double v) : key(k), value(v) {}
  template <typename T>
  requires std::is_integral_v<T> LogField(absl::string_view k, T v)
      : key(k), value(static_cast<int64_t>(v)) {}
};
using LogFields = std::initializer_list<LogField>;

enum class LogFormat { kText, kJson };

inline constexpr absl::string_view kLogLevels = "trace, debug, info, warn, error, off";
bool IsLogLevel(absl::string_view level);

/// Sets up the process's log on standard error. `program` stands in every line. Before the first
/// call lines are text at level info. `level` is one of kLogLevels.
void InitLog(absl::string_view program, LogFormat format, absl::string_view level);

void LogDebug(absl::string_view event, LogFields fields = {});
void LogInfo(absl::string_view event, LogFields fields = {});
void LogWarning(absl::string_view event, LogFields fields = {});
void LogError(absl::string_view event, LogFields fields = {});

}  // namespace millrace
