// SPDX-License-Identifier: Apache-2.0
// Who vouches for a model package. A publisher, whom the federation's authority has certified,
// signs with Ed25519 what SignedBytes makes of the manifest: the manifest's digests bind graph,
// layout, scaling and parameters, so that nothing but other signatures can be added.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/crypto/revocation_list.h"
#include "models/package.h"

namespace millrace {

/// "millrace package 1", a zero byte, the manifest's bytes.
std::string SignedBytes(absl::string_view manifest_bytes);

/// By the holder of `certificate_pem`. FAILED_PRECONDITION unless that is a publisher's, counts at
/// `now`, belongs to the key, and nobody has signed the package with it yet.
absl::StatusOr<v1::Signature> SignPackage(const ModelPackage& package, const std::string& key_pem,
                                          const std::string& certificate_pem, absl::Time now);

/// Adds it to the package's, in place of any earlier one of that publisher, which may count no
/// more: the certificate was renewed, or is from before the federation's authority changed.
/// FAILED_PRECONDITION if the package has as many as it may have.
absl::Status AddSignature(ModelPackage& package, const v1::Signature& signature);

/// Whom a site, or an operator, believes.
struct PublisherTrust {
  std::string authority_pem;
  RevocationList revoked;
};

/// When a package is looked at. Of one that was installed before the clock does not matter: what
/// has expired since does not count against it, so that a plant does not lose its watch over night,
/// nor does a machine whose clock begins in 1970.
enum class PackageUse { kInstall, kServe };

/// What one of a package's signatures is worth.
struct SignatureFinding {
  std::string publisher;  // as its certificate says; "unknown" where that cannot be read
  std::string serial;
  absl::Time not_after = absl::InfinitePast();  // of the certificate
  absl::Status status;  // OK if it counts; UNAVAILABLE if it will, later; else why not
};

/// Of all of them, in the package's order.
std::vector<SignatureFinding> CheckSignatures(const ModelPackage& package,
                                              const PublisherTrust& trust, PackageUse use,
                                              absl::Time now);

/// What is asked of a package's signatures.
struct SignaturePolicy {
  int64_t signatures = 0;               // of so many publishers; 0: none
  std::vector<std::string> publishers;  // who counts; empty: whomever the authority certified
};

/// The publishers whose signatures count, sorted. FAILED_PRECONDITION, with what is wrong with the
/// others, if they are too few; UNAVAILABLE if they will be enough later.
absl::StatusOr<std::vector<std::string>> VerifySignatures(const ModelPackage& package,
                                                          const PublisherTrust& trust,
                                                          const SignaturePolicy& policy,
                                                          PackageUse use, absl::Time now);

/// FAILED_PRECONDITION from the package's end on.
absl::Status CheckExpiry(const v1::PackageManifest& manifest, absl::Time now);

}  // namespace millrace
