// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/revocation_list.h"

#include <openssl/asn1.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/crypto/certificate_openssl.h"
#include "base/status.h"

namespace millrace {
namespace {

using namespace certificate_internal;  // NOLINT: its only users are the files of certificates

using ListPtr = std::unique_ptr<X509_CRL, Free<X509_CRL_free>>;
using RevokedPtr = std::unique_ptr<X509_REVOKED, Free<X509_REVOKED_free>>;
using IntegerPtr = std::unique_ptr<ASN1_INTEGER, Free<ASN1_INTEGER_free>>;
using TimePtr = std::unique_ptr<ASN1_TIME, Free<ASN1_TIME_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, Free<BN_free>>;

constexpr size_t kMaxListBytes = size_t{1} << 20;

absl::StatusOr<IntegerPtr> SerialOf(const std::string& hex) {
  BIGNUM* parsed = nullptr;
  const int digits = hex.size() > 40 ? 0 : BN_hex2bn(&parsed, hex.c_str());
  const NumberPtr number(parsed);
  if (digits <= 0 || static_cast<size_t>(digits) != hex.size()) {
    ERR_clear_error();
    return absl::InvalidArgumentError(absl::StrCat("serial number \"",
                                                   absl::CHexEscape(hex.substr(0, 64)),
                                                   "\": expected hexadecimal digits, 40 at most"));
  }
  IntegerPtr serial(BN_to_ASN1_INTEGER(number.get(), nullptr));
  if (serial == nullptr) return OpenSslError("serial number");
  return serial;
}

absl::Status AddRevoked(X509_CRL* list, const std::string& hex, absl::Time since) {
  MR_ASSIGN_OR_RETURN(const IntegerPtr serial, SerialOf(hex));
  const TimePtr date(ASN1_TIME_set(nullptr, absl::ToTimeT(since)));
  RevokedPtr revoked(X509_REVOKED_new());
  if (revoked == nullptr || date == nullptr ||
      X509_REVOKED_set_serialNumber(revoked.get(), serial.get()) != 1 ||
      X509_REVOKED_set_revocationDate(revoked.get(), date.get()) != 1 ||
      X509_CRL_add0_revoked(list, revoked.get()) != 1) {
    return OpenSslError("add to the revocation list");
  }
  revoked.release();
  return absl::OkStatus();
}

absl::StatusOr<std::string> WriteList(X509_CRL* list) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  char* data = nullptr;
  if (bio == nullptr || PEM_write_bio_X509_CRL(bio.get(), list) != 1) {
    return OpenSslError("write revocation list");
  }
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string(data, static_cast<size_t>(size));
}

absl::StatusOr<ListPtr> ReadList(absl::string_view pem) {
  ListPtr list;
  if (pem.size() <= kMaxListBytes) {
    const BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
    if (bio == nullptr) return OpenSslError("memory");
    list.reset(PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr));
    ERR_clear_error();
  }
  if (list != nullptr) return list;
  return absl::InvalidArgumentError(
      "no revocation list: expected PEM text, \"-----BEGIN X509 CRL-----\"");
}

absl::StatusOr<int64_t> NumberOf(X509_CRL* list) {
  const IntegerPtr number(
      static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(list, NID_crl_number, nullptr, nullptr)));
  int64_t value = 0;
  const bool has = number != nullptr && ASN1_INTEGER_get_int64(&value, number.get()) == 1;
  ERR_clear_error();
  if (has && value >= 1) return value;
  return absl::InvalidArgumentError("revocation list: it has no number");
}

absl::StatusOr<std::string> HexOf(const ASN1_INTEGER* serial) {
  const NumberPtr number(ASN1_INTEGER_to_BN(serial, nullptr));
  char* const text = number == nullptr ? nullptr : BN_bn2hex(number.get());
  if (text == nullptr) return OpenSslError("serial number");
  std::string hex = absl::AsciiStrToLower(text);
  OPENSSL_free(text);
  return hex;
}

absl::StatusOr<RevocationList> EntriesOf(X509_CRL* list) {
  RevocationList revoked;
  MR_ASSIGN_OR_RETURN(revoked.number, NumberOf(list));
  STACK_OF(X509_REVOKED)* const entries = X509_CRL_get_REVOKED(list);
  for (int i = 0; i < sk_X509_REVOKED_num(entries); ++i) {
    const X509_REVOKED* const entry = sk_X509_REVOKED_value(entries, i);
    MR_ASSIGN_OR_RETURN(const std::string serial, HexOf(X509_REVOKED_get0_serialNumber(entry)));
    MR_ASSIGN_OR_RETURN(revoked.since[serial], ReadTime(X509_REVOKED_get0_revocationDate(entry)));
  }
  return revoked;
}

}  // namespace

absl::StatusOr<std::string> SignRevocationList(const KeyAndCertificate& authority,
                                               const RevocationList& revoked, absl::Time now) {
  if (revoked.since.size() > kMaxRevoked) {
    return absl::InvalidArgumentError(absl::StrCat("revocation list: ", revoked.since.size(),
                                                   " certificates, at most ", kMaxRevoked,
                                                   "; those that have expired can leave it"));
  }
  MR_ASSIGN_OR_RETURN(const X509Ptr issuer, ReadCertificate(authority.certificate_pem));
  MR_ASSIGN_OR_RETURN(const KeyPtr key, ReadPrivateKey(authority.key_pem));
  const ListPtr list(X509_CRL_new());
  const TimePtr issued(ASN1_TIME_set(nullptr, absl::ToTimeT(now)));
  if (list == nullptr || issued == nullptr ||
      X509_CRL_set_version(list.get(), X509_CRL_VERSION_2) != 1 ||
      X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(issuer.get())) != 1 ||
      X509_CRL_set1_lastUpdate(list.get(), issued.get()) != 1) {
    return OpenSslError("make revocation list");
  }
  for (const auto& [serial, since] : revoked.since) {
    MR_RETURN_IF_ERROR(AddRevoked(list.get(), serial, since));
  }
  const IntegerPtr number(ASN1_INTEGER_new());
  if (number == nullptr || ASN1_INTEGER_set_int64(number.get(), revoked.number) != 1 ||
      X509_CRL_add1_ext_i2d(list.get(), NID_crl_number, number.get(), 0, 0) != 1 ||
      X509_CRL_sort(list.get()) != 1 || X509_CRL_sign(list.get(), key.get(), EVP_sha256()) == 0) {
    return OpenSslError("sign revocation list");
  }
  return WriteList(list.get());
}

absl::StatusOr<RevocationList> VerifyRevocationList(absl::string_view pem,
                                                    absl::string_view authority_pem) {
  MR_ASSIGN_OR_RETURN(const ListPtr list, ReadList(pem));
  MR_ASSIGN_OR_RETURN(const std::vector<X509Ptr> authorities, ReadCertificates(authority_pem));
  bool is_signed = false;
  for (const X509Ptr& authority : authorities) {
    is_signed = is_signed || X509_CRL_verify(list.get(), X509_get0_pubkey(authority.get())) == 1;
  }
  ERR_clear_error();
  if (!is_signed) {
    return absl::PermissionDeniedError(
        "revocation list: it is not signed by this federation's authority");
  }
  return EntriesOf(list.get());
}

absl::StatusOr<RevocationList> ParseRevocationList(absl::string_view pem) {
  MR_ASSIGN_OR_RETURN(const ListPtr list, ReadList(pem));
  return EntriesOf(list.get());
}

}  // namespace millrace
