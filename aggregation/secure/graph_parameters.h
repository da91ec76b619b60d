// SPDX-License-Identifier: Apache-2.0
// With how many others a site masks, and how many of them give a secret of it back.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "aggregation/secure/hypergeometric.h"

namespace millrace {

/// Every site masks with `degree` neighbours. It shares its secrets among them and itself, and
/// `threshold` shares give a secret back.
struct GraphParameters {
  int64_t degree = 0;
  int64_t threshold = 0;
};

/// Everybody with everybody, threshold floor((n + C) / 2) + 1 of n, with C of AssumedCorrupt: two
/// sets of so many holders have an honest one in common, who never gives both secrets of a site, so
/// that even a coordinator that tells the sites different stories gets only one (Bonawitz et al.
/// 2017, section 6). At least 2 sites, fewer than all of them corrupt.
GraphParameters CompleteGraph(int64_t sites, double corrupt_share);

/// A complete graph of `group` sites, one of the groups that `sites` were dealt into at random. The
/// threshold is that of CompleteGraph for the most corrupt ones that sit in any group, but for one
/// deal in 2^security_bits. A corrupt site's keys count in the deal, so that a coordinator that
/// lies may try deals until one of them suits it: against it the bits are what it can compute.
GraphParameters CompleteGroup(int64_t sites, int64_t group, double corrupt_share,
                              double security_bits);

/// The smallest degree, even unless it is everybody, and then the smallest threshold t for which a
/// regular graph (SecureGraph::Regular) is good in the sense of Bell et al. 2020, section 3. With n
/// sites, C corrupt and D = ceil(dropout_share * n) that drop out, both picked without a look at
/// the graph, the k neighbours of a site are a random draw from the n - 1 others, and three events
/// matter, bounded over all sites:
///   E1: no honest site has t corrupt neighbours; n P[Hypergeometric(n - 1, C, k) >= t].
///   E2: the honest sites that stay are connected; DisconnectionBound(n, k, C + D).
///   E3: every site keeps t neighbours that stay; n P[Hypergeometric(n - 1, n - D, k) < t].
/// E1 and E2 fail with at most 2^-security_bits together, E3 with at most 2^-correctness_bits. The
/// bounds are those of the authors' own program (google-parfait/federated-compute,
/// fcp/secagg/server/graph_parameter_finder.cc), but for neighbours drawn from n - 1 and not n.
///
/// This is for a coordinator that follows the protocol: one that tells a site's neighbours
/// different stories needs only 2 t - k corrupt ones, and one that picks who drops out leaves
/// nothing to chance. INVALID_ARGUMENT for arguments out of range and where the corrupt are as many
/// as the others that stay, so that no threshold is both safe and within reach.
absl::StatusOr<GraphParameters> ChooseDegree(int64_t sites, double corrupt_share,
                                             double dropout_share, double security_bits,
                                             double correctness_bits);

/// How probable it is at most that a ring of n sites in random order, each beside its `degree`
/// nearest (even, below n - 1), falls apart when `removed` sites go. That takes degree / 2 sites in
/// a row at two places that do not touch; the union bound over the n (n - degree - 1) / 2 pairs of
/// places, C(n - degree, removed - degree) / C(n, removed) each. `binomials` reaches to n.
double DisconnectionBound(const LogBinomials& binomials, int64_t sites, int64_t degree,
                          int64_t removed);

}  // namespace millrace
