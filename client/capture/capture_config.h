// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "client/capture/capture.h"
#include "plan/toml_reader.h"

namespace millrace {

/// What a site's configuration says about captures: the table [capture].
struct CaptureConfig {
  std::string folder;  // empty: "captures" in the state folder
  double before_s = 30;
  double after_s = 30;
  double refractory_s = 600;      // after a capture, until the next of the machine and trigger
  double confidence_below = 0.6;  // classification: a lower probability of the class is doubtful
  double margin = 0.1;       // reconstruction: so is a score this share or less below the threshold
  bool button_http = false;  // POST /capture is served
  double random_per_day = 1;                                                  // of each machine
  std::array<int64_t, kCaptureTriggers> quota_mb = {512, 256, 128, 128, 64};  // by trigger; 0: none
};

/// Relative paths start at `base_directory`. What is wrong is reported by the document's Finish,
/// naming the key.
CaptureConfig ReadCaptureConfig(TomlTable table, const std::string& base_directory);

}  // namespace millrace
