// SPDX-License-Identifier: Apache-2.0
#include "client/release/release_policy.h"

#include <limits>

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "models/package.h"

namespace millrace {

ReleasePolicy ReadReleasePolicy(TomlTable table) {
  ReleasePolicy policy;
  if (int64_t signatures = 0; table.Int("signatures", {0, kMaxSignatures}, &signatures)) {
    policy.signatures = signatures;
  }
  table.Strings("publishers", &policy.publishers);
  for (const std::string& name : policy.publishers) {
    if (const absl::Status named = CheckName("publisher", name); !named.ok()) {
      table.Refuse("publishers", named.message());
    }
  }
  const auto named = static_cast<int64_t>(policy.publishers.size());
  if (named > 0 && policy.signatures.value_or(1) > named) {
    table.Refuse("signatures", absl::StrCat("[release] publishers names only ", named));
  }
  table.Int("minimum_version", {0, std::numeric_limits<int64_t>::max()}, &policy.minimum_version);
  table.Bool("test_vectors", &policy.test_vectors);
  table.Bool("serve_expired", &policy.serve_expired);
  return policy;
}

}  // namespace millrace
