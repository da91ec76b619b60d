// SPDX-License-Identifier: Apache-2.0
// Everything that a coordinator can send to a site in a secure round, in each phase. Under
// `malicious` no lie may make the site unmask other survivors than the signed ones.
#include <algorithm>

#include "tests/fuzz/mutated.h"
#include "tests/fuzz/small_cohort.h"

using namespace millrace;        // NOLINT: the fuzzer's entry point lies outside
using namespace millrace::fuzz;  // NOLINT

namespace {

template <typename Message>
std::vector<Message> ToVector(const google::protobuf::RepeatedPtrField<Message>& field) {
  return {field.begin(), field.end()};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::span<const uint8_t> input(data + 1, size - 1);
  SmallCohort cohort;
  SecureClient& client = *cohort.clients[0];
  cohort.Advertise();
  if (data[0] % 3 == 0) {
    v1::AdvertiseResponse response;
    for (const auto& one : cohort.server.cohort()) *response.add_cohort() = one;
    const auto mutated = MutatedMessage(response, input);
    client.TakeCohort(ToVector(mutated.cohort()), cohort.Certified()).IgnoreError();
    return 0;
  }
  cohort.Share();
  if (data[0] % 3 == 1) {
    v1::ShareResponse response;
    const auto shares = cohort.server.SharesFor(SmallCohort::Name(0)).value();
    for (const v1::SealedShare& share : shares) *response.add_shares() = share;
    const auto mutated = MutatedMessage(response, input);
    if (client.TakeShares(ToVector(mutated.shares())).ok()) client.TakeMasks().IgnoreError();
    return 0;
  }
  cohort.Upload();
  cohort.Agree(1);
  v1::AgreeResponse response;
  for (const int32_t one : cohort.server.survivors()) response.add_survivors(one);
  for (const auto& one : cohort.server.agreements()) *response.add_signatures() = one;
  const auto mutated = MutatedMessage(response, input);
  const std::vector<int32_t> survivors(mutated.survivors().begin(), mutated.survivors().end());
  if (!client.TakeSurvivors(survivors).ok()) return 0;
  const auto reveal = client.Reveal(ToVector(mutated.signatures()));
  MR_CHECK(!reveal.ok() || survivors == cohort.server.survivors());
  return 0;
}
