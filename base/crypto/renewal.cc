// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/renewal.h"

#include "absl/strings/str_cat.h"
#include "base/crypto/digest.h"
#include "base/crypto/signature.h"
#include "base/status.h"

namespace millrace {
namespace {

std::string SignedBytes(absl::string_view signing_request) {
  return absl::StrCat("millrace renewal ", Sha256Of(signing_request).Hex());
}

}  // namespace

absl::StatusOr<std::string> SignRenewal(const std::string& present_key_pem,
                                        absl::string_view signing_request) {
  MR_ASSIGN_OR_RETURN(const SigningKey key, SigningKey::FromPem(present_key_pem));
  return key.Sign(SignedBytes(signing_request));
}

absl::Status VerifyRenewal(absl::string_view present, absl::string_view signing_request,
                           absl::string_view signature) {
  MR_ASSIGN_OR_RETURN(const VerifyingKey key, VerifyingKey::FromCertificate(present));
  if (key.Verify(SignedBytes(signing_request), signature)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "renewal: the request was not signed with the key of the present certificate");
}

}  // namespace millrace
