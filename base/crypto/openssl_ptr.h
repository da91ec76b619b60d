// SPDX-License-Identifier: Apache-2.0
// For the .cc files of this folder alone: OpenSSL's objects with owners.
#pragma once

#include <openssl/evp.h>

#include <memory>

namespace millrace::crypto_internal {

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

}  // namespace millrace::crypto_internal
