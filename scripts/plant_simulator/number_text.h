// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace millrace {

/// Appends `value` with six significant digits, whatever the locale.
void AppendNumber(double value, std::string* out);

}  // namespace millrace
