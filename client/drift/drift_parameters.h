// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "client/drift/shift_detector.h"
#include "plan/toml_reader.h"

namespace millrace {

/// What a site's configuration says about drift: the table [drift].
struct DriftParameters {
  int64_t learn_s = 3600;  // of each operating mode
  /// For all features together: each gets an h of the CUSUM that is ln(features) / 2k higher.
  ShiftDetectorParameters detector;
  int64_t recent_s = 300;  // the sliding sample
  int64_t check_s = 30;    // between two comparisons of it with the reference
  double confirm_p = 1e-3;
  double confirm_index = 0.25;  // of population stability
  double clear_index = 0.1;
  int64_t doubt_s = 1800;  // after which a suspicion that was not confirmed is dropped
};

/// What is wrong is reported by the document's Finish, naming the key.
DriftParameters ReadDriftParameters(TomlTable table);

}  // namespace millrace
