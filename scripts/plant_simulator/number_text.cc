// SPDX-License-Identifier: Apache-2.0
#include "scripts/plant_simulator/number_text.h"

#include <charconv>

namespace millrace {

void AppendNumber(double value, std::string* out) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof(text), value, std::chars_format::general, 6);
  out->append(text, end.ptr);
}

}  // namespace millrace
