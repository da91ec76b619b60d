// SPDX-License-Identifier: Apache-2.0
// For the .cc files of this folder alone: OpenSSL's objects with owners.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <string_view>

namespace millrace::crypto_internal {

template <auto kFree>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    kFree(object);
  }
};
using KeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

inline bool IsP256(const EVP_PKEY* key) {
  char group[32] = "";
  return EVP_PKEY_is_a(key, "EC") == 1 &&
         EVP_PKEY_get_group_name(key, group, sizeof(group), nullptr) == 1 &&
         std::string_view(group) == "prime256v1";
}

}  // namespace millrace::crypto_internal
