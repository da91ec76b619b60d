// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "aggregation/secure/secure_server.h"
#include "coordinator/round/types.h"
#include "coordinator/store/store.h"

namespace millrace {

/// The messages of a round that aggregates securely, and what follows from them; made anew from the
/// store after a restart. Each Take returns the bytes to keep in the store. Not thread-safe.
class SecureRound {
 public:
  /// Takes up the round where it stands. DATA_LOSS if a message that the round counts is missing.
  static absl::StatusOr<std::unique_ptr<SecureRound>> Create(
      const std::string& federation, const RunState& run, const RoundState& round,
      std::span<const StoredMessage> messages);

  const RoundId& id() const { return id_; }

  // One for each phase, with the statuses of SecureServer.

  /// `certificate` (DER) is that of the caller's connection.
  absl::StatusOr<std::string> TakeAdvertisement(const std::string& site,
                                                const v1::Advertisement& advertisement,
                                                const std::string& certificate);
  absl::StatusOr<std::string> TakeShares(const std::string& site, const v1::ShareRequest& request);
  absl::StatusOr<std::string> TakeAgreement(const std::string& site, const std::string& signature);
  absl::StatusOr<std::string> TakeReveal(const std::string& site, const v1::UnmaskRequest& request);

  /// Ends the round's current phase.
  absl::Status ClosePhase(const RoundState& round);

  const SecureServer& server() const { return server_; }
  /// By fingerprint, of those who advertised; null for another.
  const std::string* Certificate(const std::string& fingerprint) const;

 private:
  SecureRound(const RoundId& id, const SecureContext& context, const SecurePlan& plan)
      : id_(id), server_(context, plan) {}

  absl::Status Restore(SecurePhase phase, const std::string& site, const std::string& bytes);

  const RoundId id_;
  SecureServer server_;
  std::map<std::string, std::string> certificates_;  // DER by fingerprint
};

}  // namespace millrace
