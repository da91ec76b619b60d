// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/json.h"

#include "coordinator/cli/units.h"

namespace millrace {

std::string JsonLine(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string JsonDocument(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace);
}

Json JsonTime(int64_t unix_ms) { return unix_ms == 0 ? Json(nullptr) : Json(UtcTime(unix_ms)); }

Json JsonSeconds(int64_t begin_ms, int64_t end_ms) {
  if (begin_ms == 0 || end_ms == 0) return nullptr;
  return static_cast<double>(end_ms - begin_ms) / 1000;
}

Json JsonError(const absl::Status& status) {
  return {{"error",
           {{"code", absl::StatusCodeToString(status.code())},
            {"message", std::string(status.message())}}}};
}

}  // namespace millrace
