// SPDX-License-Identifier: Apache-2.0
// How the machines of a site are dealt over the threads that judge them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "client/inference/machine_config.h"
#include "client/live/sample_router.h"

namespace millrace {

/// The machines that one thread judges.
struct MachineShare {
  std::vector<MachineConfig> kinds;  // as in the site's configuration, with these machines' names
  /// Their numbers among all of the site's machines, ascending: in the order of the kinds' names.
  std::vector<size_t> machines;
};

/// As many shares as `workers` > 0 or, where they are fewer, machines with channels of their own;
/// at least one. Each has about the same number of values a second, and those of a kind, and the
/// kinds of a model, stay together as far as that allows: a model sees more windows at a time.
/// Machines with channels_of go with whom that names. The same machines are always dealt alike, and
/// one machine more moves few others.
std::vector<MachineShare> DealMachines(const std::vector<MachineConfig>& machines, int64_t workers);

/// Where the samples of each of the site's channels go: to the queue with the number of the share,
/// as channels of that share alone.
std::vector<SampleRoute> RoutesOf(const std::vector<MachineConfig>& machines,
                                  const std::vector<MachineShare>& shares);

}  // namespace millrace
