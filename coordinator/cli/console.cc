// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/console.h"

#include "absl/strings/match.h"

namespace millrace {
namespace {

constexpr char kEraseLine[] = "\r\x1b[2K";  // ECMA-48: to the line's start, erase all of it

}  // namespace

Console::Console(std::ostream* out, std::ostream* err, size_t columns)
    : out_(out), err_(err), columns_(columns) {}

Console::~Console() { Live(""); }

void Console::Print(absl::string_view text) {
  Erase();
  out_->write(text.data(), static_cast<std::streamsize>(text.size()));
  if (!absl::EndsWith(text, "\n")) *out_ << '\n';
  Draw();
}

void Console::Complain(absl::string_view text) {
  Erase();
  *err_ << "millrace: ";
  err_->write(text.data(), static_cast<std::streamsize>(text.size()));
  *err_ << std::endl;
  Draw();
}

void Console::Live(const std::string& text) {
  if (columns_ == 0 || text == live_) return;
  Erase();
  live_ = text;
  Draw();
}

void Console::Erase() {
  if (!live_.empty()) *out_ << kEraseLine << std::flush;
}

void Console::Draw() { *out_ << live_ << std::flush; }

}  // namespace millrace
