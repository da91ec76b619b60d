// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace millrace {

/// bench_secure's section "sessions": what one site and the coordinator compute in a secure round.
bool SessionSection();

}  // namespace millrace
