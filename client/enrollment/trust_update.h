// SPDX-License-Identifier: Apache-2.0
// What a site makes of the coordinator's word on whom to trust. Pure: the coordinator is believed
// nothing that an authority the site trusts already did not sign.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/crypto/certificate.h"
#include "base/crypto/digest.h"
#include "base/crypto/trust.h"
#include "client/enrollment/identity_files.h"
#include "millrace/v1/enrollment.pb.h"

namespace millrace {

/// The authorities to begin with, for a site that holds nothing but the digest in its token:
/// PERMISSION_DENIED unless the coordinator's own are those, or lead from those on.
absl::StatusOr<TrustedAuthorities> FirstTrust(const v1::Trust& trust, const Digest& token);

struct TrustUpdate {
  std::string authority_pem;   // empty: as it was
  std::string revocation_pem;  // empty: as it was
};
/// What to ask the coordinator for.
absl::StatusOr<v1::GetTrustRequest> AskForTrust(const SiteCredentials& held);

/// What is new in `trust` for a site that holds `held`. PERMISSION_DENIED for what is not signed
/// or would lead it back.
absl::StatusOr<TrustUpdate> NewTrust(const SiteCredentials& held, const v1::Trust& trust);

/// Whether it is time to ask for the next certificate: a third of its life is left.
bool RenewalIsDue(const CertificateInfo& certificate, absl::Time now);

}  // namespace millrace
