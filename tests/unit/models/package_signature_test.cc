// SPDX-License-Identifier: Apache-2.0
#include "models/package_signature.h"

#include <gmock/gmock.h>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "base/crypto/digest.h"
#include "base/crypto/signature.h"
#include "tests/testing/publishers.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/toy_package.h"
#include "tests/unit/base/hex.h"

namespace millrace {
namespace {

using ::millrace::testing::IsOkAndHolds;
using ::millrace::testing::IsStatus;
using ::millrace::testing::Publishers;
using ::millrace::testing::ToyPackage;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kSignatureRefused = absl::StatusCode::kFailedPrecondition;
const absl::Time kSigningDay = absl::FromUnixSeconds(1'800'000'000);

class PackageSignatureTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { publishers_ = new Publishers(kSigningDay); }
  static void TearDownTestSuite() { delete publishers_; }

  PublisherTrust Trust() const { return {publishers_->authority().certificate_pem, {}}; }
  absl::StatusOr<std::vector<std::string>> Verify(const std::string& bytes, int64_t signatures,
                                                  PackageUse use = PackageUse::kInstall,
                                                  absl::Time now = kSigningDay) const {
    const absl::StatusOr<ModelPackage> package = ParsePackage(bytes);
    if (!package.ok()) return package.status();
    return VerifySignatures(*package, trust_, {signatures, counted_}, use, now);
  }

  static Publishers* publishers_;
  PublisherTrust trust_ = Trust();
  std::vector<std::string> counted_;
  const std::string unsigned_ = ToyPackage(3, 0.5F);
};

Publishers* PackageSignatureTest::publishers_ = nullptr;

// Test 1 of RFC 8032, section 7.1, is the key; the signature is OpenSSL's own:
//   openssl pkeyutl -sign -rawin -inkey key.pem -in message
TEST(SignedBytesTest, AreThePurposeAndTheManifest) {
  const Secret<32> seed(
      BytesOf<32>("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
  const std::string bytes = SignedBytes("a manifest");
  EXPECT_EQ(absl::BytesToHexString(bytes),
            "6d696c6c72616365207061636b616765203100"
            "61206d616e6966657374");
  EXPECT_EQ(absl::BytesToHexString(SigningKey::FromEd25519Seed(seed).Sign(bytes)),
            "9b12e5e78b02ff574924feb7b9a722b0271efc1c94be6fb6cc557dc189dfffa6"
            "8fe2659365786a1bd4cd6d0afe2e9bc83699d2274c14df373e9a8fc9a28f970e");
}

// By hand, from the encoding of Protocol Buffers: each field is a tag, a length and the bytes.
TEST(PackagePrefixTest, IsTheManifestItsDigestAndTheLengthOfTheParameters) {
  v1::PackageManifest manifest;
  manifest.set_name("toy");
  manifest.set_version(5);
  (*manifest.mutable_metrics())["mae"] = 1;
  manifest.set_expires_ms(300);
  manifest.set_card("c");
  const std::string encoded =
      "0a03746f79"                        // 1: "toy"
      "1005"                              // 2: 5
      "4a0e0a036d616511000000000000f03f"  // 9: {1: "mae", 2: 1.0}
      "50ac02"                            // 10: 300
      "5a0163";                           // 11: "c"
  const Digest digest = Sha256Of(absl::HexStringToBytes(encoded));
  EXPECT_EQ(absl::BytesToHexString(PackagePrefix(manifest, 8)),
            absl::StrCat("0a1d", encoded, "2220", digest.Hex(), "1a08"));
}

TEST_F(PackageSignatureTest, PublishersSignOneAfterTheOther) {
  const std::string bytes = publishers_->Signed(unsigned_, {"bob", "ada"});
  EXPECT_TRUE(absl::StartsWith(bytes, unsigned_));
  EXPECT_THAT(Verify(bytes, 2), IsOkAndHolds(ElementsAre("ada", "bob")));
  EXPECT_THAT(Verify(bytes, 3),
              IsStatus(kSignatureRefused, HasSubstr("signed by ada, bob, 3 are")));
}

TEST_F(PackageSignatureTest, UnsignedPackageIsRefusedNamingTheWayOut) {
  EXPECT_THAT(Verify(unsigned_, 1), IsStatus(kSignatureRefused, HasSubstr("millrace model sign")));
  EXPECT_THAT(Verify(unsigned_, 0), IsOkAndHolds(ElementsAre()));
}

TEST_F(PackageSignatureTest, StrangersSignatureDoesNotCount) {
  Publishers strangers(kSigningDay);  // of an authority of the same name
  EXPECT_THAT(Verify(strangers.Signed(unsigned_, {"ada"}), 1),
              IsStatus(kSignatureRefused, AllOf(HasSubstr("publisher ada"),
                                                HasSubstr("signed by another authority"))));
}

TEST_F(PackageSignatureTest, OnePublisherCountsOnce) {
  const std::string once = publishers_->Signed(unsigned_, {"ada"});
  const KeyAndCertificate again = publishers_->Issue("ada");
  MR_ASSERT_OK_AND_ASSIGN(const ModelPackage package, ParsePackage(once));
  const KeyAndCertificate& ada = publishers_->Of("ada");
  EXPECT_THAT(SignPackage(package, ada.key_pem, ada.certificate_pem, kSigningDay),
              IsStatus(kSignatureRefused, HasSubstr("ada has signed the package already")));
  const std::string twice = absl::StrCat(once, publishers_->SignatureOf(unsigned_, again));
  EXPECT_THAT(Verify(twice, 2), IsStatus(kSignatureRefused, HasSubstr("2 are asked for")));
  EXPECT_THAT(Verify(twice, 1), IsOkAndHolds(ElementsAre("ada")));
}

TEST_F(PackageSignatureTest, RenewedPublishersSignatureTakesThePlaceOfTheOldOne) {
  MR_ASSERT_OK_AND_ASSIGN(ModelPackage package,
                          ParsePackage(publishers_->Signed(unsigned_, {"ada", "bob"})));
  const KeyAndCertificate renewed = publishers_->Issue("ada");
  MR_ASSERT_OK_AND_ASSIGN(
      const v1::Signature signature,
      SignPackage(package, renewed.key_pem, renewed.certificate_pem, kSigningDay));
  MR_ASSERT_OK(AddSignature(package, signature));
  const std::vector<SignatureFinding> findings =
      CheckSignatures(package, trust_, PackageUse::kInstall, kSigningDay);
  ASSERT_THAT(findings, ::testing::SizeIs(2));
  EXPECT_EQ(findings[0].publisher, "bob");
  EXPECT_EQ(findings[1].publisher, "ada");
  EXPECT_EQ(findings[1].serial, ParseCertificate(renewed.certificate_pem)->serial);
}

TEST_F(PackageSignatureTest, MoreSignaturesThanAPackageMayHaveAreNotAdded) {
  ModelPackage package = ParsePackage(unsigned_).value();
  for (int i = 0; i <= kMaxSignatures; ++i) {
    const KeyAndCertificate by = publishers_->Issue(absl::StrCat("ada-", i));
    MR_ASSERT_OK_AND_ASSIGN(const v1::Signature signature,
                            SignPackage(package, by.key_pem, by.certificate_pem, kSigningDay));
    EXPECT_EQ(AddSignature(package, signature).ok(), i < kMaxSignatures);
  }
}

TEST_F(PackageSignatureTest, ClockThatIsBehindMakesAPackageWaitAndTakesNoneAway) {
  const std::string bytes = publishers_->Signed(unsigned_, {"ada"});
  const absl::Time behind = absl::UnixEpoch();
  EXPECT_THAT(Verify(bytes, 1, PackageUse::kServe, behind), IsOkAndHolds(ElementsAre("ada")));
  EXPECT_THAT(Verify(bytes, 1, PackageUse::kInstall, behind),
              IsStatus(absl::StatusCode::kUnavailable, HasSubstr("counts from")));
  EXPECT_THAT(Verify(bytes, 2, PackageUse::kInstall, behind),
              IsStatus(kSignatureRefused, HasSubstr("2 are asked for")));
  const Publishers strangers(kSigningDay);
  trust_.authority_pem = strangers.authority().certificate_pem;
  EXPECT_THAT(Verify(bytes, 1, PackageUse::kInstall, behind),
              IsStatus(kSignatureRefused, HasSubstr("signed by another authority")));
}

TEST_F(PackageSignatureTest, OnlyThePublishersThatASiteNamesCount) {
  counted_ = {"bob"};
  EXPECT_THAT(Verify(publishers_->Signed(unsigned_, {"ada"}), 1),
              IsStatus(kSignatureRefused, HasSubstr("ada is none of those that count (bob)")));
  EXPECT_THAT(Verify(publishers_->Signed(unsigned_, {"ada", "bob"}), 1),
              IsOkAndHolds(ElementsAre("bob")));
}

TEST_F(PackageSignatureTest, OtherRolesDoNotSign) {
  const KeyAndCertificate operators = publishers_->Issue("ada", Role::kOperator);
  MR_ASSERT_OK_AND_ASSIGN(const ModelPackage package, ParsePackage(unsigned_));
  EXPECT_THAT(SignPackage(package, operators.key_pem, operators.certificate_pem, kSigningDay),
              IsStatus(kSignatureRefused, HasSubstr("only publishers sign")));
  // One that was made with other tools.
  v1::Signature forged;
  forged.set_ed25519(std::string(64, 'x'));
  forged.set_certificate(CertificateDer(operators.certificate_pem).value());
  EXPECT_THAT(Verify(absl::StrCat(unsigned_, PackageSuffix({forged})), 1),
              IsStatus(kSignatureRefused, HasSubstr("expected the role publisher")));
}

TEST_F(PackageSignatureTest, AnothersKeyDoesNotSign) {
  MR_ASSERT_OK_AND_ASSIGN(const ModelPackage package, ParsePackage(unsigned_));
  EXPECT_THAT(SignPackage(package, publishers_->Of("bob").key_pem,
                          publishers_->Of("ada").certificate_pem, kSigningDay),
              IsStatus(kSignatureRefused, HasSubstr("the key does not belong to it")));
}

TEST_F(PackageSignatureTest, SignatureOfAnotherPackageIsWrong) {
  const std::string other = ToyPackage(4, 0.5F);
  const std::string moved =
      absl::StrCat(other, publishers_->SignatureOf(unsigned_, publishers_->Of("ada")));
  EXPECT_THAT(Verify(moved, 1), IsStatus(kSignatureRefused, HasSubstr("did not sign this")));
}

TEST_F(PackageSignatureTest, ExpiredCertificateInstallsNothingButWhatServesGoesOn) {
  const std::string bytes = publishers_->Signed(unsigned_, {"ada"});
  const absl::Time later = kSigningDay + absl::Hours(721);
  EXPECT_THAT(Verify(bytes, 1, PackageUse::kInstall, later),
              IsStatus(kSignatureRefused, HasSubstr("expired on")));
  MR_EXPECT_OK(Verify(bytes, 1, PackageUse::kServe, later));
  MR_ASSERT_OK_AND_ASSIGN(const ModelPackage package, ParsePackage(unsigned_));
  EXPECT_THAT(SignPackage(package, publishers_->Of("ada").key_pem,
                          publishers_->Of("ada").certificate_pem, later),
              IsStatus(kSignatureRefused, HasSubstr("now is")));
}

TEST_F(PackageSignatureTest, RevokedPublisherDoesNotCountEvenForWhatServes) {
  const std::string bytes = publishers_->Signed(unsigned_, {"ada", "bob"});
  MR_ASSERT_OK_AND_ASSIGN(const CertificateInfo ada,
                          ParseCertificate(publishers_->Of("ada").certificate_pem));
  trust_.revoked.since[ada.serial] = kSigningDay;
  for (const PackageUse use : {PackageUse::kInstall, PackageUse::kServe}) {
    EXPECT_THAT(Verify(bytes, 2, use),
                IsStatus(kSignatureRefused, HasSubstr("publisher ada: was revoked")));
    EXPECT_THAT(Verify(bytes, 1, use), IsOkAndHolds(ElementsAre("bob")));
  }
}

TEST_F(PackageSignatureTest, AnyByteChangedIsRefused) {
  const std::string bytes = publishers_->Signed(unsigned_, {"ada"});
  for (size_t place = 0; place < bytes.size(); ++place) {
    std::string changed = bytes;
    changed[place] = static_cast<char>(changed[place] ^ 1 << place % 8);
    EXPECT_FALSE(Verify(changed, 1).ok()) << "byte " << place;
  }
}

TEST_F(PackageSignatureTest, WhatStandsBesidesThePartsIsRefused) {
  v1::ModelPackage file;
  ASSERT_TRUE(file.ParseFromString(unsigned_));
  std::string in_another_order = file.SerializeAsString();
  EXPECT_THAT(Verify(in_another_order, 0),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("another order")));
  EXPECT_FALSE(Verify(absl::StrCat(unsigned_, "\x9a\x06\x01x"), 0).ok());  // an unknown field
  EXPECT_FALSE(Verify(absl::StrCat(unsigned_, unsigned_), 0).ok());
}

TEST_F(PackageSignatureTest, SignaturesThatAreNoneAreRefusedAtOnce) {
  v1::Signature none;
  none.set_ed25519("short");
  EXPECT_THAT(Verify(absl::StrCat(unsigned_, PackageSuffix({none})), 0),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("Ed25519")));
  none.set_ed25519(std::string(64, 'x'));
  const std::string unreadable = absl::StrCat(unsigned_, PackageSuffix({none}));
  EXPECT_THAT(Verify(unreadable, 1), IsStatus(kSignatureRefused, HasSubstr("certificate")));
  const std::vector<v1::Signature> many(kMaxSignatures + 1, none);
  EXPECT_THAT(Verify(absl::StrCat(unsigned_, PackageSuffix(many)), 0),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("17 signatures")));
}

TEST(PackageExpiryTest, APackageEndsAtItsTime) {
  v1::PackageManifest manifest;
  MR_EXPECT_OK(CheckExpiry(manifest, kSigningDay));
  manifest.set_expires_ms(absl::ToUnixMillis(kSigningDay));
  MR_EXPECT_OK(CheckExpiry(manifest, kSigningDay - absl::Milliseconds(1)));
  EXPECT_THAT(CheckExpiry(manifest, kSigningDay),
              IsStatus(kSignatureRefused, HasSubstr("it expired on 2027-01-15")));
}

}  // namespace
}  // namespace millrace
