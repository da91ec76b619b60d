// SPDX-License-Identifier: Apache-2.0
// Making certificates: the authority's own and those that it signs.
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rand.h>

#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/crypto/certificate.h"
#include "base/crypto/certificate_openssl.h"
#include "base/name.h"
#include "base/status.h"

namespace millrace {
namespace {

using namespace certificate_internal;  // NOLINT: its only users are these files

using NamePtr = std::unique_ptr<X509_NAME, Free<X509_NAME_free>>;

absl::StatusOr<KeyPtr> NewKey() {
  KeyPtr key(EVP_EC_gen("P-256"));
  if (key == nullptr) return OpenSslError("make a P-256 key");
  return key;
}

absl::StatusOr<KeyPtr> NewPublisherKey() {
  KeyPtr key(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  if (key == nullptr) return OpenSslError("make an Ed25519 key");
  return key;
}

const char* UsageOf(Role role) {
  if (role == Role::kCoordinator) return "serverAuth,clientAuth";
  return role == Role::kPublisher ? "codeSigning" : "clientAuth";
}

absl::Status SetTime(ASN1_TIME* field, absl::Time time) {
  if (ASN1_TIME_set(field, absl::ToTimeT(time)) == nullptr) return OpenSslError("set validity");
  return absl::OkStatus();
}

absl::Status SetSerial(X509* certificate) {
  std::array<unsigned char, 16> bits;
  if (RAND_bytes(bits.data(), bits.size()) != 1) return OpenSslError("random serial number");
  const std::unique_ptr<BIGNUM, Free<BN_free>> number(BN_bin2bn(bits.data(), bits.size(), nullptr));
  if (number == nullptr ||
      BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) == nullptr) {
    return OpenSslError("set serial number");
  }
  return absl::OkStatus();
}

absl::StatusOr<NamePtr> NameOf(absl::string_view common_name) {
  NamePtr name(X509_NAME_new());
  if (name == nullptr ||
      X509_NAME_add_entry_by_NID(name.get(), NID_commonName, MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(common_name.data()),
                                 static_cast<int>(common_name.size()), -1, 0) != 1) {
    return OpenSslError("set name");
  }
  return name;
}

// `value` is one of the constants below, never text from outside: OpenSSL parses it.
absl::Status AddExtension(X509* certificate, X509* issuer, int nid, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, nid, value));
  if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1) {
    return OpenSslError("add extension");
  }
  return absl::OkStatus();
}

absl::StatusOr<X509Ptr> NewCertificate(EVP_PKEY* key, absl::string_view subject,
                                       const X509_NAME* issuer, absl::Time not_before,
                                       absl::Time not_after) {
  X509Ptr certificate(X509_new());
  MR_ASSIGN_OR_RETURN(const NamePtr name, NameOf(subject));
  if (certificate == nullptr || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      X509_set_subject_name(certificate.get(), name.get()) != 1 ||
      X509_set_issuer_name(certificate.get(), issuer == nullptr ? name.get() : issuer) != 1 ||
      X509_set_pubkey(certificate.get(), key) != 1) {
    return OpenSslError("new certificate");
  }
  MR_RETURN_IF_ERROR(SetSerial(certificate.get()));
  MR_RETURN_IF_ERROR(SetTime(X509_getm_notBefore(certificate.get()), not_before));
  MR_RETURN_IF_ERROR(SetTime(X509_getm_notAfter(certificate.get()), not_after));
  return certificate;
}

absl::StatusOr<KeyAndCertificate> Write(EVP_PKEY* key, X509* certificate) {
  KeyAndCertificate pair;
  MR_ASSIGN_OR_RETURN(pair.key_pem, WritePrivateKey(key));
  MR_ASSIGN_OR_RETURN(pair.certificate_pem, WriteCertificate(certificate));
  return pair;
}

absl::Status AddAlternative(GENERAL_NAMES* names, int type, ASN1_STRING* value) {
  GENERAL_NAME* const name = GENERAL_NAME_new();
  if (name == nullptr || value == nullptr) {
    GENERAL_NAME_free(name);
    ASN1_STRING_free(value);
    return OpenSslError("add alternative name");
  }
  GENERAL_NAME_set0_value(name, type, value);
  if (sk_GENERAL_NAME_push(names, name) == 0) {
    GENERAL_NAME_free(name);
    return OpenSslError("add alternative name");
  }
  return absl::OkStatus();
}

ASN1_STRING* Ia5String(absl::string_view text) {
  ASN1_STRING* const value = ASN1_IA5STRING_new();
  if (value != nullptr) ASN1_STRING_set(value, text.data(), static_cast<int>(text.size()));
  return value;
}

absl::Status AddHost(GENERAL_NAMES* names, const std::string& host) {
  bool valid = !host.empty() && host.size() <= 253;
  for (const char c : host) valid = valid && (absl::ascii_isalnum(c) || c == '-' || c == '.');
  // IPv4 and IPv6; a colon is in no host name.
  ASN1_OCTET_STRING* const address = a2i_IPADDRESS(host.c_str());
  ERR_clear_error();
  if (address != nullptr) return AddAlternative(names, GEN_IPADD, address);
  if (valid) return AddAlternative(names, GEN_DNS, Ia5String(host));
  return absl::InvalidArgumentError(absl::StrCat("host \"", absl::CHexEscape(host.substr(0, 253)),
                                                 "\": expected a host name or an IP address"));
}

absl::Status AddAlternatives(X509* certificate, absl::string_view federation,
                             const CertificateRequest& request) {
  struct FreeNames {
    void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
  };
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names(sk_GENERAL_NAME_new_null());
  if (names == nullptr) return OpenSslError("alternative names");
  MR_RETURN_IF_ERROR(
      AddAlternative(names.get(), GEN_URI, Ia5String(IdentityUri(federation, request.identity))));
  if (request.identity.role == Role::kCoordinator) {
    std::vector<std::string> hosts = {"localhost", "127.0.0.1"};
    hosts.insert(hosts.end(), request.hosts.begin(), request.hosts.end());
    for (const std::string& host : hosts) MR_RETURN_IF_ERROR(AddHost(names.get(), host));
  }
  if (X509_add1_ext_i2d(certificate, NID_subject_alt_name, names.get(), 0, X509V3_ADD_DEFAULT) !=
      1) {
    return OpenSslError("add alternative names");
  }
  return absl::OkStatus();
}

absl::Status CheckRequest(X509* authority, const CertificateRequest& request) {
  const Identity& identity = request.identity;
  MR_RETURN_IF_ERROR(CheckName(RoleName(identity.role), identity.name));
  const std::string who = absl::StrCat(RoleName(identity.role), " ", identity.name);
  if (!request.hosts.empty() && identity.role != Role::kCoordinator) {
    return absl::InvalidArgumentError(absl::StrCat(who, ": only a coordinator has host names"));
  }
  if (request.not_after <= request.not_before) {
    return absl::InvalidArgumentError(
        absl::StrCat(who, ": its certificate would end before it begins"));
  }
  MR_ASSIGN_OR_RETURN(const absl::Time end, ReadTime(X509_get0_notAfter(authority)));
  if (request.not_after > end) {
    return absl::InvalidArgumentError(
        absl::StrCat(who, ": its certificate would outlive its authority's, which ends on ",
                     absl::FormatTime("%Y-%m-%d", end, absl::UTCTimeZone()),
                     "; ask for less or create a new authority"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<KeyAndCertificate> CreateAuthority(absl::string_view federation, absl::Time now) {
  MR_RETURN_IF_ERROR(CheckName("federation", federation));
  const absl::Time not_after = now + absl::Hours(24) * 3652;  // ten years
  MR_ASSIGN_OR_RETURN(const KeyPtr key, NewKey());
  MR_ASSIGN_OR_RETURN(const X509Ptr certificate, NewCertificate(key.get(), federation, nullptr,
                                                                now - absl::Hours(24), not_after));
  for (const auto& [nid, value] : {std::pair{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                   std::pair{NID_key_usage, "critical,keyCertSign,cRLSign"},
                                   std::pair{NID_subject_key_identifier, "hash"}}) {
    MR_RETURN_IF_ERROR(AddExtension(certificate.get(), certificate.get(), nid, value));
  }
  if (X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) return OpenSslError("sign");
  return Write(key.get(), certificate.get());
}

absl::StatusOr<X509Ptr> certificate_internal::CertifyKey(const KeyAndCertificate& authority,
                                                         const CertificateRequest& request,
                                                         EVP_PKEY* key) {
  const auto issuer = ReadCertificate(authority.certificate_pem);
  if (!issuer.ok()) return Annotate(issuer.status(), "the authority's certificate");
  const auto issuer_key = ReadPrivateKey(authority.key_pem);
  if (!issuer_key.ok()) return Annotate(issuer_key.status(), "the authority's key");
  if (X509_check_private_key(issuer->get(), issuer_key->get()) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("the authority's key does not belong to its certificate");
  }
  MR_RETURN_IF_ERROR(CheckRequest(issuer->get(), request));
  const std::string federation = CommonName(X509_get_subject_name(issuer->get()));
  MR_RETURN_IF_ERROR(CheckName("federation", federation));

  MR_ASSIGN_OR_RETURN(X509Ptr certificate, NewCertificate(key, request.identity.name,
                                                          X509_get_subject_name(issuer->get()),
                                                          request.not_before, request.not_after));
  for (const auto& [nid, value] : {std::pair{NID_basic_constraints, "critical,CA:FALSE"},
                                   std::pair{NID_key_usage, "critical,digitalSignature"},
                                   std::pair{NID_ext_key_usage, UsageOf(request.identity.role)},
                                   std::pair{NID_subject_key_identifier, "hash"},
                                   std::pair{NID_authority_key_identifier, "keyid:always"}}) {
    MR_RETURN_IF_ERROR(AddExtension(certificate.get(), issuer->get(), nid, value));
  }
  MR_RETURN_IF_ERROR(AddAlternatives(certificate.get(), federation, request));
  if (X509_sign(certificate.get(), issuer_key->get(), EVP_sha256()) == 0) {
    return OpenSslError("sign");
  }
  return certificate;
}

absl::StatusOr<KeyAndCertificate> IssueCertificate(const KeyAndCertificate& authority,
                                                   const CertificateRequest& request) {
  const bool publishes = request.identity.role == Role::kPublisher;
  MR_ASSIGN_OR_RETURN(const KeyPtr key, publishes ? NewPublisherKey() : NewKey());
  MR_ASSIGN_OR_RETURN(const X509Ptr certificate, CertifyKey(authority, request, key.get()));
  return Write(key.get(), certificate.get());
}

}  // namespace millrace
