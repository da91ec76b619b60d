// SPDX-License-Identifier: Apache-2.0
// Cohorts in one process with certificates' keys (ECDSA P-256), all messages and checks included,
// nothing of the network. The vectors' contents make no difference to the time, so that one stands
// for all.
#include "tests/bench/secure_sessions.h"

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "aggregation/secure/masked_vector.h"
#include "aggregation/secure/secure_client.h"
#include "aggregation/secure/secure_server.h"
#include "base/check.h"
#include "base/crypto/certificate.h"
#include "tests/bench/seconds_of.h"

namespace millrace {
namespace {

// A Python framework on two such cores at 50 sites and 1M parameters, seconds.
constexpr double kReferenceMask = 0.295;
constexpr double kReferenceUnmask = 10.7;
constexpr double kReferenceUnmaskDropped = 15.8;

Plan BenchPlan(int64_t sites) {
  Plan plan;
  plan.cohort.target = sites;
  plan.cohort.minimum = plan.secure.Fewest(sites);
  return plan;
}

struct Member {
  std::string name;
  SigningKey key;
  std::string certificate;  // PEM
  std::shared_ptr<const VerifyingKey> verifying;
};

std::vector<Member> MakeIdentities(int64_t sites) {
  const absl::Time now = absl::Now();
  const KeyAndCertificate authority = CreateAuthority("bench", now).value();
  std::vector<Member> identities;
  for (int64_t i = 0; i < sites; ++i) {
    const std::string name = absl::StrFormat("site-%03d", i);
    CertificateRequest request;
    request.identity = Identity{Role::kSite, name};
    request.not_before = now;
    request.not_after = now + absl::Hours(1);
    const KeyAndCertificate own = IssueCertificate(authority, request).value();
    identities.push_back({name, SigningKey::FromPem(own.key_pem).value(), own.certificate_pem,
                          std::make_shared<VerifyingKey>(
                              VerifyingKey::FromCertificate(own.certificate_pem).value())});
  }
  return identities;
}

template <typename Message>
std::vector<Message> ToVector(const google::protobuf::RepeatedPtrField<Message>& field) {
  return {field.begin(), field.end()};
}

/// A round up to the uploads, and the time that the first site's part took.
class Round {
 public:
  explicit Round(int64_t sites)
      : plan_(BenchPlan(sites)),
        identities_(MakeIdentities(sites)),
        server_({"bench", "bench-1", 1, 1, Sha256Of("model"), Sha256Of("plan"), {}}, plan_.secure) {
    const SecureContext context{"bench", "bench-1", 1, 1, Sha256Of("model"), Sha256Of("plan"), {}};
    share_seconds_ += SecondsOf([&] { AddClient(context, 0); });
    for (int64_t i = 1; i < sites; ++i) AddClient(context, i);
    for (int64_t i = 0; i < sites; ++i) {
      const Member& identity = identities_[i];
      MR_CHECK(server_
                   .AddAdvertisement(identity.name, clients_[i]->advertisement(),
                                     VerifyingKey::FromCertificate(identity.certificate).value())
                   .ok());
    }
    MR_CHECK(server_.CloseAdvertising().ok());
    std::vector<v1::ShareRequest> requests(sites);
    share_seconds_ += SecondsOf([&] { requests[0] = TakeCohort(0); });
    for (int64_t i = 1; i < sites; ++i) requests[i] = TakeCohort(i);
    for (int64_t i = 0; i < sites; ++i) {
      MR_CHECK(server_.AddShares(identities_[i].name, requests[i]).ok());
    }
    MR_CHECK(server_.CloseSharing().ok());
    share_seconds_ += SecondsOf([&] { TakeShares(0); });
    for (int64_t i = 1; i < sites; ++i) TakeShares(i);
  }

  double share_seconds() const { return share_seconds_; }

  /// Encodes, masks and packs one vector, as the first site.
  double MaskSeconds(const MaskedShape& shape) {
    const std::vector<float> delta(shape.parameters, 1e-3F);
    std::vector<uint32_t> words(shape.words(), 0);
    std::vector<char> bytes(shape.bytes());
    const FixedPoint fixed_point = FixedPointOf(plan_).value();
    return SecondsOf([&] {
      MR_CHECK(
          EncodeUpdate(shape, fixed_point, 1, 0, delta, std::span(words).first(shape.parameters))
              .ok());
      AddMasks(words, 0, masks_[0].masks());
      PackWords(shape, 0, words, bytes);
    });
  }

  struct ServerSeconds {
    double sum = 0, unmask = 0;
  };
  /// Folds the survivors' vectors, and takes the masks off their sum. Call once.
  ServerSeconds Unmask(const MaskedShape& shape, int64_t dropped, int threads) {
    std::vector<std::string> survivors;
    std::vector<int32_t> indices;
    for (int32_t i = static_cast<int32_t>(dropped); i < std::ssize(clients_); ++i) {
      survivors.push_back(identities_[i].name);
      indices.push_back(i);
    }
    MR_CHECK(server_.CloseMasking(survivors).ok());
    for (const int32_t i : indices) {
      MR_CHECK(clients_[i]->TakeSurvivors(indices).ok());
      MR_CHECK(server_.AddReveal(identities_[i].name, clients_[i]->Reveal({}).value()).ok());
    }
    const std::vector<char> bytes(shape.bytes(), 1);
    MaskedSum sum(shape);
    ServerSeconds seconds;
    constexpr int64_t kChunk = 1 << 16;
    seconds.sum = SecondsOf([&] {
      for (size_t i = 0; i < survivors.size(); ++i) {
        for (int64_t word = 0; word < shape.words(); word += kChunk) {
          const int64_t words = std::min(kChunk, shape.words() - word);
          sum.Fold(word, words,
                   std::span(bytes).subspan(shape.ByteOf(word),
                                            shape.ByteOf(word + words) - shape.ByteOf(word)));
        }
      }
    });
    seconds.unmask = SecondsOf([&] {
      const MaskSet masks = server_.Recover().value();
      sum.AddMasks(masks.masks(), threads);
    });
    return seconds;
  }

 private:
  void AddClient(const SecureContext& context, int64_t i) {
    clients_.push_back(std::make_unique<SecureClient>(
        context, plan_.secure, SecureFloor(), identities_[i].name, Digest(), identities_[i].key));
  }
  v1::ShareRequest TakeCohort(int64_t i) {
    return clients_[i]
        ->TakeCohort(
            server_.cohort(),
            [&](const std::string& site,
                absl::string_view) -> absl::StatusOr<std::shared_ptr<const VerifyingKey>> {
              const auto found = std::lower_bound(
                  identities_.begin(), identities_.end(), site,
                  [](const Member& one, const std::string& name) { return one.name < name; });
              return found->verifying;
            })
        .value();
  }
  void TakeShares(int64_t i) {
    MR_CHECK(clients_[i]->TakeShares(server_.SharesFor(identities_[i].name).value()).ok());
    masks_.push_back(clients_[i]->TakeMasks().value());
  }

  const Plan plan_;
  const std::vector<Member> identities_;
  SecureServer server_;
  std::vector<std::unique_ptr<SecureClient>> clients_;
  std::vector<MaskSet> masks_;
  double share_seconds_ = 0;
};

}  // namespace

bool SessionSection() {
  for (const int64_t sites : {10, 50, 100}) {
    for (const int64_t parameters : {1'000'000, 10'000'000}) {
      const MaskedShape shape{parameters, 0, 32};
      for (const int64_t dropped : {int64_t{0}, sites / 10}) {
        for (const int threads : {1, 2}) {
          Round round(sites);
          const double mask = round.MaskSeconds(shape);
          const Round::ServerSeconds server = round.Unmask(shape, dropped, threads);
          nlohmann::json line = {{"section", "sessions"},
                                 {"sites", sites},
                                 {"parameters", parameters},
                                 {"dropped", dropped},
                                 {"threads", threads},
                                 {"client_share_s", round.share_seconds()},
                                 {"client_mask_s", mask},
                                 {"server_sum_s", server.sum},
                                 {"server_unmask_s", server.unmask}};
          if (sites == 50 && parameters == 1'000'000) {
            line["mask_times_faster"] = kReferenceMask / mask;
            line["unmask_times_faster"] =
                (dropped == 0 ? kReferenceUnmask : kReferenceUnmaskDropped) / server.unmask;
          }
          std::printf("%s\n", line.dump().c_str());
          std::fflush(stdout);
        }
      }
    }
  }
  return true;
}

}  // namespace millrace
