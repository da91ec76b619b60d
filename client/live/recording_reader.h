// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/file_system.h"
#include "client/live/file_config.h"
#include "client/live/sample.h"
#include "client/live/stream_channels.h"

namespace millrace {

/// A finished recording, step by step. Not thread-safe.
class RecordingReader {
 public:
  virtual ~RecordingReader() = default;

  /// Of a file called *.npy, or of text. `channels` outlives the reader; `end_ns` is the time of an
  /// array's last step. INVALID_ARGUMENT for a file that the format does not fit.
  static absl::StatusOr<std::unique_ptr<RecordingReader>> Open(FileSystem* files,
                                                               const std::string& path,
                                                               const RecordingFormat& format,
                                                               int64_t end_ns,
                                                               StreamChannels* channels);

  /// Appends the samples of the next step that the site knows; false after the last one.
  virtual absl::StatusOr<bool> Next(std::vector<Sample>* samples) = 0;
};

}  // namespace millrace
