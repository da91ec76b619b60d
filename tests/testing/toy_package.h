// SPDX-License-Identifier: Apache-2.0
// A small model package for tests that care for packages, not for models.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"
#include "models/package.h"

namespace millrace::testing {

inline constexpr char kToyPlan[] = R"(
[run]
name = "pumps"
[cohort]
target = 4
minimum = 4
[model]
kind = "autoencoder"
hidden = [2]
[input]
channels = ["current", "speed"]
window = 4
normalization = "none"
[label]
kind = "none"
)";

/// kToyPlan, with these keys in its [input].
inline std::string ToyPlanWith(absl::string_view input_keys) {
  constexpr absl::string_view kWindow = "window = 4\n";
  return absl::StrReplaceAll(kToyPlan, {{kWindow, absl::StrCat(kWindow, input_keys)}});
}

inline v1::PackageManifest ToyManifest(int64_t version, const std::vector<float>& parameters,
                                       absl::string_view plan_text = kToyPlan) {
  const Plan plan = ParsePlan(plan_text).value();
  const absl::string_view bytes(reinterpret_cast<const char*>(parameters.data()),
                                parameters.size() * sizeof(float));
  v1::PackageManifest manifest =
      ManifestOf(plan_text, plan, BuildArchitecture(plan).value(), nullptr, Sha256Of(bytes));
  manifest.set_version(version);
  return manifest;
}

/// Every parameter is `value`.
inline std::vector<float> ToyParameters(float value) {
  const Plan plan = ParsePlan(kToyPlan).value();
  return std::vector<float>(BuildArchitecture(plan).value().layout.size(), value);
}

inline std::string PackageBytes(const v1::PackageManifest& manifest,
                                const std::vector<float>& parameters) {
  const absl::string_view bytes(reinterpret_cast<const char*>(parameters.data()),
                                parameters.size() * sizeof(float));
  return absl::StrCat(PackagePrefix(manifest, static_cast<int64_t>(bytes.size())), bytes);
}

inline std::string ToyPackage(int64_t version, float value,
                              absl::string_view plan_text = kToyPlan) {
  const std::vector<float> parameters = ToyParameters(value);
  return PackageBytes(ToyManifest(version, parameters, plan_text), parameters);
}

}  // namespace millrace::testing
