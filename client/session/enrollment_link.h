// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "millrace/v1/enrollment.pb.h"

namespace millrace {

/// A site's first calls to its coordinator, before it has a certificate. Statuses as Link's.
/// Thread-safe.
class EnrollmentLink {
 public:
  /// Talks only to a coordinator that one of these authorities certified for the host of `address`.
  /// `proxy` as in LinkOptions.
  EnrollmentLink(const std::string& address, const std::string& authority_pem,
                 const std::string& proxy);
  ~EnrollmentLink();

  /// For the very first call, which has nothing to verify the coordinator with: whoever answers,
  /// the caller checks the answer itself.
  static absl::StatusOr<v1::Trust> GetUnverifiedTrust(const std::string& address,
                                                      const std::string& proxy);

  /// A long poll.
  absl::StatusOr<v1::CertificateAnswer> Enroll(const v1::EnrollRequest& request);

 private:
  struct Stub;

  const std::string address_;
  std::unique_ptr<Stub> stub_;
};

}  // namespace millrace
