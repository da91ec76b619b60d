// SPDX-License-Identifier: Apache-2.0
#include "client/drift/shift_detector.h"

#include <algorithm>

namespace millrace {
namespace {

std::variant<Cusum, PageHinkley, Adwin> Make(const ShiftDetectorParameters& parameters) {
  switch (parameters.kind) {
    case ShiftDetectorKind::kPageHinkley:
      return PageHinkley(parameters.page_hinkley);
    case ShiftDetectorKind::kAdwin:
      return Adwin(parameters.adwin);
    case ShiftDetectorKind::kCusum:
      break;
  }
  return Cusum(parameters.cusum);
}

}  // namespace

ShiftDetector::ShiftDetector(const ShiftDetectorParameters& parameters)
    : parameters_(parameters), detector_(Make(parameters)) {}

bool ShiftDetector::Add(double value) {
  if (Cusum* const cusum = std::get_if<Cusum>(&detector_)) {
    return cusum->Add(value) != Shift::kNone;
  }
  if (auto* const page_hinkley = std::get_if<PageHinkley>(&detector_)) {
    return page_hinkley->Add(value);
  }
  return std::get<Adwin>(detector_).Add(value);
}

void ShiftDetector::Reset() { detector_ = Make(parameters_); }

double ShiftDetector::level() const {
  if (const Cusum* const cusum = std::get_if<Cusum>(&detector_)) {
    return std::max(cusum->up(), cusum->down()) / parameters_.cusum.h;
  }
  if (const auto* const page_hinkley = std::get_if<PageHinkley>(&detector_)) {
    return page_hinkley->sum() / parameters_.page_hinkley.lambda;
  }
  return 0;
}

double ShiftDetector::ShiftEstimate() const {
  if (const Cusum* const cusum = std::get_if<Cusum>(&detector_)) return cusum->ShiftEstimate();
  if (const auto* const page_hinkley = std::get_if<PageHinkley>(&detector_)) {
    return page_hinkley->ShiftEstimate();
  }
  return std::get<Adwin>(detector_).mean();  // of what it has kept
}

}  // namespace millrace
