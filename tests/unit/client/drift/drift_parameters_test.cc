// SPDX-License-Identifier: Apache-2.0
#include "client/drift/drift_parameters.h"

#include <gmock/gmock.h>

#include "base/random.h"
#include "client/drift/drift_monitor.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using ::testing::HasSubstr;
using testing::IsStatus;

absl::StatusOr<DriftParameters> Read(absl::string_view text) {
  MR_ASSIGN_OR_RETURN(TomlTable table, TomlTable::Parse(text));
  DriftParameters parameters = ReadDriftParameters(table);
  MR_RETURN_IF_ERROR(table.Finish());
  return parameters;
}

TEST(DriftParameters, DefaultsAreACusumOfOneFalseAlarmADay) {
  MR_ASSERT_OK_AND_ASSIGN(const DriftParameters parameters, Read(""));
  EXPECT_EQ(parameters.detector.kind, ShiftDetectorKind::kCusum);
  EXPECT_EQ(parameters.detector.cusum.k, 0.5);
  EXPECT_EQ(parameters.detector.cusum.h, 19.4);
}

TEST(DriftParameters, EveryKeyIsRead) {
  MR_ASSERT_OK_AND_ASSIGN(DriftParameters parameters, Read(R"(
    detector = "page_hinkley"
    delta = 0.5
    lambda = 80
    learn_s = 7200
    recent_s = 600
    check_s = 60
    doubt_s = 900
    confirm_p = 0.01
    confirm_index = 0.5
    clear_index = 0.2
  )"));
  EXPECT_EQ(parameters.detector.kind, ShiftDetectorKind::kPageHinkley);
  EXPECT_EQ(parameters.detector.page_hinkley.delta, 0.5);
  EXPECT_EQ(parameters.detector.page_hinkley.lambda, 80);
  EXPECT_EQ(parameters.learn_s, 7200);
  EXPECT_EQ(parameters.recent_s, 600);
  EXPECT_EQ(parameters.check_s, 60);
  EXPECT_EQ(parameters.doubt_s, 900);
  EXPECT_EQ(parameters.confirm_p, 0.01);
  EXPECT_EQ(parameters.confirm_index, 0.5);
  EXPECT_EQ(parameters.clear_index, 0.2);
  MR_ASSERT_OK_AND_ASSIGN(parameters, Read("detector = \"adwin\"\ndelta = 0.01"));
  EXPECT_EQ(parameters.detector.adwin.delta, 0.01);
  MR_ASSERT_OK_AND_ASSIGN(parameters, Read("k = 0.25\nh = 30"));
  EXPECT_EQ(parameters.detector.cusum.h, 30);
}

TEST(DriftParameters, WhatBelongsToAnotherDetectorIsRefused) {
  for (const auto& [text, key] :
       {std::pair("lambda = 50", "lambda"), std::pair("delta = 0.1", "delta"),
        std::pair("detector = \"adwin\"\nh = 5", "h"),
        std::pair("detector = \"adwin\"\nlambda = 5", "lambda"),
        std::pair("detector = \"page_hinkley\"\nk = 5", "k"),
        std::pair("detector = \"spc\"", "detector"), std::pair("clear_index = 0.3", "clear_index"),
        std::pair("h = 0", "h"), std::pair("learn_s = 1", "learn_s")}) {
    EXPECT_THAT(Read(text), IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr(key))) << text;
  }
}

TEST(ShiftDetector, EachKindFindsAShiftAndIsSilentWithoutOne) {
  for (const ShiftDetectorKind kind :
       {ShiftDetectorKind::kCusum, ShiftDetectorKind::kPageHinkley, ShiftDetectorKind::kAdwin}) {
    ShiftDetectorParameters parameters;
    parameters.kind = kind;
    ShiftDetector detector(parameters);
    Random random(5);
    for (int i = 0; i < 20'000; ++i) ASSERT_FALSE(detector.Add(random.Normal())) << i;
    EXPECT_LT(detector.level(), 1);
    int steps = 0;
    while (!detector.Add(1.5 + random.Normal()) && steps < 1000) ++steps;
    EXPECT_LT(steps, 200);
    if (kind != ShiftDetectorKind::kAdwin) {
      EXPECT_GT(detector.level(), 1);
      EXPECT_GT(detector.ShiftEstimate(), 0.6) << "from where the sum began, before the shift";
      EXPECT_LT(detector.ShiftEstimate(), 2);
    }
    detector.Reset();
    EXPECT_EQ(detector.ShiftEstimate(), 0);
    EXPECT_EQ(detector.level(), 0);
  }
}

TEST(DriftMonitor, AnyOfTheDetectorsMaySuspect) {
  for (const ShiftDetectorKind kind :
       {ShiftDetectorKind::kPageHinkley, ShiftDetectorKind::kAdwin}) {
    DriftParameters parameters;
    parameters.detector.kind = kind;
    DriftMonitor monitor(parameters);
    Random random(6);
    const auto second = [&](double shift) {
      return monitor.Add(0, {shift + random.Normal(), random.Normal()});
    };
    for (int i = 0; i < 10'000; ++i) second(0);
    EXPECT_EQ(monitor.state(), DriftState::kStable);
    for (int i = 0; i < 400; ++i) second(-1.5);
    EXPECT_EQ(monitor.state(), DriftState::kConfirmed);
  }
}

}  // namespace
}  // namespace millrace
