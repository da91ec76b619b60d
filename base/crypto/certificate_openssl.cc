// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/certificate_openssl.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <ctime>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace millrace::certificate_internal {
namespace {

// A certificate of ours has about 1 KiB.
constexpr size_t kMaxBytes = size_t{64} << 10;

// OpenSSL's default asks on the terminal, where a daemon would hang.
int NoPassphrase(char*, int, int, void*) { return -1; }

absl::StatusOr<BioPtr> BioOf(absl::string_view pem, absl::string_view what) {
  if (pem.size() > kMaxBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("no ", what, ": ", pem.size(), " bytes are too many for one in PEM"));
  }
  BioPtr bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (bio == nullptr) return OpenSslError("memory");
  return bio;
}

absl::StatusOr<std::string> TextOf(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  if (size <= 0) return OpenSslError("write PEM");
  return std::string(data, size);
}

}  // namespace

absl::Status OpenSslError(absl::string_view what) {
  char reason[256] = "unknown";
  if (const unsigned long code = ERR_peek_last_error(); code != 0) {
    ERR_error_string_n(code, reason, sizeof(reason));
  }
  ERR_clear_error();
  return absl::InternalError(absl::StrCat("OpenSSL: ", what, ": ", reason));
}

absl::StatusOr<X509Ptr> ReadCertificate(absl::string_view pem) {
  MR_ASSIGN_OR_RETURN(const BioPtr bio, BioOf(pem, "certificate"));
  X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr));
  ERR_clear_error();
  if (certificate != nullptr) return certificate;
  return absl::InvalidArgumentError(
      "no certificate: expected PEM text, \"-----BEGIN CERTIFICATE-----\"");
}

absl::StatusOr<std::vector<X509Ptr>> ReadCertificates(absl::string_view pem) {
  constexpr size_t kMost = 8;
  MR_ASSIGN_OR_RETURN(const BioPtr bio, BioOf(pem, "certificate"));
  std::vector<X509Ptr> certificates;
  while (certificates.size() <= kMost) {
    X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr));
    if (certificate == nullptr) break;
    certificates.push_back(std::move(certificate));
  }
  ERR_clear_error();
  if (certificates.empty() || certificates.size() > kMost) {
    return absl::InvalidArgumentError(absl::StrCat(
        "no certificate: expected 1 to ", kMost, " in PEM text, \"-----BEGIN CERTIFICATE-----\""));
  }
  return certificates;
}

absl::StatusOr<KeyPtr> ReadPrivateKey(absl::string_view pem) {
  MR_ASSIGN_OR_RETURN(const BioPtr bio, BioOf(pem, "private key"));
  KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  ERR_clear_error();
  if (key != nullptr) return key;
  return absl::InvalidArgumentError(
      "no private key: expected PEM text without a passphrase, \"-----BEGIN PRIVATE KEY-----\"");
}

absl::StatusOr<X509Ptr> ReadCertificateDer(absl::string_view der) {
  X509Ptr certificate;
  if (der.size() <= kMaxBytes) {
    auto* data = reinterpret_cast<const unsigned char*>(der.data());
    certificate.reset(d2i_X509(nullptr, &data, static_cast<long>(der.size())));
    ERR_clear_error();
  }
  if (certificate != nullptr) {
    // OpenSSL also takes other encodings, and bytes behind: a second name for the same certificate.
    const absl::StatusOr<std::string> written = WriteCertificateDer(certificate.get());
    if (written.ok() && *written == der) return certificate;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("no certificate: ", der.size(), " bytes that are not one in DER"));
}

absl::StatusOr<X509Ptr> ReadCertificatePemOrDer(absl::string_view pem_or_der) {
  const bool is_der = absl::StartsWith(pem_or_der, "0");
  return is_der ? ReadCertificateDer(pem_or_der) : ReadCertificate(pem_or_der);
}

absl::StatusOr<std::string> WriteCertificate(X509* certificate) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr || PEM_write_bio_X509(bio.get(), certificate) != 1) {
    return OpenSslError("write certificate");
  }
  return TextOf(bio.get());
}

absl::StatusOr<std::string> WriteCertificateDer(X509* certificate) {
  const int size = i2d_X509(certificate, nullptr);
  if (size <= 0) return OpenSslError("write certificate");
  std::string der(static_cast<size_t>(size), '\0');
  auto* data = reinterpret_cast<unsigned char*>(der.data());
  if (i2d_X509(certificate, &data) != size) return OpenSslError("write certificate");
  return der;
}

absl::StatusOr<Digest> PublicKeyDigest(EVP_PKEY* key) {
  unsigned char* data = nullptr;
  const int size = i2d_PUBKEY(key, &data);
  if (size <= 0) return OpenSslError("public key");
  const Digest digest = Sha256Of({reinterpret_cast<const char*>(data), static_cast<size_t>(size)});
  OPENSSL_free(data);
  return digest;
}

absl::StatusOr<std::string> WritePrivateKey(EVP_PKEY* key) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  if (bio == nullptr ||
      PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return OpenSslError("write private key");
  }
  return TextOf(bio.get());
}

absl::StatusOr<absl::Time> ReadTime(const ASN1_TIME* time) {
  std::tm civil{};
  if (ASN1_TIME_to_tm(time, &civil) != 1) {
    ERR_clear_error();
    return absl::InvalidArgumentError("its validity holds no date");
  }
  return absl::FromTM(civil, absl::UTCTimeZone());
}

std::string CommonName(X509_NAME* name) {
  const int index = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (index < 0) return "(no name)";
  const ASN1_STRING* text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index));
  return absl::CHexEscape({reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                           static_cast<size_t>(ASN1_STRING_length(text))});
}

absl::StatusOr<FederationIdentity> ReadIdentity(X509* certificate) {
  struct FreeNames {
    void operator()(GENERAL_NAMES* names) const { GENERAL_NAMES_free(names); }
  };
  const std::unique_ptr<GENERAL_NAMES, FreeNames> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  ERR_clear_error();
  std::string found;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_URI) continue;
    const ASN1_IA5STRING* text = name->d.uniformResourceIdentifier;
    const absl::string_view uri(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                                static_cast<size_t>(ASN1_STRING_length(text)));
    if (!absl::StartsWith(uri, "millrace://")) continue;
    if (!found.empty()) {
      return absl::InvalidArgumentError("not a Millrace certificate: it claims two identities");
    }
    found = std::string(uri);
  }
  if (!found.empty()) return ParseFederationUri(found);
  return absl::InvalidArgumentError(
      absl::StrCat("not a Millrace certificate: \"", CommonName(X509_get_subject_name(certificate)),
                   "\" has no URI millrace://<federation>/<role>/<name>; have the federation's "
                   "authority issue one"));
}

}  // namespace millrace::certificate_internal
