// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/crypto/digest.h"
#include "millrace/v1/common.pb.h"

namespace millrace {

/// SHA-256 over channels, modes and the mode for all other cells: every number little-endian, every
/// list behind its length, and nothing else that a message may carry. No scaling that a site could
/// apply in another way has the same digest.
Digest DigestOf(const v1::Scaling& scaling);

}  // namespace millrace
