// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "client/store/sample_store.h"
#include "plan/toml_reader.h"

namespace millrace {

/// What a site's configuration says about its recordings: the table [store].
struct StoreConfig {
  std::string folder;  // empty: "recordings" in the state folder
  int64_t quota_mb = 10'240;
  int64_t keep_days = 90;

  SampleStore::Limits limits() const;
};

/// Relative paths start at `base_directory`. What is wrong is reported by the document's Finish,
/// naming the key.
StoreConfig ReadStoreConfig(TomlTable table, const std::string& base_directory);

}  // namespace millrace
