// SPDX-License-Identifier: Apache-2.0
// What secure aggregation costs: bench_secure [section ...], all sections if none is named. One
// JSON line per case; exit status 1 if a case misses its floor.
//
// masks: elements of mask per second, 4 bytes each, beside floors over the same arrays: OpenSSL's
// cipher alone, a cache-blocked loop of the cipher and an addition, and a plain addition.
// sessions: what a site computes to share and to mask, and the coordinator to sum and to unmask.
#include <openssl/evp.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "aggregation/secure/mask_stream.h"
#include "aggregation/vector_targets.h"
#include "base/check.h"
#include "tests/bench/seconds_of.h"
#include "tests/bench/secure_sessions.h"

namespace millrace {
namespace {

constexpr int kRepetitions = 11;
constexpr double kEvpFloor = 0.9;   // of the cache-blocked loop
constexpr double kVaesFloor = 3.0;  // times the EVP path

/// The median rate of each contender by name, `elements` per run; repetitions are interleaved so
/// that other load hits all of them. Fast ones are repeated until a measurement takes milliseconds.
std::map<std::string, double> Rates(
    double elements, const std::map<std::string, std::function<void()>>& contenders) {
  const int passes = std::max(1, static_cast<int>(20e6 / elements));
  std::map<std::string, std::vector<double>> rates;
  for (int repetition = 0; repetition <= kRepetitions; ++repetition) {
    for (const auto& [name, run] : contenders) {
      const double seconds = SecondsOf([&, &run = run] {
        for (int pass = 0; pass < passes; ++pass) run();
      });
      if (repetition > 0) rates[name].push_back(passes * elements / seconds);  // 0 warms up
    }
  }
  std::map<std::string, double> medians;
  for (auto& [name, values] : rates) {
    std::nth_element(values.begin(), values.begin() + kRepetitions / 2, values.end());
    medians[name] = values[kRepetitions / 2];
  }
  return medians;
}

MR_VECTOR_TARGETS void Add(uint32_t* __restrict values, const uint32_t* __restrict x, size_t n) {
  for (size_t i = 0; i < n; ++i) values[i] += x[i];
}

constexpr size_t kPiece = 4096;  // elements: 16 KiB, what `openssl speed` encrypts at a time
uint32_t zeroes[kPiece], keystream[kPiece];

/// OpenSSL's AES-128-CTR of a key.
class Cipher {
 public:
  explicit Cipher(const MaskKey& key) : context_(EVP_CIPHER_CTX_new(), EVP_CIPHER_CTX_free) {
    const uint8_t counter[16] = {};
    MR_CHECK(EVP_EncryptInit_ex2(context_.get(), EVP_aes_128_ctr(), key.bytes().data(), counter,
                                 nullptr) == 1);
  }
  /// The next n <= kPiece elements of keystream.
  void Next(size_t n) {
    int bytes = 0;
    MR_CHECK(EVP_EncryptUpdate(context_.get(), reinterpret_cast<uint8_t*>(keystream), &bytes,
                               reinterpret_cast<const uint8_t*>(zeroes),
                               static_cast<int>(n * sizeof(uint32_t))) == 1);
  }

 private:
  std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context_;
};

/// True iff the paths reach their floors.
bool BenchMasks(size_t elements, size_t mask_count) {
  std::vector<MaskKey> keys;
  for (size_t i = 0; i < mask_count; ++i) keys.push_back(MaskKey::Random());
  std::vector<Mask> masks;
  for (const MaskKey& key : keys) masks.push_back({&key});
  std::vector<Cipher> ciphers(keys.begin(), keys.end());
  std::vector<uint32_t> values(elements), other(elements, 1);
  const auto pieces = [&](const std::function<void(size_t begin, size_t n)>& piece) {
    for (size_t begin = 0; begin < elements; begin += kPiece) {
      piece(begin, std::min(kPiece, elements - begin));
    }
  };

  std::map<std::string, std::function<void()>> contenders;
  contenders["plain_add"] = [&] {
    for (size_t i = 0; i < mask_count; ++i) Add(values.data(), other.data(), elements);
  };
  contenders["cipher"] = [&] {
    for (Cipher& cipher : ciphers) pieces([&](size_t, size_t n) { cipher.Next(n); });
  };
  contenders["cipher_and_add"] = [&] {
    pieces([&](size_t begin, size_t n) {
      for (Cipher& cipher : ciphers) {
        cipher.Next(n);
        Add(values.data() + begin, keystream, n);
      }
    });
  };
  for (const MaskPath path : AvailableMaskPaths()) {
    const std::string name = path == MaskPath::kVaes ? "vaes" : "evp";
    contenders[name] = [&, path] { AddMasks(values, 0, masks, 1, path); };
    contenders[name + "_2_threads"] = [&, path] { AddMasks(values, 0, masks, 2, path); };
  }
  auto rates = Rates(static_cast<double>(elements * mask_count), contenders);

  nlohmann::ordered_json line = {{"bench", "masks"},
                                 {"elements", elements},
                                 {"masks", mask_count},
                                 {"repetitions", kRepetitions}};
  for (const auto& [name, rate] : rates) line[name + "_per_s"] = static_cast<int64_t>(rate);
  const double evp_ratio = rates["evp"] / rates["cipher_and_add"];
  bool ok = evp_ratio >= kEvpFloor;
  line["evp_ratio"] = evp_ratio;
  if (rates.contains("vaes")) {
    const double vaes_ratio = rates["vaes"] / rates["evp"];
    line["vaes_ratio"] = vaes_ratio;
    // Where memory is the limit, a mask costs no more than the addition of one that is there
    // already.
    ok = ok && rates["vaes"] >= std::min(kVaesFloor * rates["evp"], rates["plain_add"]);
  }
  line["ok"] = ok;
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
  return ok;
}

bool MaskSection() {
  bool ok = true;
  for (const size_t elements : {1'000'000, 10'000'000}) {
    for (const size_t masks : {1, 50}) ok = BenchMasks(elements, masks) && ok;
  }
  return ok;
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  const std::map<std::string, bool (*)()> sections = {{"masks", millrace::MaskSection},
                                                      {"sessions", millrace::SessionSection}};
  CLI::App app("What secure aggregation costs.");
  std::vector<std::string> names;
  for (const auto& [name, run] : sections) names.push_back(name);
  app.add_option("sections", names, "all if none is named")->check(CLI::IsMember(names));
  CLI11_PARSE(app, argc, argv);
  bool ok = true;
  for (const std::string& name : names) ok = sections.at(name)() && ok;
  return ok ? 0 : 1;
}
