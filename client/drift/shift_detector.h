// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <variant>

#include "client/drift/adwin.h"
#include "client/drift/cusum.h"
#include "client/drift/page_hinkley.h"

namespace millrace {

enum class ShiftDetectorKind : uint8_t { kCusum, kPageHinkley, kAdwin };

struct ShiftDetectorParameters {
  ShiftDetectorKind kind = ShiftDetectorKind::kCusum;
  Cusum::Parameters cusum;
  PageHinkley::Parameters page_hinkley;
  Adwin::Parameters adwin;
};

/// Whichever of the fast detectors a site has chosen. Not thread-safe.
class ShiftDetector {
 public:
  explicit ShiftDetector(const ShiftDetectorParameters& parameters);

  /// True for an alarm.
  bool Add(double value);
  void Reset();
  /// Its sum as a share of the limit, beyond 1 for an alarm; 0 for ADWIN, which has none.
  double level() const;
  /// By how many deviations the mean has moved, as far as it can tell.
  double ShiftEstimate() const;

 private:
  ShiftDetectorParameters parameters_;
  std::variant<Cusum, PageHinkley, Adwin> detector_;
};

}  // namespace millrace
