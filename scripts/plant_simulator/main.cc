// SPDX-License-Identifier: Apache-2.0
#include <CLI/CLI.hpp>
#include <cstdio>
#include <string>

#include "base/file_system.h"
#include "scripts/plant_simulator/plant_set.h"

int main(int argc, char** argv) {
  millrace::PlantSetOptions options;
  std::string kind = "life";
  CLI::App app("Writes the data of several simulated plants with rotating machines.");
  app.add_option("--out", options.out, "Folder to write to")->required();
  app.add_option("--kind", kind,
                 "life: run-to-failure tables; vibration: labelled waveforms at 12 kHz")
      ->check(CLI::IsMember({"life", "vibration"}))
      ->capture_default_str();
  app.add_option("--plants", options.plants, "Number of plants")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--machines", options.machines, "life: machines run to failure, per plant")
      ->check(CLI::Range(2, 100000))
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "vibration: length of each recording")
      ->check(CLI::Range(0.1, 600.0))
      ->capture_default_str();
  app.add_option("--seed", options.seed, "The same seed gives the same files")
      ->capture_default_str();
  CLI11_PARSE(app, argc, argv);

  millrace::FileSystem* const files = millrace::PosixFileSystem();
  const absl::Status status = kind == "life" ? millrace::WriteLifeSet(options, files)
                                             : millrace::WriteVibrationSet(options, files);
  if (!status.ok()) {
    std::fprintf(stderr, "millrace-plant-simulator: %s\n", status.ToString().c_str());
    return 1;
  }
  std::printf("%d plants written to %s; site_<plant>.toml has each one's [data] and [test]\n",
              options.plants, options.out.c_str());
  return 0;
}
