// SPDX-License-Identifier: Apache-2.0
// Everything that a site can send to the coordinator in a secure round, in each phase. Whatever it
// is, the honest sites' round must still come to its end or to a status.
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
      return 0;
    }
    case 1: {
      cohort.Advertise();
      server.AddShares(site, MutatedMessage(cohort.SharesOf(0), input)).IgnoreError();
      cohort.Share(1);
      server.SharesFor(SmallCohort::Name(1)).IgnoreError();
      return 0;
    }
    case 2: {
      cohort.Advertise();
      cohort.Share();
      cohort.Upload();
      const auto signature = cohort.clients[0]->TakeSurvivors(server.survivors()).value();
      server.AddAgreement(site, Mutated(signature, input)).IgnoreError();
      return 0;
    }
    default: {
      cohort.Advertise();
      cohort.Share();
      cohort.Upload();
      cohort.Agree();
      const auto reveal = cohort.clients[0]->Reveal(server.agreements()).value();
      server.AddReveal(site, MutatedMessage(reveal, input)).IgnoreError();
      for (int i = 1; i < kSites; ++i) {
        const auto honest = cohort.clients[i]->Reveal(server.agreements()).value();
        MR_CHECK(server.AddReveal(SmallCohort::Name(i), honest).ok());
      }
      MR_CHECK(server.Recover().ok());  // four honest ones are enough
      return 0;
    }
  }
}
