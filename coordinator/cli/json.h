// SPDX-License-Identifier: Apache-2.0
// What the documents of --json have in common. Times are RFC 3339 in UTC and null while they have
// not come; durations are seconds, sizes bytes; a number that is not finite is null.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/status.h"

namespace millrace {

/// Keeps its keys in the order in which they were set.
using Json = nlohmann::ordered_json;

/// One line. Bytes that are not UTF-8 are replaced: a document is always valid.
std::string JsonLine(const Json& json);
/// Indented.
std::string JsonDocument(const Json& json);

Json JsonTime(int64_t unix_ms);
/// Null unless both are set.
Json JsonSeconds(int64_t begin_ms, int64_t end_ms);
/// {"error": {"code": "NOT_FOUND", "message": "..."}}
Json JsonError(const absl::Status& status);

}  // namespace millrace
