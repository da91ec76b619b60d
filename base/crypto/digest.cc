// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/digest.h"

#include <openssl/evp.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace millrace {

std::string Digest::Hex() const {
  return absl::BytesToHexString({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

absl::StatusOr<Digest> Digest::FromHex(absl::string_view hex) {
  bool valid = hex.size() == 64;
  for (const char c : hex) valid = valid && absl::ascii_isxdigit(c);
  if (!valid) {
    return absl::InvalidArgumentError("digest: expected 64 hexadecimal digits (SHA-256)");
  }
  const std::string raw = absl::HexStringToBytes({hex.data(), hex.size()});
  Digest digest;
  std::copy(raw.begin(), raw.end(), digest.bytes.begin());
  return digest;
}

absl::StatusOr<Digest> Digest::FromBytes(absl::string_view raw) {
  Digest digest;
  if (raw.size() != digest.bytes.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat("digest: ", raw.size(), " bytes, a SHA-256 has ", digest.bytes.size()));
  }
  std::copy(raw.begin(), raw.end(), digest.bytes.begin());
  return digest;
}

void Sha256::Free::operator()(evp_md_ctx_st* context) const { EVP_MD_CTX_free(context); }

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  MR_CHECK(context_ != nullptr);
  MR_CHECK(EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::Update(std::span<const char> data) {
  MR_CHECK(EVP_DigestUpdate(context_.get(), data.data(), data.size()) == 1);
}

Digest Sha256::Finish() {
  Digest digest;
  unsigned int length = 0;
  MR_CHECK(EVP_DigestFinal_ex(context_.get(), digest.bytes.data(), &length) == 1);
  MR_CHECK(length == digest.bytes.size());
  context_.reset();
  return digest;
}

Digest Sha256Of(absl::string_view data) {
  Sha256 hasher;
  hasher.Update({data.data(), data.size()});
  return hasher.Finish();
}

}  // namespace millrace
