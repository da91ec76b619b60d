// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/base/certificate_testing.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

namespace millrace {

CertificateRequest RequestFor(Role role, const std::string& name) {
  CertificateRequest request;
  request.identity = {role, name};
  request.not_before = kNow;
  request.not_after = kNow + kDefaultCertificateLife;
  return request;
}

X509Ptr Load(const std::string& pem) {
  BIO* const bio = BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()));
  X509Ptr certificate(PEM_read_bio_X509(bio, nullptr, nullptr, nullptr), X509_free);
  BIO_free(bio);
  return certificate;
}

std::string WithAlternativeNames(const KeyAndCertificate& authority, const std::string& pem,
                                 const char* names) {
  const X509Ptr certificate = Load(pem);
  X509_EXTENSION_free(X509_delete_ext(
      certificate.get(), X509_get_ext_by_NID(certificate.get(), NID_subject_alt_name, -1)));
  X509_EXTENSION* const extension =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names);
  X509_add_ext(certificate.get(), extension, -1);
  X509_EXTENSION_free(extension);
  BIO* const in = BIO_new_mem_buf(authority.key_pem.data(), -1);
  EVP_PKEY* const key = PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr);
  X509_sign(certificate.get(), key, EVP_sha256());
  EVP_PKEY_free(key);
  BIO_free(in);
  BIO* const out = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(out, certificate.get());
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  std::string result(data, size);
  BIO_free(out);
  return result;
}

}  // namespace millrace
