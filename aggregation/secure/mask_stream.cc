// SPDX-License-Identifier: Apache-2.0
#include "aggregation/secure/mask_stream.h"

#include <algorithm>
#include <memory>
#include <thread>
#include <vector>

#include "aggregation/secure/aes_ctr.h"
#include "base/check.h"

namespace millrace {
namespace {

// Elements that stay in the L2 cache while all masks pass over them: 128 KiB.
constexpr size_t kBlock = 32768;

constexpr size_t kCacheLine = 16;  // elements

void AddMasksOnThisThread(std::span<uint32_t> values, int64_t offset, std::span<const Mask> masks,
                          MaskPath path) {
  const auto new_keystream = path == MaskPath::kVaes ? NewVaesKeystream : NewEvpKeystream;
  std::vector<std::unique_ptr<Keystream>> keystreams;
  keystreams.reserve(masks.size());
  for (const Mask& mask : masks) keystreams.push_back(new_keystream(mask.key->bytes(), {}, offset));

  // The first block ends where the keystream is at a multiple of the block, so that all others
  // begin with a whole cipher block.
  size_t length = kBlock - offset % kBlock;
  while (!values.empty()) {
    const std::span<uint32_t> block = values.first(std::min(length, values.size()));
    for (size_t i = 0; i < masks.size(); ++i) keystreams[i]->AddNext(block, masks[i].subtract);
    values = values.subspan(block.size());
    length = kBlock;
  }
}

}  // namespace

std::span<const MaskPath> AvailableMaskPaths() {
  static constexpr MaskPath kPaths[] = {MaskPath::kVaes, MaskPath::kEvp};
  static const bool has_vaes = HasVaes();
  return std::span(kPaths).subspan(has_vaes ? 0 : 1);
}

void AddMasks(std::span<uint32_t> values, int64_t offset, std::span<const Mask> masks, int threads,
              MaskPath path) {
  MR_CHECK(offset >= 0 && threads >= 1);
  const size_t share = (values.size() / threads / kCacheLine + 1) * kCacheLine;
  std::vector<std::jthread> others;
  for (size_t begin = share; begin < values.size(); begin += share) {
    const std::span<uint32_t> part = values.subspan(begin, std::min(share, values.size() - begin));
    others.emplace_back(
        [=] { AddMasksOnThisThread(part, offset + static_cast<int64_t>(begin), masks, path); });
  }
  AddMasksOnThisThread(values.first(std::min(share, values.size())), offset, masks, path);
}

}  // namespace millrace
