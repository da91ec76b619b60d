// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/transcript.h"

namespace millrace {
namespace {

/// Fields one behind the other, each with its length, so that no two lists of fields give the same
/// bytes.
class Transcript {
 public:
  explicit Transcript(absl::string_view label) { Add(label); }

  Transcript& Add(absl::string_view field) {
    Add(static_cast<uint64_t>(field.size()));
    bytes_.append(field.data(), field.size());
    return *this;
  }
  Transcript& Add(const Digest& digest) {
    return Add({reinterpret_cast<const char*>(digest.bytes.data()), digest.bytes.size()});
  }
  Transcript& Add(uint64_t number) {
    for (int shift = 0; shift < 64; shift += 8)
      bytes_.push_back(static_cast<char>(number >> shift));
    return *this;
  }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

Digest Finish(const Transcript& transcript) { return Sha256Of(transcript.bytes()); }

}  // namespace

Digest DigestOf(const SecureContext& context) {
  return Finish(Transcript("millrace round v1")
                    .Add(context.federation)
                    .Add(context.run)
                    .Add(static_cast<uint64_t>(context.round))
                    .Add(static_cast<uint64_t>(context.attempt))
                    .Add(context.model)
                    .Add(context.plan)
                    .Add(context.scaling));
}

std::string AdvertisementText(const Digest& context, const v1::Advertisement& advertisement) {
  return Transcript("millrace advertise v1")
      .Add(context)
      .Add(advertisement.site())
      .Add(advertisement.mask_key())
      .Add(advertisement.seal_key())
      .Add(advertisement.nonce())
      .Add(advertisement.certificate_sha256())
      .bytes();
}

Digest CohortDigest(const Digest& context, std::span<const v1::Advertisement* const> cohort) {
  Transcript transcript("millrace cohort v1");
  transcript.Add(context).Add(static_cast<uint64_t>(cohort.size()));
  for (const v1::Advertisement* const member : cohort) {
    transcript.Add(AdvertisementText(context, *member)).Add(member->signature());
  }
  return Finish(transcript);
}

std::string SurvivorsText(const Digest& cohort, std::span<const int32_t> survivors) {
  Transcript transcript("millrace survivors v1");
  transcript.Add(cohort).Add(static_cast<uint64_t>(survivors.size()));
  for (const int32_t site : survivors) transcript.Add(static_cast<uint64_t>(site));
  return transcript.bytes();
}

Digest SiteSetDigest(std::span<const std::string> sites) {
  Transcript transcript("millrace sites v1");
  for (const std::string& site : sites) transcript.Add(site);
  return Finish(transcript);
}

}  // namespace millrace
