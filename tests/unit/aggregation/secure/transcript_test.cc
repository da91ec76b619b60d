// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/transcript.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/escaping.h"

namespace millrace {
namespace {

using ::testing::StartsWith;

SecureContext Context() {
  return {"plants", "bearings", 41, 2, Sha256Of("model"), Sha256Of("plan"), Sha256Of("scaling")};
}

v1::Advertisement Keys(const std::string& site) {
  v1::Advertisement advertisement;
  advertisement.set_site(site);
  advertisement.set_mask_key(std::string(32, 'm'));
  advertisement.set_seal_key(std::string(32, 's'));
  advertisement.set_nonce(std::string(16, 'n'));
  advertisement.set_certificate_sha256(std::string(32, 'c'));
  advertisement.set_signature(std::string(64, 'x'));
  return advertisement;
}

Digest CohortOf(const std::vector<v1::Advertisement>& members) {
  std::vector<const v1::Advertisement*> cohort;
  for (const v1::Advertisement& member : members) cohort.push_back(&member);
  return CohortDigest(DigestOf(Context()), cohort);
}

using ChangeContext = std::function<void(SecureContext&)>;
const ChangeContext kContextChanges[] = {
    [](auto& context) { context.federation = "plant"; },
    [](auto& context) { context.run = "bearing"; },
    [](auto& context) { context.round = 42; },
    [](auto& context) { context.round = -41; },
    [](auto& context) { context.attempt = 3; },
    [](auto& context) { context.model = Sha256Of("model 2"); },
    [](auto& context) { context.model = {}; },
    [](auto& context) { context.plan = Sha256Of("plan 2"); },
    [](auto& context) { context.scaling = Sha256Of("scaling 2"); },
    [](auto& context) { context.scaling = {}; },
    [](auto& context) { std::swap(context.model, context.plan); },
    [](auto& context) { std::swap(context.plan, context.scaling); },
    [](auto& context) { std::swap(context.federation, context.run); },
    // The letter goes over the border between the fields.
    [](auto& context) {
      std::tie(context.federation, context.run) = std::pair("plant", "sbearings");
    },
    [](auto& context) {
      std::tie(context.federation, context.run) = std::pair("", "plantsbearings");
    },
    // The numbers change places.
    [](auto& context) { std::tie(context.round, context.attempt) = std::pair(2, 41); },
};

using ChangeKeys = std::function<void(v1::Advertisement&)>;
const ChangeKeys kSignedChanges[] = {
    [](auto& own) { own.set_site("press-2"); },
    [](auto& own) { own.mutable_mask_key()->at(31) ^= 1; },
    [](auto& own) { own.mutable_seal_key()->at(0) ^= 1; },
    [](auto& own) { own.mutable_mask_key()->swap(*own.mutable_seal_key()); },
    [](auto& own) { own.mutable_nonce()->at(7) ^= 1; },
    [](auto& own) { own.mutable_certificate_sha256()->at(7) ^= 1; },
    [](auto& own) { own.clear_nonce(); },
    [](auto& own) {  // a byte goes over the border between two fields
      own.mutable_mask_key()->pop_back();
      own.mutable_seal_key()->insert(0, 1, 'm');
    },
};

TEST(TranscriptTest, EveryContextHasItsOwnDigest) {
  std::set<std::string> digests = {DigestOf(Context()).Hex()};
  for (const ChangeContext& change : kContextChanges) {
    SecureContext context = Context();
    change(context);
    EXPECT_TRUE(digests.insert(DigestOf(context).Hex()).second);
  }
  EXPECT_EQ(DigestOf(Context()), DigestOf(Context()));
}

// Against a second way to it: the fields one behind the other, each behind its length.
TEST(TranscriptTest, TheContextsDigestIsThatOfItsFields) {
  const auto number = [](char low) { return std::string{low, 0, 0, 0, 0, 0, 0, 0}; };
  const auto text = [&](const std::string& field) {
    return number(static_cast<char>(field.size())) + field;
  };
  const auto digest = [&](const Digest& value) {
    return text({value.bytes.begin(), value.bytes.end()});
  };
  EXPECT_EQ(DigestOf(Context()),
            Sha256Of(text("millrace round v1") + text("plants") + text("bearings") + number(41) +
                     number(2) + digest(Sha256Of("model")) + digest(Sha256Of("plan")) +
                     digest(Sha256Of("scaling"))));
}

TEST(TranscriptTest, ASignatureCoversTheContextAndEveryFieldButItself) {
  const Digest context = DigestOf(Context());
  std::set<std::string> texts = {AdvertisementText(context, Keys("press-1"))};
  for (const ChangeKeys& change : kSignedChanges) {
    v1::Advertisement advertisement = Keys("press-1");
    change(advertisement);
    EXPECT_TRUE(texts.insert(AdvertisementText(context, advertisement)).second);
  }
  EXPECT_TRUE(texts.insert(AdvertisementText(Sha256Of("another"), Keys("press-1"))).second);
  v1::Advertisement signed_anew = Keys("press-1");
  signed_anew.set_signature("y");
  EXPECT_TRUE(texts.contains(AdvertisementText(context, signed_anew)));
}

TEST(TranscriptTest, ACohortsDigestCoversEveryMemberInItsPlace) {
  const std::vector<v1::Advertisement> cohort = {Keys("press-1"), Keys("press-3")};
  std::set<std::string> digests = {CohortOf(cohort).Hex()};
  const auto differs = [&](const std::vector<v1::Advertisement>& other) {
    EXPECT_TRUE(digests.insert(CohortOf(other).Hex()).second);
  };
  for (const ChangeKeys& change : kSignedChanges) {
    for (const size_t member : {0, 1}) {
      std::vector<v1::Advertisement> changed = cohort;
      change(changed[member]);
      differs(changed);
    }
  }
  for (const size_t member : {0, 1}) {
    std::vector<v1::Advertisement> changed = cohort;
    changed[member].set_signature(std::string(64, 'y'));
    differs(changed);
  }
  differs({cohort[0]});
  differs({});
  differs({cohort[1], cohort[0]});
  differs({cohort[0], cohort[1], Keys("press-5")});
  differs({cohort[0], cohort[0]});
}

TEST(TranscriptTest, SurvivorsAreSignedForOneCohort) {
  const Digest cohort = CohortOf({Keys("press-1")});
  const auto text = [&](const Digest& of, std::vector<int32_t> survivors) {
    return SurvivorsText(of, survivors);
  };
  std::set<std::string> texts = {text(cohort, {0, 1, 2})};
  EXPECT_TRUE(texts.insert(text(cohort, {0, 1})).second);
  EXPECT_TRUE(texts.insert(text(cohort, {0, 1, 3})).second);
  EXPECT_TRUE(texts.insert(text(cohort, {0, 1, 2, 3})).second);
  EXPECT_TRUE(texts.insert(text(cohort, {0, 258})).second);
  EXPECT_TRUE(texts.insert(text(cohort, {})).second);
  EXPECT_TRUE(texts.insert(text(Sha256Of("another"), {0, 1, 2})).second);
}

// One identity key signs both.
TEST(TranscriptTest, WhatIsSignedBeginsWithItsPurpose) {
  const std::string length = absl::HexStringToBytes("1500000000000000");
  EXPECT_THAT(AdvertisementText({}, {}), StartsWith(length + "millrace advertise v1"));
  EXPECT_THAT(SurvivorsText({}, {}), StartsWith(length + "millrace survivors v1"));
}

}  // namespace
}  // namespace millrace
