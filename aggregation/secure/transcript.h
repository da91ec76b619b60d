// SPDX-License-Identifier: Apache-2.0
// What the parties of a secure round sign and derive keys from: canonical bytes, so that whoever
// was shown something else ends up with other keys and signatures that do not fit.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "absl/strings/string_view.h"
#include "base/crypto/digest.h"
#include "millrace/v1/secure_aggregation.pb.h"

namespace millrace {

/// One attempt of one round.
struct SecureContext {
  std::string federation;
  std::string run;
  int64_t round = 0;
  int32_t attempt = 1;
  Digest model;    // parameters that the round starts from; all zero for statistics
  Digest plan;     // SHA-256 of its text
  Digest scaling;  // of what the sites scale their readings with; all zero where there is none
};
Digest DigestOf(const SecureContext& context);

/// What an advertisement's signature covers: all of it but itself, for the round of `context`.
std::string AdvertisementText(const Digest& context, const v1::Advertisement& advertisement);

/// Of a cohort's advertisements in their order, signatures included: binds every later key to the
/// context and to everybody's keys.
Digest CohortDigest(const Digest& context, std::span<const v1::Advertisement* const> cohort);

/// What a survivor signs in the agreement phase: "these updates are in, and no others".
std::string SurvivorsText(const Digest& cohort, std::span<const int32_t> survivors);

/// Of sites' names, ascending, whatever the round and their keys: a site with a new certificate is
/// still the same.
Digest SiteSetDigest(std::span<const std::string> sites);

}  // namespace millrace
