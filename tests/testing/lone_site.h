// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace millrace::testing {

/// The beginning of a site's file that names no coordinator which is there, and a certificate that
/// is not: what watches machines needs neither.
inline constexpr char kLoneSite[] = R"([coordinator]
address = "localhost:1"
[identity]
certificate = "none.crt"
key = "none.key"
authority = "none.crt"
[storage]
folder = "state"
)";

}  // namespace millrace::testing
