// SPDX-License-Identifier: Apache-2.0
// Everything that a site can send to the coordinator in a secure round, in each phase. Whatever it
// is, the honest sites' round must still come to its end, or to a status that names the site.
#include "absl/strings/match.h"
#include "tests/fuzz/mutated.h"
#include "tests/fuzz/small_cohort.h"

using namespace millrace;        // NOLINT: the fuzzer's entry point lies outside
using namespace millrace::fuzz;  // NOLINT

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::span<const uint8_t> input(data + 1, size - 1);
  SmallCohort cohort;
  SecureServer& server = cohort.server;
  const std::string site = SmallCohort::Name(0);
  switch (data[0] % 4) {
    case 0: {
      const auto message = MutatedMessage(cohort.clients[0]->advertisement(), input);
      server.AddAdvertisement(site, message, SmallCohort::KeyOf(0)).IgnoreError();
      cohort.Advertise(1);
      cohort.Share(1);
      cohort.Upload(1);
      cohort.Agree(1);
      break;
    }
    case 1: {
      cohort.Advertise();
      const bool shared = server.AddShares(site, MutatedMessage(cohort.SharesOf(0), input)).ok();
      cohort.Share(1);
      cohort.Upload(1);
      cohort.Agree(1);
      cohort.Reveal(1);
      // Whoever shares what does not open and then drops out costs the attempt, by name.
      const absl::Status recovered = server.Recover().status();
      MR_CHECK(recovered.ok() || (shared && absl::StrContains(recovered.message(), site)));
      return 0;
    }
    case 2: {
      cohort.Advertise();
      cohort.Share();
      cohort.Upload();
      const auto signature = cohort.clients[0]->TakeSurvivors(server.survivors()).value();
      server.AddAgreement(site, Mutated(signature, input)).IgnoreError();
      cohort.Agree(1);
      break;
    }
    default: {
      cohort.Advertise();
      cohort.Share();
      cohort.Upload();
      cohort.Agree();
      const auto reveal = cohort.clients[0]->Reveal(server.agreements()).value();
      server.AddReveal(site, MutatedMessage(reveal, input)).IgnoreError();
      break;
    }
  }
  cohort.Reveal(1);
  MR_CHECK(server.Recover().ok());  // four honest ones are enough
  return 0;
}
