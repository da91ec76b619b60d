// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "plan/toml_reader.h"

namespace millrace {

/// [release]: what a site asks of a model package before it serves.
struct ReleasePolicy {
  std::string authority;                // the federation's, a PEM file; empty: there is none
  std::optional<int64_t> signatures;    // of so many publishers; 0: none
  std::vector<std::string> publishers;  // who counts; empty: whomever the authority certified
  int64_t minimum_version = 0;
  bool test_vectors = false;  // a package has to bring some
  bool serve_expired = true;  // what serves goes on after its end, marked

  /// One, where nothing else is said and there is an authority.
  int64_t SignaturesAsked() const { return signatures.value_or(authority.empty() ? 0 : 1); }
};

/// Reads the table, all but the authority. What is wrong is reported by the document's Finish,
/// naming the key.
ReleasePolicy ReadReleasePolicy(TomlTable table);

}  // namespace millrace
