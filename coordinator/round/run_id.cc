// SPDX-License-Identifier: Apache-2.0
#include "coordinator/round/run_id.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/secret.h"

namespace millrace {
namespace {

constexpr absl::string_view kTagLetters = "bcdfghjkmnpqrstv";
constexpr size_t kTagLength = 6;
static_assert(kTagLetters.size() == 16);  // four bits of a random byte, without bias

/// "presses-7" of "presses-7-kdrthq", and of itself.
absl::string_view WithoutTag(absl::string_view id) {
  const size_t dash = id.rfind('-');
  const bool tagged = dash != absl::string_view::npos && id.size() - dash - 1 == kTagLength &&
                      id.find_first_not_of(kTagLetters, dash + 1) == absl::string_view::npos;
  return tagged ? id.substr(0, dash) : id;
}

}  // namespace

std::string MakeRunId(absl::string_view name, int64_t number, absl::string_view tag) {
  return absl::StrCat(name, "-", number, tag.empty() ? "" : "-", tag);
}

std::string RandomRunTag() {
  std::string tag;
  const auto random = Secret<kTagLength>::Random();
  for (const uint8_t byte : random.bytes()) tag += kTagLetters[byte % kTagLetters.size()];
  return tag;
}

int64_t RunNumber(const RunState& run) {
  absl::string_view id = WithoutTag(run.id);
  int64_t number = 0;
  const bool made_here = absl::ConsumePrefix(&id, run.plan.run.name) &&
                         absl::ConsumePrefix(&id, "-") && absl::SimpleAtoi(id, &number);
  return made_here ? number : 0;
}

bool IsCalled(const RunState& run, absl::string_view given) {
  return given == run.id || given == WithoutTag(run.id);
}

}  // namespace millrace
