// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/random.h"
#include "base/status.h"
#include "scripts/plant_simulator/machine.h"
#include "scripts/plant_simulator/number_text.h"
#include "scripts/plant_simulator/plant.h"
#include "scripts/plant_simulator/plant_set.h"

namespace millrace {
namespace {

std::string Header() {
  return absl::StrCat("unit,cycle,setting_speed,setting_load,",
                      absl::StrJoin(kLifeChannelNames, ","), "\n");
}

void AppendUnit(int unit, const std::vector<Cycle>& life, size_t cycles, std::string* text) {
  for (size_t i = 0; i < cycles; ++i) {
    absl::StrAppend(text, unit, ",", i + 1, ",");
    AppendNumber(life[i].speed_rpm, text);
    text->push_back(',');
    AppendNumber(life[i].load_percent, text);
    for (const double value : life[i].channels) {
      text->push_back(',');
      AppendNumber(value, text);
    }
    text->push_back('\n');
  }
}

// Each machine has its own stream, so that asking for more machines changes none of the others.
Random StreamOf(const PlantSetOptions& options, const Plant& plant, absl::string_view part,
                int unit) {
  return Random(options.seed).Fork(absl::StrCat(plant.name, " ", part, " ", unit));
}

std::string TrainingTable(const PlantSetOptions& options, const Plant& plant) {
  std::string text = Header();
  for (int unit = 1; unit <= options.machines; ++unit) {
    Random random = StreamOf(options, plant, "train", unit);
    const std::vector<Cycle> life = SimulateLife(plant, &random);
    AppendUnit(unit, life, life.size(), &text);
  }
  return text;
}

struct TestSet {
  std::string table;
  std::string truth;
};

TestSet MakeTestSet(const PlantSetOptions& options, const Plant& plant) {
  TestSet set{.table = Header(), .truth = ""};
  const Plant later = Later(plant);
  for (int unit = 1; unit <= std::max(1, options.machines / 2); ++unit) {
    Random random = StreamOf(options, plant, "test", unit);
    const std::vector<Cycle> life = SimulateLife(later, &random);
    const double seen = 0.4 + 0.57 * random.Uniform();
    const auto cycles = static_cast<size_t>(seen * static_cast<double>(life.size()));
    AppendUnit(unit, life, cycles, &set.table);
    absl::StrAppend(&set.truth, life.size() - cycles, "\n");
  }
  return set;
}

std::string TableConfig(const Plant& plant, absl::string_view part) {
  return absl::StrCat("[", part == "train" ? "data" : "test", "]\nkind = \"delimited\"\npath = \"",
                      part, "_", plant.name, ".csv\"\nunit = \"unit\"\norder = \"cycle\"\n");
}

std::string SiteConfig(const Plant& plant) {
  return absl::StrCat("# Data of ", plant.name, ": machines run to failure, simulated.\n",
                      TableConfig(plant, "train"), "\n", TableConfig(plant, "test"),
                      "truth = \"truth_", plant.name, ".txt\"\n");
}

}  // namespace

absl::Status WriteLifeSet(const PlantSetOptions& options, FileSystem* files) {
  MR_RETURN_IF_ERROR(files->CreateDirectories(options.out));
  for (int index = 0; index < options.plants; ++index) {
    const Plant plant = MakePlant(index, options.seed);
    const TestSet test = MakeTestSet(options, plant);
    const auto write = [&](absl::string_view name, absl::string_view extension,
                           const std::string& text) {
      return WriteFileDurably(files, absl::StrCat(options.out, "/", name, plant.name, extension),
                              text);
    };
    MR_RETURN_IF_ERROR(write("train_", ".csv", TrainingTable(options, plant)));
    MR_RETURN_IF_ERROR(write("test_", ".csv", test.table));
    MR_RETURN_IF_ERROR(write("truth_", ".txt", test.truth));
    MR_RETURN_IF_ERROR(write("site_", ".toml", SiteConfig(plant)));
  }
  return absl::OkStatus();
}

}  // namespace millrace
