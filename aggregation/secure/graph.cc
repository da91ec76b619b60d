// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/graph.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <numeric>
#include <span>

#include "aggregation/secure/graph_parameters.h"
#include "base/check.h"
#include "base/random.h"

namespace millrace {
namespace {

std::vector<int> Sites(int64_t sites) {
  std::vector<int> order(sites);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

// One shuffle after the other for each 8 bytes of the seed, little-endian.
std::vector<int> ShuffledSites(int64_t sites, const Digest& seed) {
  std::vector<int> order = Sites(sites);
  for (size_t begin = 0; begin < seed.bytes.size(); begin += 8) {
    uint64_t word = 0;
    for (size_t i = 8; i-- > 0;) word = word << 8 | seed.bytes[begin + i];
    Random(word).Shuffle(std::span(order));
  }
  return order;
}

}  // namespace

void SecureGraph::Connect(const std::vector<int>& group, int64_t threshold) {
  for (const int site : group) {
    thresholds_[site] = threshold;
    neighbors_[site] = group;
    std::erase(neighbors_[site], site);
  }
}

SecureGraph SecureGraph::Complete(int64_t sites, double corrupt_share) {
  SecureGraph graph(sites);
  graph.Connect(Sites(sites), CompleteGraph(sites, corrupt_share).threshold);
  return graph;
}

SecureGraph SecureGraph::Regular(int64_t sites, int64_t degree, int64_t threshold,
                                 const Digest& seed) {
  MR_CHECK(degree >= 1 && degree < sites && (degree % 2 == 0 || sites % 2 == 0));
  MR_CHECK(threshold >= 1 && threshold <= degree);
  SecureGraph graph(sites);
  const std::vector<int> ring = ShuffledSites(sites, seed);
  for (int64_t place = 0; place < sites; ++place) {
    std::vector<int>& neighbors = graph.neighbors_[ring[place]];
    for (int64_t step = 1; step <= degree / 2; ++step) {
      neighbors.push_back(ring[(place + step) % sites]);
      neighbors.push_back(ring[(place + sites - step) % sites]);
    }
    if (degree % 2 == 1) neighbors.push_back(ring[(place + sites / 2) % sites]);
    std::sort(neighbors.begin(), neighbors.end());
  }
  std::fill(graph.thresholds_.begin(), graph.thresholds_.end(), threshold);
  return graph;
}

SecureGraph SecureGraph::Groups(int64_t sites, int64_t largest_group, double corrupt_share,
                                double security_bits, const Digest& seed) {
  MR_CHECK(largest_group >= 3);
  SecureGraph graph(sites);
  const std::vector<int> order = ShuffledSites(sites, seed);
  const int64_t groups = (sites + largest_group - 1) / largest_group;
  std::map<size_t, int64_t> thresholds;  // by a group's size, of which there are two at most
  for (int64_t g = 0; g < groups; ++g) {
    std::vector<int> group(order.begin() + g * sites / groups,
                           order.begin() + (g + 1) * sites / groups);
    std::sort(group.begin(), group.end());
    const auto [threshold, is_new] = thresholds.try_emplace(group.size());
    if (is_new) {
      threshold->second =
          CompleteGroup(sites, std::ssize(group), corrupt_share, security_bits).threshold;
    }
    graph.Connect(group, threshold->second);
  }
  return graph;
}

}  // namespace millrace
