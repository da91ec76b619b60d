// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/crypto/certificate.h"

namespace millrace::testing {

/// The authority of a federation called "plants", and the certificates that it issues. Two of them
/// are two authorities of one name. Certificates are valid now, for a day, unless told.
class TestFederation {
 public:
  TestFederation() : authority_(CreateAuthority("plants", absl::Now()).value()) {}

  const std::string& authority_pem() const { return authority_.certificate_pem; }

  /// A coordinator's is for this machine's loopback, and for `hosts`.
  KeyAndCertificate Issue(Role role, const std::string& name,
                          const std::vector<std::string>& hosts = {}) const {
    const absl::Time now = absl::Now();
    return Issue(role, name, now - absl::Hours(1), now + absl::Hours(24), hosts);
  }
  KeyAndCertificate Issue(Role role, const std::string& name, absl::Time not_before,
                          absl::Time not_after, const std::vector<std::string>& hosts = {}) const {
    return IssueCertificate(authority_, {{role, name}, not_before, not_after, hosts}).value();
  }

 private:
  const KeyAndCertificate authority_;
};

}  // namespace millrace::testing
