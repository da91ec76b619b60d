// SPDX-License-Identifier: Apache-2.0
// How fast one thread folds an update into the running sum, beside a plain triad over the same
// arrays: bench_aggregate [parameters ...]. One JSON line per size; exit status 1 if a fold in
// memory is slower than kFloor of the triad. Rates are parameters per second.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "aggregation/vector_targets.h"
#include "aggregation/weighted_sum.h"
#include "base/check.h"
#include "base/file_system.h"
#include "base/random.h"
#include "tests/bench/seconds_of.h"

namespace millrace {
namespace {

constexpr double kFloor = 0.8;
constexpr int64_t kChunkBytes = int64_t{1} << 20;  // what the coordinator reads at a time
constexpr int kRepetitions = 15;

MR_VECTOR_TARGETS void Triad(double* __restrict sum, const float* __restrict x, size_t n,
                             double weight) {
  for (size_t i = 0; i < n; ++i) sum[i] += weight * static_cast<double>(x[i]);
}

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

void FoldFile(File& file, int64_t parameters, std::vector<float>& chunk, WeightedSum& sum) {
  const auto per_chunk = static_cast<int64_t>(chunk.size());
  constexpr auto kFloat = static_cast<int64_t>(sizeof(float));
  for (int64_t offset = 0; offset < parameters; offset += per_chunk) {
    const std::span<float> part = std::span(chunk).first(std::min(per_chunk, parameters - offset));
    const std::span<char> bytes(reinterpret_cast<char*>(part.data()), part.size_bytes());
    MR_CHECK(file.ReadAt(offset * kFloat, bytes).ok());
    MR_CHECK(sum.Fold(offset, part, 3));
  }
}

// True iff the fold reaches the floor.
bool Bench(int64_t parameters, const std::string& path) {
  std::vector<float> update(parameters);
  Random random(1);
  for (float& x : update) x = static_cast<float>(random.Uniform() - 0.5);
  const auto file = PosixFileSystem()->Open(path, FileSystem::OpenMode::kCreate);
  MR_CHECK(file.ok());
  const char* const bytes = reinterpret_cast<const char*>(update.data());
  MR_CHECK((*file)->WriteAt(0, {bytes, update.size() * sizeof(float)}).ok());

  std::vector<double> sum(parameters);
  WeightedSum weighted_sum(parameters, 0);
  std::vector<float> chunk(kChunkBytes / sizeof(float));
  // Sizes that fit the caches are repeated until a measurement takes milliseconds.
  const int64_t passes = std::max<int64_t>(1, 20'000'000 / parameters);
  const auto repeated = [&](const std::function<void()>& pass) {
    return SecondsOf([&] {
             for (int64_t i = 0; i < passes; ++i) pass();
           }) /
           static_cast<double>(passes);
  };
  std::vector<double> triad, fold, from_file;
  for (int repetition = 0; repetition <= kRepetitions; ++repetition) {
    const double triad_s = repeated([&] { Triad(sum.data(), update.data(), sum.size(), 3); });
    const double fold_s = repeated([&] { MR_CHECK(FoldChunk(sum, update, 3)); });
    const double file_s = repeated([&] { FoldFile(**file, parameters, chunk, weighted_sum); });
    if (repetition == 0) continue;  // warms caches and pages
    triad.push_back(triad_s);
    fold.push_back(fold_s);
    from_file.push_back(file_s);
  }
  const double n = static_cast<double>(parameters);
  const double ratio = Median(triad) / Median(fold);
  std::printf(
      "{\"bench\":\"aggregate\",\"parameters\":%lld,\"repetitions\":%d,\"triad_per_s\":%.4g,"
      "\"fold_per_s\":%.4g,\"file_fold_per_s\":%.4g,\"fold_gb_per_s\":%.4g,\"ratio\":%.3f,"
      "\"file_ratio\":%.3f,\"floor\":%.2f,\"ok\":%s}\n",
      static_cast<long long>(parameters), kRepetitions, n / Median(triad), n / Median(fold),
      n / Median(from_file), n * (sizeof(float) + 2 * sizeof(double)) / Median(fold) / 1e9, ratio,
      Median(triad) / Median(from_file), kFloor, ratio >= kFloor ? "true" : "false");
  std::fflush(stdout);
  return ratio >= kFloor;
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  std::vector<int64_t> sizes;
  for (int i = 1; i < argc; ++i) sizes.push_back(std::strtoll(argv[i], nullptr, 10));
  if (sizes.empty()) sizes = {1'000'000, 10'000'000, 100'000'000};
  std::string folder = (std::filesystem::temp_directory_path() / "bench_aggregate.XXXXXX").string();
  MR_CHECK(::mkdtemp(folder.data()) != nullptr);
  bool ok = true;
  for (const int64_t size : sizes) {
    if (size < 1) {
      std::fprintf(stderr, "usage: bench_aggregate [parameters ...], each at least 1\n");
      return 2;
    }
    const std::string path = folder + "/update";
    ok = millrace::Bench(size, path) && ok;
    std::filesystem::remove(path);
  }
  std::filesystem::remove(folder);
  return ok ? 0 : 1;
}
