// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <exception>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace millrace {

/// What `run` returns, or INTERNAL with what LibTorch threw in `what`.
template <typename F>
auto WithoutExceptions(absl::string_view what, F run) -> decltype(run()) {
  try {
    return run();
  } catch (const c10::Error& error) {
    return absl::InternalError(
        absl::StrCat("LibTorch failed in ", what, ": ", error.what_without_backtrace()));
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("LibTorch failed in ", what, ": ", error.what()));
  }
}

}  // namespace millrace
