// SPDX-License-Identifier: Apache-2.0
// Data sets of several plants, as files that a site's daemon reads.
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "base/file_system.h"

namespace millrace {

struct PlantSetOptions {
  std::string out;    // folder, made if missing; files of the same names are replaced
  int plants = 4;     // >= 1
  int machines = 40;  // per plant, >= 2; life: half as many more are cut short for the test
  uint64_t seed = 1;
  double seconds = 4;  // vibration: of each recording, > 0
};

/// Run-to-failure tables, for each plant: train_<plant>.csv (machines run to failure),
/// test_<plant>.csv (machines seen up to some cycle before), truth_<plant>.txt (the cycles they
/// have left) and site_<plant>.toml ([data] and [test] that read them). Columns: unit, cycle,
/// setting_speed (rpm), setting_load (percent), then kLifeChannelNames. The same options give the
/// same bytes.
absl::Status WriteLifeSet(const PlantSetOptions& options, FileSystem* files);

inline constexpr double kVibrationSamplingHz = 12000;
inline constexpr int kVibrationLabels = 10;

/// Vibration recordings, for each plant and label one `<plant>_<fault>[_<severity>].npy` (float32,
/// kVibrationSamplingHz), all listed in manifest.csv, and site_<plant>.toml, which trains on the
/// first 70 % of each recording and tests on the rest. Labels: 0 normal, 1-3 inner race, 4-6 ball,
/// 7-9 outer race, each of growing severity. `machines` is not used.
absl::Status WriteVibrationSet(const PlantSetOptions& options, FileSystem* files);

}  // namespace millrace
