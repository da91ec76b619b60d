// SPDX-License-Identifier: Apache-2.0
#include "base/crypto/certificate.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <set>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/retry_after.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/base/certificate_testing.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using testing::IsOkAndHolds;
using testing::IsStatus;
using ::testing::StartsWith;

/// One authority for all tests: making keys is what takes the time.
class CertificateTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    authority_ = new KeyAndCertificate(CreateAuthority("acme-presses", kNow).value());
    site_ = new KeyAndCertificate(
        IssueCertificate(*authority_, RequestFor(Role::kSite, "press-7")).value());
  }
  static void TearDownTestSuite() {
    delete site_;
    delete authority_;
  }

  static absl::Status CheckSite(absl::Time now = kNow + absl::Hours(1)) {
    return CheckCertificate(site_->certificate_pem, authority_->certificate_pem, site_->key_pem,
                            Role::kSite, now, "site.crt");
  }

  static KeyAndCertificate* authority_;
  static KeyAndCertificate* site_;
};

KeyAndCertificate* CertificateTest::authority_ = nullptr;
KeyAndCertificate* CertificateTest::site_ = nullptr;

// What `openssl verify -x509_strict -CAfile authority -purpose <purpose> -attime kNow` says.
std::string OpenSslVerify(const std::string& pem, const std::string& authority_pem, int purpose) {
  const X509Ptr certificate = Load(pem);
  const X509Ptr authority = Load(authority_pem);
  X509_STORE* const store = X509_STORE_new();
  X509_STORE_add_cert(store, authority.get());
  X509_STORE_CTX* const context = X509_STORE_CTX_new();
  X509_STORE_CTX_init(context, store, certificate.get(), nullptr);
  X509_VERIFY_PARAM* const parameters = X509_STORE_CTX_get0_param(context);
  X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT);
  X509_VERIFY_PARAM_set_purpose(parameters, purpose);
  X509_VERIFY_PARAM_set_time(parameters, absl::ToTimeT(kNow));
  X509_verify_cert(context);
  std::string result = X509_verify_cert_error_string(X509_STORE_CTX_get_error(context));
  X509_STORE_CTX_free(context);
  X509_STORE_free(store);
  return result;
}

TEST_F(CertificateTest, OpenSslAcceptsASitesCertificateForACallerStrictly) {
  EXPECT_EQ(
      OpenSslVerify(site_->certificate_pem, authority_->certificate_pem, X509_PURPOSE_SSL_CLIENT),
      "ok");
}

TEST_F(CertificateTest, OpenSslRefusesASitesCertificateForAServer) {
  EXPECT_THAT(
      OpenSslVerify(site_->certificate_pem, authority_->certificate_pem, X509_PURPOSE_SSL_SERVER),
      HasSubstr("certificate purpose"));
}

TEST_F(CertificateTest, OpenSslAcceptsACoordinatorsCertificateForBoth) {
  MR_ASSERT_OK_AND_ASSIGN(const auto pair,
                          IssueCertificate(*authority_, RequestFor(Role::kCoordinator, "main")));
  for (const int purpose : {X509_PURPOSE_SSL_SERVER, X509_PURPOSE_SSL_CLIENT}) {
    EXPECT_EQ(OpenSslVerify(pair.certificate_pem, authority_->certificate_pem, purpose), "ok");
  }
}

TEST_F(CertificateTest, OpenSslAcceptsTheAuthorityOfItself) {
  EXPECT_EQ(
      OpenSslVerify(authority_->certificate_pem, authority_->certificate_pem, X509_PURPOSE_ANY),
      "ok");
}

TEST_F(CertificateTest, OpenSslRefusesACertificateThatASiteSigned) {
  // IssueCertificate does not look at who signs; CA:FALSE is what breaks the chain.
  const auto result = IssueCertificate(*site_, RequestFor(Role::kCoordinator, "evil"));
  MR_ASSERT_OK(result);
  EXPECT_NE(OpenSslVerify(result->certificate_pem, site_->certificate_pem, X509_PURPOSE_SSL_SERVER),
            "ok");
}

TEST_F(CertificateTest, ACoordinatorIsServedUnderItsHostsAndLocally) {
  CertificateRequest request = RequestFor(Role::kCoordinator, "main");
  request.hosts = {"fl.acme.example", "192.0.2.7", "2001:db8::7"};
  MR_ASSERT_OK_AND_ASSIGN(const auto pair, IssueCertificate(*authority_, request));
  const X509Ptr certificate = Load(pair.certificate_pem);
  for (const char* host : {"fl.acme.example", "localhost"}) {
    EXPECT_EQ(X509_check_host(certificate.get(), host, 0, 0, nullptr), 1) << host;
  }
  for (const char* address : {"192.0.2.7", "2001:db8::7", "127.0.0.1"}) {
    EXPECT_EQ(X509_check_ip_asc(certificate.get(), address, 0), 1) << address;
  }
  EXPECT_NE(X509_check_host(certificate.get(), "other.example", 0, 0, nullptr), 1);
}

TEST_F(CertificateTest, WhatWasIssuedIsParsed) {
  for (const Role role : {Role::kSite, Role::kCoordinator, Role::kOperator}) {
    MR_ASSERT_OK_AND_ASSIGN(const auto pair,
                            IssueCertificate(*authority_, RequestFor(role, "A.b_c-9")));
    MR_ASSERT_OK_AND_ASSIGN(const CertificateInfo info, ParseCertificate(pair.certificate_pem));
    EXPECT_EQ(info.identity, (Identity{role, "A.b_c-9"}));
    EXPECT_EQ(info.federation, "acme-presses");
    EXPECT_EQ(info.not_before, kNow);
    EXPECT_EQ(info.not_after, kNow + absl::Hours(24 * 30));
  }
}

TEST_F(CertificateTest, DatesBeyond2050AreKept) {
  // X.509 writes them in another format, GeneralizedTime.
  const absl::Time far = absl::FromUnixSeconds(2840140800);  // 2060-01-01 00:00:00 UTC
  MR_ASSERT_OK_AND_ASSIGN(const auto authority, CreateAuthority("late", far - absl::Hours(9)));
  CertificateRequest request = RequestFor(Role::kSite, "press-7");
  request.not_after = far;
  MR_ASSERT_OK_AND_ASSIGN(const auto pair, IssueCertificate(authority, request));
  MR_ASSERT_OK_AND_ASSIGN(const CertificateInfo info, ParseCertificate(pair.certificate_pem));
  EXPECT_EQ(info.not_after, far);
}

TEST_F(CertificateTest, TheFingerprintIsTheSha256OfTheDer) {
  // The DER is the base64 between the PEM's first and last line.
  const std::string& pem = site_->certificate_pem;
  const size_t begin = pem.find('\n');
  const size_t end = pem.find("\n-----END");
  std::string der;
  ASSERT_TRUE(absl::Base64Unescape(pem.substr(begin, end - begin), &der));
  MR_ASSERT_OK_AND_ASSIGN(const CertificateInfo info, ParseCertificate(pem));
  EXPECT_EQ(info.fingerprint, Sha256Of(der));
}

TEST_F(CertificateTest, SerialNumbersAreRandomWithUpTo128Bits) {
  std::set<std::string> serials;
  size_t longest = 0;
  for (int i = 0; i < 20; ++i) {
    MR_ASSERT_OK_AND_ASSIGN(const auto pair,
                            IssueCertificate(*authority_, RequestFor(Role::kSite, "press-7")));
    MR_ASSERT_OK_AND_ASSIGN(const CertificateInfo info, ParseCertificate(pair.certificate_pem));
    EXPECT_EQ(info.serial.find_first_not_of("0123456789abcdef"), std::string::npos);
    serials.insert(info.serial);
    longest = std::max(longest, info.serial.size());
  }
  EXPECT_EQ(serials.size(), 20u);
  EXPECT_EQ(longest, 32u);
}

TEST_F(CertificateTest, KeysAreOnP256) {
  BIO* const bio = BIO_new_mem_buf(site_->key_pem.data(), -1);
  EVP_PKEY* const key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  char group[32] = "";
  ASSERT_EQ(EVP_PKEY_get_group_name(key, group, sizeof(group), nullptr), 1);
  EXPECT_STREQ(group, "prime256v1");
  EVP_PKEY_free(key);
  BIO_free(bio);
}

TEST_F(CertificateTest, AGoodCertificateChecks) { MR_EXPECT_OK(CheckSite()); }

TEST_F(CertificateTest, ACertificateIsGoodUntilItsLastSecond) {
  MR_EXPECT_OK(CheckSite(kNow));
  MR_EXPECT_OK(CheckSite(kNow + kDefaultCertificateLife - absl::Seconds(1)));
}

TEST_F(CertificateTest, AnExpiredCertificateIsRefusedNamingTheDate) {
  EXPECT_THAT(CheckSite(kNow + kDefaultCertificateLife),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       StartsWith("site.crt: expired on 2026-01-31 00:00:00 UTC")));
}

TEST_F(CertificateTest, ACertificateOfTheFutureIsRefusedNamingTheDate) {
  EXPECT_THAT(CheckSite(kNow - absl::Seconds(1)),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       StartsWith("site.crt: not valid before 2026-01-01 00:00:00 UTC")));
}

TEST_F(CertificateTest, ACertificateOfTheFutureSaysWhenItWillCountIfNothingElseIsWrong) {
  const absl::Time early = kNow - absl::Seconds(90);
  EXPECT_EQ(RetryAfter(CheckSite(early)), absl::Seconds(90));
  MR_ASSERT_OK_AND_ASSIGN(const auto other,
                          IssueCertificate(*authority_, RequestFor(Role::kSite, "press-7")));
  const absl::Status wrong_key =
      CheckCertificate(site_->certificate_pem, authority_->certificate_pem, other.key_pem,
                       Role::kSite, early, "site.crt");
  EXPECT_THAT(wrong_key, IsStatus(absl::StatusCode::kFailedPrecondition, StartsWith("site.crt: ")));
  EXPECT_EQ(RetryAfter(wrong_key), std::nullopt);
  EXPECT_EQ(RetryAfter(CheckSite(kNow + kDefaultCertificateLife)), std::nullopt);
}

TEST_F(CertificateTest, AnotherAuthorityIsRefusedNamingBoth) {
  MR_ASSERT_OK_AND_ASSIGN(const auto other, CreateAuthority("other-federation", kNow));
  EXPECT_THAT(CheckCertificate(site_->certificate_pem, other.certificate_pem, site_->key_pem,
                               Role::kSite, kNow, "site.crt"),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       AllOf(StartsWith("site.crt: signed by another authority"),
                             HasSubstr("acme-presses"), HasSubstr("other-federation"))));
}

TEST_F(CertificateTest, AnAuthorityOfTheSameNameWithAnotherKeyIsRefused) {
  MR_ASSERT_OK_AND_ASSIGN(const auto impostor, CreateAuthority("acme-presses", kNow));
  EXPECT_THAT(CheckCertificate(site_->certificate_pem, impostor.certificate_pem, site_->key_pem,
                               Role::kSite, kNow, "site.crt"),
              IsStatus(absl::StatusCode::kFailedPrecondition, HasSubstr("with another key")));
}

TEST_F(CertificateTest, AnotherKeyIsRefused) {
  EXPECT_THAT(CheckCertificate(site_->certificate_pem, authority_->certificate_pem,
                               authority_->key_pem, Role::kSite, kNow, "site.crt"),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("site.crt: the key does not belong")));
}

TEST_F(CertificateTest, AnotherRoleIsRefused) {
  EXPECT_THAT(CheckCertificate(site_->certificate_pem, authority_->certificate_pem, site_->key_pem,
                               Role::kCoordinator, kNow, "site.crt"),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("is for site press-7, expected the role coordinator")));
}

TEST_F(CertificateTest, ACertificateWithoutAnIdentityIsNoMillraceCertificate) {
  EXPECT_THAT(ParseCertificate(authority_->certificate_pem),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       HasSubstr("not a Millrace certificate: \"acme-presses\"")));
  EXPECT_THAT(CheckCertificate(authority_->certificate_pem, authority_->certificate_pem,
                               authority_->key_pem, Role::kSite, kNow, "site.crt"),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       StartsWith("site.crt: not a Millrace certificate")));
}

TEST_F(CertificateTest, AnIdentityOfAnotherFederationIsRefused) {
  const std::string pem = WithAlternativeNames(*authority_, site_->certificate_pem,
                                               "URI:millrace://other/site/press-7");
  EXPECT_THAT(CheckCertificate(pem, authority_->certificate_pem, site_->key_pem, Role::kSite, kNow,
                               "site.crt"),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("is for federation other, its authority's is acme-")));
}

TEST_F(CertificateTest, TwoIdentitiesInOneCertificateAreRefused) {
  const std::string pem = WithAlternativeNames(
      *authority_, site_->certificate_pem,
      "URI:millrace://acme-presses/site/press-7,URI:millrace://acme-presses/site/press-8");
  EXPECT_THAT(ParseCertificate(pem),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("two identities")));
}

TEST_F(CertificateTest, OtherUrisBesideTheIdentityAreNoneOfOurs) {
  const std::string pem =
      WithAlternativeNames(*authority_, site_->certificate_pem,
                           "URI:https://acme.example/,URI:millrace://acme-presses/site/press-9");
  MR_ASSERT_OK_AND_ASSIGN(const CertificateInfo info, ParseCertificate(pem));
  EXPECT_EQ(info.identity.name, "press-9");
}

TEST_F(CertificateTest, AnAuthorityThatIsNotValidYetIsRefused) {
  MR_ASSERT_OK_AND_ASSIGN(const auto young, CreateAuthority("acme", kNow + absl::Hours(48)));
  MR_ASSERT_OK_AND_ASSIGN(const auto pair,
                          IssueCertificate(young, RequestFor(Role::kSite, "press-7")));
  const auto check = [&](absl::Time now) {
    return CheckCertificate(pair.certificate_pem, young.certificate_pem, pair.key_pem, Role::kSite,
                            now, "site.crt");
  };
  EXPECT_THAT(check(kNow + absl::Hours(23)),
              IsStatus(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("authority's certificate is not accepted: certificate "
                                 "is not yet valid")));
  MR_EXPECT_OK(check(kNow + absl::Hours(24)));
}

TEST_F(CertificateTest, ACertificateDoesNotOutliveItsAuthority) {
  CertificateRequest request = RequestFor(Role::kSite, "press-7");
  request.not_after = kNow + absl::Hours(24 * 3652) + absl::Seconds(1);
  EXPECT_THAT(IssueCertificate(*authority_, request),
              IsStatus(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("site press-7"), HasSubstr("2036-01-01"))));
}

TEST_F(CertificateTest, ALifeThatEndsBeforeItBeginsIsRefused) {
  CertificateRequest request = RequestFor(Role::kSite, "press-7");
  request.not_after = request.not_before;
  EXPECT_THAT(IssueCertificate(*authority_, request),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("press-7")));
}

TEST_F(CertificateTest, OnlyACoordinatorHasHosts) {
  CertificateRequest request = RequestFor(Role::kSite, "press-7");
  request.hosts = {"fl.acme.example"};
  EXPECT_THAT(IssueCertificate(*authority_, request),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("only a coordinator")));
}

TEST_F(CertificateTest, AHostThatIsNoneIsRefused) {
  for (const std::string host : {"", "a b", "*.acme.example", "a,DNS:evil", "a/b", "::g"}) {
    CertificateRequest request = RequestFor(Role::kCoordinator, "main");
    request.hosts = {host};
    EXPECT_THAT(IssueCertificate(*authority_, request),
                IsStatus(absl::StatusCode::kInvalidArgument,
                         StartsWith(absl::StrCat("host \"", host, "\""))));
  }
}

TEST_F(CertificateTest, NamesAreChecked) {
  for (const std::string& name :
       {std::string(), std::string("a/b"), std::string(".."), std::string("a b"),
        std::string("a\0b", 3), std::string(65, 'a')}) {
    EXPECT_THAT(CreateAuthority(name, kNow),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("federation name")));
    EXPECT_THAT(IssueCertificate(*authority_, RequestFor(Role::kSite, name)),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("site name")));
  }
  MR_EXPECT_OK(IssueCertificate(*authority_, RequestFor(Role::kSite, std::string(64, 'a'))));
}

TEST_F(CertificateTest, AnAuthorityWithAnothersKeyDoesNotIssue) {
  EXPECT_THAT(IssueCertificate({site_->key_pem, authority_->certificate_pem},
                               RequestFor(Role::kSite, "press-8")),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("does not belong")));
}

TEST(IdentityUriTest, AnIdentityGoesThereAndBack) {
  for (const Role role : {Role::kSite, Role::kCoordinator, Role::kOperator}) {
    EXPECT_THAT(ParseIdentityUri(IdentityUri("acme", {role, "x-1"})),
                IsOkAndHolds(Identity{role, "x-1"}));
  }
  EXPECT_EQ(IdentityUri("acme", {Role::kSite, "press-7"}), "millrace://acme/site/press-7");
}

TEST(IdentityUriTest, AnythingElseIsRefused) {
  for (const absl::string_view uri :
       {"", "millrace://", "millrace://acme", "millrace://acme/site", "millrace://acme/site/",
        "millrace:///site/a", "millrace://acme/Site/a", "millrace://acme/plant/a",
        "millrace://acme/site/a/b", "millrace://acme/site/a?b", "MILLRACE://acme/site/a",
        "spiffe://acme/site/a", " millrace://acme/site/a", "millrace://acme/site/a ",
        "millrace://acme/site/..", "millrace://a%2fb/site/a"}) {
    EXPECT_FALSE(ParseIdentityUri(uri).ok()) << uri;
  }
}

TEST(IdentityUriTest, AHostileUriIsQuotedHarmlesslyAndShort) {
  const std::string uri = "\x1b[2J\n" + std::string(100'000, 'x');
  const absl::Status refused = ParseIdentityUri(uri).status();
  EXPECT_THAT(refused, IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("\\x1b[2J\\n")));
  EXPECT_LT(refused.message().size(), 1000u);
}

TEST_F(CertificateTest, HostilePemIsRefused) {
  for (const std::string& pem :
       {std::string(), std::string("-----BEGIN CERTIFICATE-----"),
        std::string("-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"),
        std::string("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"),
        site_->key_pem, std::string(100'000, '-'), std::string(1000, '\0')}) {
    EXPECT_THAT(ParseCertificate(pem),
                IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("no certificate")));
    EXPECT_THAT(CheckCertificate(site_->certificate_pem, pem, site_->key_pem, Role::kSite, kNow,
                                 "site.crt"),
                IsStatus(absl::StatusCode::kInvalidArgument,
                         HasSubstr("site.crt: the authority's certificate")));
  }
  EXPECT_THAT(
      CheckCertificate(site_->certificate_pem, authority_->certificate_pem, site_->certificate_pem,
                       Role::kSite, kNow, "site.crt"),
      IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("site.crt: its key: no private key")));
}

TEST_F(CertificateTest, ACertificateWithAnyByteChangedIsRefused) {
  Random random(1);
  std::string good = site_->certificate_pem;
  const size_t begin = good.find('\n') + 1;
  const size_t end = good.find("\n-----END");
  for (int trial = 0; trial < 500; ++trial) {
    std::string pem = good;
    char& byte = pem[begin + random.Below(end - begin)];
    const char changed = static_cast<char>(random.Below(256));
    if (byte == changed || byte == '=') continue;
    byte = changed;
    // Whitespace and the last digit's unused bits decode to the same certificate.
    const auto info = ParseCertificate(pem);
    if (info.ok() && info->fingerprint == ParseCertificate(good)->fingerprint) continue;
    EXPECT_FALSE(CheckCertificate(pem, authority_->certificate_pem, site_->key_pem, Role::kSite,
                                  kNow, "site.crt")
                     .ok())
        << pem;
  }
}

TEST_F(CertificateTest, AKeyWithAPassphraseIsRefusedWithoutAsking) {
  BIO* const in = BIO_new_mem_buf(site_->key_pem.data(), -1);
  EVP_PKEY* const key = PEM_read_bio_PrivateKey(in, nullptr, nullptr, nullptr);
  BIO* const out = BIO_new(BIO_s_mem());
  ASSERT_EQ(
      PEM_write_bio_PKCS8PrivateKey(out, key, EVP_aes_256_cbc(), "secret", 6, nullptr, nullptr), 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  const std::string encrypted(data, size);
  EVP_PKEY_free(key);
  BIO_free(in);
  BIO_free(out);
  EXPECT_THAT(CheckCertificate(site_->certificate_pem, authority_->certificate_pem, encrypted,
                               Role::kSite, kNow, "site.crt"),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("without a passphrase")));
}

}  // namespace
}  // namespace millrace
