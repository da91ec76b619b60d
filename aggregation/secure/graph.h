// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "base/crypto/digest.h"

namespace millrace {

/// Who masks with whom: an undirected graph over sites 0 to n - 1. A site's secrets are shared
/// among its neighbours and itself. The random ones are the same wherever they are drawn from the
/// same seed, of which all 256 bits count; whoever picks the seed picks the graph.
class SecureGraph {
 public:
  /// Everybody with everybody, with the parameters of CompleteGraph.
  static SecureGraph Complete(int64_t sites, double corrupt_share);

  /// The sites in random order on a ring, each with the degree / 2 nearest on both sides and, for
  /// an odd degree, the one opposite: the Harary graph H(degree, n) of shuffled sites
  /// (GenerateGraph in Bell et al. 2020, section 3). Degree and threshold are ChooseDegree's; 1 <=
  /// threshold <= degree < n, and an odd degree has an even n.
  static SecureGraph Regular(int64_t sites, int64_t degree, int64_t threshold, const Digest& seed);

  /// The sites dealt at random into as few groups of at most `largest_group` >= 3 as hold them, as
  /// equal in size as can be, and each a complete graph of its own with the parameters of
  /// CompleteGroup. The coordinator learns the sum of every group, not only that of all.
  static SecureGraph Groups(int64_t sites, int64_t largest_group, double corrupt_share,
                            double security_bits, const Digest& seed);

  int64_t sites() const { return static_cast<int64_t>(neighbors_.size()); }
  /// Ascending, without the site itself.
  const std::vector<int>& neighbors(int site) const { return neighbors_[site]; }
  /// How many shares give a secret of the site back.
  int64_t threshold(int site) const { return thresholds_[site]; }

 private:
  explicit SecureGraph(int64_t sites) : neighbors_(sites), thresholds_(sites) {}

  void Connect(const std::vector<int>& group, int64_t threshold);

  std::vector<std::vector<int>> neighbors_;
  std::vector<int64_t> thresholds_;
};

}  // namespace millrace
