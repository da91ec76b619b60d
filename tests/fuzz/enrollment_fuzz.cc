// SPDX-License-Identifier: Apache-2.0
// What reaches the coordinator from someone without a certificate, and a site from its coordinator:
// signing requests, revocation lists, lists of authorities, tokens that a person typed.
#include "absl/time/time.h"
#include "base/check.h"
#include "base/crypto/certificate.h"
#include "base/crypto/enrollment_token.h"
#include "base/crypto/revocation_list.h"
#include "base/crypto/signing_request.h"
#include "base/crypto/trust.h"
#include "tests/fuzz/mutated.h"

using namespace millrace;        // NOLINT: the fuzzer's entry point lies outside
using namespace millrace::fuzz;  // NOLINT

namespace {

struct Originals {
  KeyAndCertificate authority;
  std::string request;
  std::string list;
  std::string authorities;
  std::string token;
};

Originals Make() {
  const absl::Time now = absl::FromUnixSeconds(1'800'000'000);
  Originals made;
  made.authority = CreateAuthority("fuzz", now).value();
  made.request = MakeSigningRequest(NewPrivateKey().value()).value();
  made.list = SignRevocationList(made.authority, {1, {{"ab12", now}}}, now).value();
  const std::string der = CertificateDer(made.authority.certificate_pem).value();
  made.authorities = AuthoritiesPem({7, {der}}).value();
  made.token = ToText(EnrollmentToken::New(Sha256Of("authorities")));
  return made;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Originals& original = *new Originals(Make());
  const std::string request = Mutated(original.request, {data, size});
  MR_CHECK(!VerifySigningRequest(request).ok() || request == original.request);
  (void)VerifyRevocationList(Mutated(original.list, {data, size}),
                             original.authority.certificate_pem);
  if (const auto read = ParseAuthorities(Mutated(original.authorities, {data, size})); read.ok()) {
    (void)AuthoritiesPem(*read);
  }
  (void)ParseEnrollmentToken(Mutated(original.token, {data, size}));
  return 0;
}
