// SPDX-License-Identifier: Apache-2.0
// Publishers for tests: a federation's authority, those it certified, and packages with their
// signatures.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/crypto/certificate.h"
#include "models/package.h"
#include "models/package_signature.h"

namespace millrace::testing {

class Publishers {
 public:
  /// Certificates count from an hour before `now` for thirty days.
  explicit Publishers(absl::Time now, const std::string& federation = "presses")
      : now_(now), authority_(CreateAuthority(federation, now).value()) {}

  const KeyAndCertificate& authority() const { return authority_; }
  absl::Time now() const { return now_; }

  KeyAndCertificate Issue(const std::string& name, Role role = Role::kPublisher) const {
    return IssueCertificate(authority_,
                            {{role, name}, now_ - absl::Hours(1), now_ + absl::Hours(720), {}})
        .value();
  }
  const KeyAndCertificate& Of(const std::string& name) {
    const auto known = publishers_.find(name);
    return known != publishers_.end() ? known->second : publishers_[name] = Issue(name);
  }

  /// `package` with a signature of each, in order.
  std::string Signed(const std::string& package, const std::vector<std::string>& names) {
    std::string bytes = package;
    for (const std::string& name : names) {
      absl::StrAppend(&bytes, SignatureOf(bytes, Of(name)));
    }
    return bytes;
  }
  /// What one who holds these files appends.
  std::string SignatureOf(const std::string& package, const KeyAndCertificate& by) const {
    const ModelPackage parsed = ParsePackage(package).value();
    return PackageSuffix({SignPackage(parsed, by.key_pem, by.certificate_pem, now_).value()});
  }

 private:
  const absl::Time now_;
  const KeyAndCertificate authority_;
  std::map<std::string, KeyAndCertificate> publishers_;
};

}  // namespace millrace::testing
