// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "aggregation/secure/secure_client.h"
#include "aggregation/secure/secure_server.h"
#include "base/check.h"

namespace millrace::fuzz {

inline constexpr int kSites = 5;

inline SecurePlan MaliciousPlan() {
  SecurePlan plan;
  plan.mode = SecureMode::kMalicious;
  return plan;
}

/// Five honest sites and their coordinator, as far into a round as the target wants.
struct SmallCohort {
  static std::string Name(int site) { return absl::StrCat("site-", site); }
  static Secret<32> Seed(int site) {
    Secret<32> seed;
    seed.mutable_bytes()[0] = static_cast<uint8_t>(site + 1);
    return seed;
  }
  static SecureContext Context() { return {"fuzz", "run-1", 1, 1, {}, {}, {}}; }
  static VerifyingKey KeyOf(int site) {
    return VerifyingKey::FromEd25519(Ed25519PublicKeyOf(Seed(site)));
  }

  SmallCohort() : server(Context(), MaliciousPlan()) {
    for (int i = 0; i < kSites; ++i) {
      keys.push_back(std::make_unique<SigningKey>(SigningKey::FromEd25519Seed(Seed(i))));
      clients.push_back(std::make_unique<SecureClient>(Context(), MaliciousPlan(), SecureFloor(),
                                                       Name(i), Digest(), *keys.back()));
    }
  }

  CertifiedKey Certified() const {
    return [](const std::string& site,
              absl::string_view) -> absl::StatusOr<std::shared_ptr<const VerifyingKey>> {
      for (int i = 0; i < kSites; ++i) {
        if (Name(i) == site) return std::make_shared<VerifyingKey>(KeyOf(i));
      }
      return absl::PermissionDeniedError("unknown");
    };
  }

  // The phases, all sites but those from `first` on done by hand.

  void Advertise(int first = 0) {
    for (int i = first; i < kSites; ++i) {
      MR_CHECK(server.AddAdvertisement(Name(i), clients[i]->advertisement(), KeyOf(i)).ok());
    }
    MR_CHECK(server.CloseAdvertising().ok());
  }
  v1::ShareRequest SharesOf(int site) {
    return clients[site]->TakeCohort(server.cohort(), Certified()).value();
  }
  void Share(int first = 0) {
    for (int i = first; i < kSites; ++i) MR_CHECK(server.AddShares(Name(i), SharesOf(i)).ok());
    MR_CHECK(server.CloseSharing().ok());
  }
  void Upload(int first = 0) {
    std::vector<std::string> survivors;
    for (int i = first; i < kSites; ++i) {
      survivors.push_back(Name(i));
      MR_CHECK(clients[i]->TakeShares(server.SharesFor(Name(i)).value()).ok());
      MR_CHECK(clients[i]->TakeMasks().ok());
    }
    MR_CHECK(server.CloseMasking(survivors).ok());
  }
  void Agree(int first = 0) {
    for (int i = first; i < kSites; ++i) {
      MR_CHECK(
          server.AddAgreement(Name(i), clients[i]->TakeSurvivors(server.survivors()).value()).ok());
    }
  }

  void Reveal(int first = 0) {
    for (int i = first; i < kSites; ++i) {
      MR_CHECK(server.AddReveal(Name(i), clients[i]->Reveal(server.agreements()).value()).ok());
    }
  }

  SecureServer server;
  std::vector<std::unique_ptr<SigningKey>> keys;
  std::vector<std::unique_ptr<SecureClient>> clients;
};

}  // namespace millrace::fuzz
