// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gmock/gmock.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/status.h"

namespace millrace::testing {

inline const absl::Status& StatusOf(const absl::Status& status) { return status; }
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
  return result.status();
}

MATCHER(IsOk, "") {
  *result_listener << StatusOf(arg);
  return StatusOf(arg).ok();
}

/// A refusal with this code whose message matches.
MATCHER_P2(IsStatus, code, message,
           absl::StatusCodeToString(code) + " whose message " +
               ::testing::DescribeMatcher<std::string>(message, negation)) {
  *result_listener << StatusOf(arg);
  return StatusOf(arg).code() == code &&
         ::testing::ExplainMatchResult(message, std::string(StatusOf(arg).message()),
                                       result_listener);
}

/// An OK StatusOr whose value matches.
MATCHER_P(IsOkAndHolds, value, "") {
  if (!arg.ok()) {
    *result_listener << arg.status();
    return false;
  }
  return ::testing::ExplainMatchResult(value, *arg, result_listener);
}

}  // namespace millrace::testing

#define MR_ASSERT_OK(expression) ASSERT_THAT((expression), ::millrace::testing::IsOk())
#define MR_EXPECT_OK(expression) EXPECT_THAT((expression), ::millrace::testing::IsOk())
#define MR_ASSERT_OK_AND_ASSIGN(target, expression) \
  MR_ASSERT_OK_AND_ASSIGN_IMPL(MR_CONCAT(mr_result_, __LINE__), target, expression)
#define MR_ASSERT_OK_AND_ASSIGN_IMPL(result, target, expression) \
  auto result = (expression);                                    \
  ASSERT_THAT(result, ::millrace::testing::IsOk());              \
  target = *std::move(result)
