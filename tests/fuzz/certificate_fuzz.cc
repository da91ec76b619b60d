// SPDX-License-Identifier: Apache-2.0
// Certificates that reach a site by way of the coordinator, and signatures under their keys.
#include "absl/time/time.h"
#include "base/check.h"
#include "base/crypto/certificate.h"
#include "base/crypto/signature.h"
#include "tests/fuzz/mutated.h"

using namespace millrace;        // NOLINT: the fuzzer's entry point lies outside
using namespace millrace::fuzz;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  static const KeyAndCertificate& authority =
      *new KeyAndCertificate(CreateAuthority("fuzz", now).value());
  static const KeyAndCertificate& site = *new KeyAndCertificate(
      IssueCertificate(authority, {Identity{Role::kSite, "press-7"}, now, now + absl::Hours(1), {}})
          .value());
  static const std::string& der = *new std::string(CertificateDer(site.certificate_pem).value());
  const std::string mutated = Mutated(der, {data, size});
  const auto verified = VerifyPeerCertificate(mutated, authority.certificate_pem, Role::kSite, now);
  MR_CHECK(!verified.ok() || mutated == der);
  if (const auto key = VerifyingKey::FromCertificate(mutated); key.ok()) {
    (void)key->Verify("message", mutated);
  }
  return 0;
}
