// SPDX-License-Identifier: Apache-2.0
// From a package to a model that may serve: everything that can be known before the first window.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/crypto/digest.h"
#include "client/inference/installed_model.h"
#include "client/live/live_clock.h"
#include "client/release/time_limits.h"
#include "models/package.h"
#include "models/predictor.h"

namespace millrace {

/// What is known of the model that serves now.
struct Serving {
  int64_t version = 0;
  double window_ns = 0;  // median of a window, as measured when it was installed
  // To measure it anew, where it may be the machine that is slow; or null.
  const ModelPackage* package = nullptr;
};

struct Installation {
  std::shared_ptr<InstalledModel> model;
  double window_ns = 0;  // median of a window
  // Who vouched for it; of whoever has checked that.
  std::vector<std::string> publishers;
  std::optional<Digest> trust;  // by which files; none: they could not be read
};

/// Makes a predictor of `package`, lets it show that it gives the outputs of the package's test
/// vectors, warms it up and lets it judge windows of noise: INVALID_ARGUMENT if the graph does not
/// compile, FAILED_PRECONDITION if it fails, if a vector does not come out, if it gives anything
/// that is not finite, or is too slow for the site or beside the model that serves. More are made
/// and warmed up until there are `predictors`. `serving` may be null. Takes some milliseconds to
/// seconds: not for a thread that scores.
absl::StatusOr<Installation> Install(ModelPackage package, const PredictorFactory& factory,
                                     size_t predictors, const Serving* serving,
                                     const InstallLimits& limits, LiveClock* clock);

}  // namespace millrace
