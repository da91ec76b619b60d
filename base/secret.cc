// SPDX-License-Identifier: Apache-2.0
#include "base/secret.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/mman.h>

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace millrace::secret_internal {
namespace {

constexpr size_t kPageBytes = 4096;

/// Pages cut into slots; a free slot is all zero. Keeps its pages for the life of the process.
class Slots {
 public:
  uint8_t* Take() {
    const absl::MutexLock lock(&mutex_);
    if (free_.empty()) AddPage();
    uint8_t* const slot = free_.back();
    free_.pop_back();
    return slot;
  }

  void WipeAndReturn(uint8_t* slot) {
    OPENSSL_cleanse(slot, kSlotBytes);
    const absl::MutexLock lock(&mutex_);
    free_.push_back(slot);
  }

 private:
  void AddPage() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    void* const page =
        ::mmap(nullptr, kPageBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    MR_CHECK(page != MAP_FAILED);
    // Both as far as the system allows, see Secret.
    ::madvise(page, kPageBytes, MADV_DONTDUMP);
    ::mlock(page, kPageBytes);
    auto* const first = static_cast<uint8_t*>(page);
    for (size_t at = 0; at < kPageBytes; at += kSlotBytes) free_.push_back(first + at);
  }

  absl::Mutex mutex_;
  std::vector<uint8_t*> free_ ABSL_GUARDED_BY(mutex_);
};

// Never destroyed: secrets of static life come back late.
Slots& AllSlots() {
  static Slots& slots = *new Slots;
  return slots;
}

}  // namespace

uint8_t* TakeSlot() { return AllSlots().Take(); }

void WipeAndReturnSlot::operator()(uint8_t* slot) const { AllSlots().WipeAndReturn(slot); }

void FillRandom(std::span<uint8_t> bytes) {
  MR_CHECK(RAND_priv_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1);
}

}  // namespace millrace::secret_internal
