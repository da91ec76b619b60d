// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "millrace/v1/rounds.pb.h"
#include "millrace/v1/transfer.pb.h"

namespace millrace::testing {

/// What a site sends: any vector, announced truly or not.
struct SiteUpdate {
  std::vector<float> vector;
  double weight = 1;

  std::string Bytes() const {
    return {reinterpret_cast<const char*>(vector.data()), vector.size() * sizeof(float)};
  }
};

/// An honest update to a plan of one channel and one mode, drawn from the site's name and the round
/// alone, so that every retry and every attempt sends the same.
SiteUpdate HonestUpdate(const std::string& site, const v1::Assignment& assignment);

/// The announcement that fits the assignment and the update.
v1::UploadHeader HeaderOf(const v1::Assignment& assignment, const SiteUpdate& update);

}  // namespace millrace::testing
