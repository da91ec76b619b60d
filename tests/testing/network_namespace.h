// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace millrace::testing {

/// A machine of its own on this one: a network namespace (ip-netns(8)) whose only way out is a link
/// to here, which can be made as bad as need be. Gone with the object.
class NetworkNamespace {
 public:
  /// `index`, 1 to 200, tells the namespaces of a test program apart. UNAVAILABLE where this
  /// machine does not allow namespaces, or lacks ip, tc or iptables.
  static absl::StatusOr<std::unique_ptr<NetworkNamespace>> Create(int index);
  ~NetworkNamespace();

  /// This machine's address, as seen from in there.
  const std::string& outside() const { return outside_; }
  /// What runs `command` in there.
  std::vector<std::string> Inside(const std::vector<std::string>& command) const;

  /// Drops this share of the packets, each way.
  absl::Status LosePackets(double share);
  /// kbit a second, each way.
  absl::Status LimitRate(int kbit);
  absl::Status SetLink(bool up);

 private:
  NetworkNamespace(std::string name, std::string device, std::string outside);

  const std::string name_;
  const std::string device_;  // the end of the link that is here
  const std::string outside_;
};

}  // namespace millrace::testing
