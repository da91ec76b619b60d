// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "client/live/payload.h"
#include "client/live/timestamps.h"

namespace millrace {

/// The members of a source's JSON objects.
struct JsonFormat {
  /// Whether the payload names channels: then an object's members are channels, but for the time
  /// stamp. Otherwise the topic does, and an object's value is in its member `value`.
  bool names_channels = false;
  std::string value = "value";
  std::string timestamp = "timestamp";
  TimeFormat time = TimeFormat::kAuto;

  bool operator==(const JsonFormat&) const = default;
};

/// Reads, where the topic names the channel:
///
///     21.5    [1, 2, 3]    {"value": 21.5, "timestamp": 1767225600}    {"value": [1, 2, 3], ...}
///
/// and where the payload does:
///
///     {"timestamp": "2026-01-01T00:00:00Z", "current": 21.5, "voltage": [230, 231]}
///     {"current": {"value": 21.5, "timestamp": 1767225600}}
///
/// or an array of such objects. A value may be a number, true, false, null, or a text that is a
/// number; other members, and other texts where a channel's value is looked for, are ignored. The
/// outer object's time counts where an inner one has none.
///
/// INVALID_ARGUMENT for what is not JSON, has none of these forms, or whose time stamp cannot be
/// read; `*payload` is then worth nothing. Takes time and memory in proportion to the text.
absl::Status ReadJsonPayload(const JsonFormat& format, absl::string_view text, Payload* payload);

}  // namespace millrace
