// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace millrace {
namespace {

using ::testing::Each;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::array<uint8_t, 4> kBytes = {1, 2, 3, 4};

// The flags of the mapping that holds `address`, two letters each; see proc_pid_smaps(5).
std::string KernelFlagsOf(const uint8_t* address) {
  const auto wanted = reinterpret_cast<uintptr_t>(address);
  std::ifstream smaps("/proc/self/smaps");
  bool inside = false;
  for (std::string line; std::getline(smaps, line);) {
    unsigned long begin = 0;
    unsigned long end = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx ", &begin, &end) == 2) {
      inside = begin <= wanted && wanted < end;
    }
    if (inside && line.starts_with("VmFlags:")) return line;
  }
  return "";
}

TEST(SecretTest, ANewSecretIsZero) { EXPECT_THAT(Secret<32>().bytes(), Each(0)); }

TEST(SecretTest, HoldsWhatItWasGiven) {
  EXPECT_THAT(Secret<4>(kBytes).bytes(), ElementsAreArray(kBytes));
}

TEST(SecretTest, RandomSecretsDiffer) {
  EXPECT_THAT(Secret<32>::Random().bytes(), Not(ElementsAreArray(Secret<32>::Random().bytes())));
}

TEST(SecretTest, ACloneIsASecondCopy) {
  Secret<4> original(kBytes);
  const Secret<4> clone = original.Clone();
  original.mutable_bytes()[0] = 9;
  EXPECT_THAT(clone.bytes(), ElementsAreArray(kBytes));
}

TEST(SecretTest, AMoveHandsThePlaceOverAndLeavesNoCopy) {
  Secret<4> original(kBytes);
  const uint8_t* const place = original.bytes().data();
  const Secret<4> moved = std::move(original);
  EXPECT_EQ(moved.bytes().data(), place);
  EXPECT_THAT(moved.bytes(), ElementsAreArray(kBytes));
}

TEST(SecretDeathTest, ASecretThatWasMovedFromIsNotRead) {
  Secret<4> original(kBytes);
  const Secret<4> moved = std::move(original);
  EXPECT_DEATH(original.bytes(), "broken invariant");
}

// The place stays readable: the pages are kept for the next secrets.
TEST(SecretTest, IsWipedWhenItsOwnerEnds) {
  std::optional<Secret<4>> secret(kBytes);
  const std::span<const uint8_t> place = secret->bytes();
  secret.reset();
  EXPECT_THAT(place, Each(0));
}

TEST(SecretTest, IsWipedWhenAnotherIsMovedOverIt) {
  Secret<4> secret(kBytes);
  const std::span<const uint8_t> place = secret.bytes();
  secret = Secret<4>();
  EXPECT_THAT(place, Each(0));
}

TEST(SecretTest, SecretsOfManyPagesDoNotOverlap) {
  std::vector<Secret<64>> secrets(1000);
  for (size_t i = 0; i < secrets.size(); ++i) {
    const std::span<uint8_t> bytes = secrets[i].mutable_bytes();
    std::fill(bytes.begin(), bytes.end(), static_cast<uint8_t>(i % 251));
  }
  for (size_t i = 0; i < secrets.size(); ++i) {
    EXPECT_THAT(secrets[i].bytes(), Each(i % 251)) << i;
  }
}

TEST(SecretTest, StaysOutOfCoreDumps) {
  EXPECT_THAT(KernelFlagsOf(Secret<32>().bytes().data()), HasSubstr(" dd"));
}

TEST(SecretTest, StaysOutOfSwap) {
#ifdef MILLRACE_SANITIZED
  GTEST_SKIP() << "sanitizers make mlock do nothing";
#endif
  EXPECT_THAT(KernelFlagsOf(Secret<32>().bytes().data()), HasSubstr(" lo"));
}

// In a process of its own: the limit and the user stay changed.
[[noreturn]] void UseSecretsThatCannotBeLocked() {
  const rlimit none{0, 0};
  constexpr uid_t kNobody = 65534;  // root may lock more than its limit
  if (::setrlimit(RLIMIT_MEMLOCK, &none) != 0) std::_Exit(1);
  if (::geteuid() == 0 && ::setuid(kNobody) != 0) std::_Exit(2);
  const std::vector<Secret<32>> secrets(1000);
  const Secret<32> random = Secret<32>::Random();
  std::_Exit(KernelFlagsOf(random.bytes().data()).find(" lo") == std::string::npos ? 0 : 3);
}

TEST(SecretDeathTest, WithoutPermissionToLockMemorySecretsStillWork) {
  EXPECT_EXIT(UseSecretsThatCannotBeLocked(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace millrace
