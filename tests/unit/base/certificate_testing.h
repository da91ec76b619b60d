// SPDX-License-Identifier: Apache-2.0
// What the tests of certificates share.
#pragma once

#include <openssl/x509.h>

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "base/crypto/certificate.h"

namespace millrace {

inline const absl::Time kNow = absl::FromUnixSeconds(1767225600);  // 2026-01-01 00:00:00 UTC

/// From kNow for kDefaultCertificateLife.
CertificateRequest RequestFor(Role role, const std::string& name);

using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;
X509Ptr Load(const std::string& pem);

/// The certificate with other alternative names, signed by the authority all the same: what a
/// careless operator could make with other tools.
std::string WithAlternativeNames(const KeyAndCertificate& authority, const std::string& pem,
                                 const char* names);

}  // namespace millrace
