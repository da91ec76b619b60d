// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/status.h"
#include "client/data/npy.h"
#include "scripts/plant_simulator/number_text.h"
#include "scripts/plant_simulator/plant.h"
#include "scripts/plant_simulator/plant_set.h"

namespace millrace {
namespace {

struct BearingCondition {
  FaultKind fault = FaultKind::kNone;
  int severity = 0;  // 1 to 3; 0 for normal
};

BearingCondition ConditionOf(int label) {
  constexpr FaultKind kByLabel[] = {FaultKind::kInner, FaultKind::kBall, FaultKind::kOuter};
  if (label == 0) return {};
  return {.fault = kByLabel[(label - 1) / 3], .severity = (label - 1) % 3 + 1};
}

std::string FileName(const Plant& plant, const BearingCondition& condition) {
  const std::string stem = absl::StrCat(plant.name, "_", Name(condition.fault));
  if (condition.severity == 0) return absl::StrCat(stem, ".npy");
  return absl::StrCat(stem, "_", condition.severity, ".npy");
}

// The regime in which a plant runs most.
const Regime& UsualRegime(const Plant& plant) {
  const auto& shares = plant.regime_shares;
  const auto most = std::max_element(shares.begin(), shares.end());
  return kRegimeTable[static_cast<size_t>(most - shares.begin())];
}

std::vector<float> Record(const PlantSetOptions& options, const Plant& plant,
                          const BearingCondition& condition) {
  constexpr double kWear[] = {0.05, 0.15, 0.4, 1};  // by severity
  Random random = Random(options.seed).Fork(FileName(plant, condition));
  const Regime& regime = UsualRegime(plant);
  const VibrationState state =
      VibrationAt(plant, condition.fault, kWear[condition.severity],
                  regime.speed_rpm * (1 + 0.003 * random.Normal()), regime.load_percent);
  const auto samples = static_cast<int>(std::lround(options.seconds * kVibrationSamplingHz));
  return Waveform(state, kVibrationSamplingHz, samples, &random);
}

std::string PartConfig(const Plant& plant, absl::string_view table, absl::string_view share) {
  return absl::StrCat("[", table, "]\nkind = \"npy\"\npath = \".\"\nmanifest = \"manifest.csv\"\n",
                      "where = [{ column = \"plant\", values = [\"", plant.name, "\"] }]\n",
                      "rate_hz = ", kVibrationSamplingHz, "\n", share, " = 0.7\n");
}

std::string RecordingsConfig(const Plant& plant) {
  return absl::StrCat("# Data of ", plant.name, ": vibration recordings, simulated.\n",
                      PartConfig(plant, "data", "to_share"), "\n",
                      PartConfig(plant, "test", "from_share"));
}

}  // namespace

absl::Status WriteVibrationSet(const PlantSetOptions& options, FileSystem* files) {
  MR_RETURN_IF_ERROR(files->CreateDirectories(options.out));
  std::string manifest =
      "file,plant,speed_rpm,load_percent,fault,severity,label,samples,"
      "sampling_hz\n";
  for (int index = 0; index < options.plants; ++index) {
    const Plant plant = MakePlant(index, options.seed);
    const Regime& regime = UsualRegime(plant);
    for (int label = 0; label < kVibrationLabels; ++label) {
      const BearingCondition condition = ConditionOf(label);
      const std::string file = FileName(plant, condition);
      const std::vector<float> wave = Record(options, plant, condition);
      const int64_t shape[] = {static_cast<int64_t>(wave.size())};
      MR_RETURN_IF_ERROR(
          WriteFileDurably(files, absl::StrCat(options.out, "/", file), NpyBytes(shape, wave)));
      absl::StrAppend(&manifest, file, ",", plant.name, ",");
      AppendNumber(regime.speed_rpm, &manifest);
      manifest.push_back(',');
      AppendNumber(regime.load_percent, &manifest);
      absl::StrAppend(&manifest, ",", Name(condition.fault), ",", condition.severity, ",", label,
                      ",", wave.size(), ",");
      AppendNumber(kVibrationSamplingHz, &manifest);
      manifest.push_back('\n');
    }
    MR_RETURN_IF_ERROR(WriteFileDurably(
        files, absl::StrCat(options.out, "/site_", plant.name, ".toml"), RecordingsConfig(plant)));
  }
  return WriteFileDurably(files, absl::StrCat(options.out, "/manifest.csv"), manifest);
}

}  // namespace millrace
