// SPDX-License-Identifier: Apache-2.0
// What reading, changing and writing a package takes of memory: models may have 2 GB of parameters,
// and a site's machine not much more memory than that.
#include <gmock/gmock.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "models/package.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"

namespace {

std::atomic<int64_t> allocated_bytes = 0;
std::atomic<int64_t> most_bytes = 0;

void* CountedAllocation(size_t size) {
  void* const block = std::malloc(size == 0 ? 1 : size);
  if (block == nullptr) throw std::bad_alloc();
  const auto bytes = static_cast<int64_t>(malloc_usable_size(block));
  const int64_t now = allocated_bytes += bytes;
  int64_t most = most_bytes;
  while (now > most && !most_bytes.compare_exchange_weak(most, now)) {
  }
  return block;
}

void CountedRelease(void* block) {
  if (block == nullptr) return;
  allocated_bytes -= static_cast<int64_t>(malloc_usable_size(block));
  std::free(block);
}

}  // namespace

void* operator new(size_t size) { return CountedAllocation(size); }
void* operator new[](size_t size) { return CountedAllocation(size); }
void operator delete(void* block) noexcept { CountedRelease(block); }
void operator delete[](void* block) noexcept { CountedRelease(block); }
void operator delete(void* block, size_t) noexcept { CountedRelease(block); }
void operator delete[](void* block, size_t) noexcept { CountedRelease(block); }
// Sanitizers bring these too, which would not go by the ones above.
void* operator new(size_t size, const std::nothrow_t&) noexcept { return CountedAllocation(size); }
void* operator new[](size_t size, const std::nothrow_t&) noexcept {
  return CountedAllocation(size);
}
void operator delete(void* block, const std::nothrow_t&) noexcept { CountedRelease(block); }
void operator delete[](void* block, const std::nothrow_t&) noexcept { CountedRelease(block); }

namespace millrace {
namespace {

constexpr char kWidePlan[] = R"(
[run]
name = "wide"
[cohort]
target = 4
minimum = 4
[model]
kind = "mlp"
hidden = [2000, 1000]
[input]
channels = ["a", "b"]
window = 50
normalization = "none"
[label]
kind = "column"
column = "y"
)";

/// The most that `step` had at a time beyond what there was before, in sizes of `parameters`.
template <typename Step>
double CopiesDuring(const std::vector<float>& parameters, Step&& step) {
  const int64_t before = allocated_bytes;
  most_bytes = before;
  step();
  return static_cast<double>(most_bytes - before) /
         static_cast<double>(parameters.size() * sizeof(float));
}

class PackageMemoryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const Plan plan = ParsePlan(kWidePlan).value();
    const Architecture architecture = BuildArchitecture(plan).value();
    parameters_ = InitialParameters(architecture, 7);
    const absl::string_view bytes(reinterpret_cast<const char*>(parameters_.data()),
                                  parameters_.size() * sizeof(float));
    ASSERT_GT(bytes.size(), 8'000'000U) << "so that nothing else weighs much beside it";
    manifest_ = ManifestOf(kWidePlan, plan, architecture, nullptr, Sha256Of(bytes));
  }

  testing::TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/wide.millrace";
  std::vector<float> parameters_;
  v1::PackageManifest manifest_;
};

TEST_F(PackageMemoryTest, PackageIsReadWithOneCopyOfItsParametersAndWrittenWithNone) {
  EXPECT_LT(
      CopiesDuring(
          parameters_,
          [&] { MR_ASSERT_OK(WritePackage(PosixFileSystem(), path_, manifest_, parameters_)); }),
      0.1);
  absl::StatusOr<ModelPackage> package;
  const double read =
      CopiesDuring(parameters_, [&] { package = ReadPackage(PosixFileSystem(), path_); });
  MR_ASSERT_OK(package);
  EXPECT_EQ(package->parameters, parameters_);
  EXPECT_GE(read, 1) << "it is counted";
  EXPECT_LT(read, 1.1);
  EXPECT_LT(CopiesDuring(parameters_,
                         [&] { MR_ASSERT_OK(WritePackage(PosixFileSystem(), path_, *package)); }),
            0.1);
}

TEST_F(PackageMemoryTest, ManifestIsChangedWithoutACopyOfTheParameters) {
  MR_ASSERT_OK(WritePackage(PosixFileSystem(), path_, manifest_, parameters_));
  MR_ASSERT_OK_AND_ASSIGN(ModelPackage package, ReadPackage(PosixFileSystem(), path_));
  manifest_.set_version(7);
  EXPECT_LT(
      CopiesDuring(
          parameters_,
          [&] { MR_ASSERT_OK_AND_ASSIGN(package, WithManifest(std::move(package), manifest_)); }),
      0.1);
  EXPECT_EQ(package.manifest.version(), 7);
  EXPECT_EQ(package.parameters, parameters_);
}

TEST_F(PackageMemoryTest, FileThatOnlyClaimsToHoldParametersGetsNoRoomForThem) {
  const std::string claim =
      PackagePrefix(manifest_, static_cast<int64_t>(parameters_.size() * sizeof(float)));
  MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), path_, claim + "and no more"));
  absl::StatusOr<ModelPackage> package;
  EXPECT_LT(CopiesDuring(parameters_, [&] { package = ReadPackage(PosixFileSystem(), path_); }),
            0.1);
  EXPECT_FALSE(package.ok());
}

}  // namespace
}  // namespace millrace
