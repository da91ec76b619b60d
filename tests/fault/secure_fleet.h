// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "plan/plan.h"
#include "tests/testing/fleet.h"
#include "tests/testing/tiny_plan.h"

namespace millrace::testing {

/// Secure rounds of a TinyPlan between real processes over mTLS: sites that send honest updates
/// without training (secure_site.cc), and what their sum should be.
class SecureFleet : public ::testing::Test {
 protected:
  /// One round of training, and one of evaluation, of so many sites, as tiny-1.
  static TinyPlan PlanOf(const std::string& mode, int target, int minimum);
  static std::vector<std::string> Names(int count);  // "site-000", ...

  /// Starts one process for all these sites; it dies before that call of the round.
  void StartSites(const std::vector<std::string>& names, const std::string& dies_before = "",
                  int round = 1);
  /// The same; it does not die but waits until Release.
  void StartSitesThatWait(const std::vector<std::string>& names, const std::string& before);
  /// True once all these sites wait there.
  bool AwaitWaiting(const std::vector<std::string>& names);
  void Release();

  /// Expects that version 1 is the start value plus the weighted mean of these sites' updates of
  /// round 1 and of `idle_weight` more of updates that are zero.
  void ExpectMeanOf(const std::vector<std::string>& sites, const Plan& plan,
                    double idle_weight = 0);

  Fleet fleet_{MILLRACE_COORDINATOR};

 private:
  void Start(const std::vector<std::string>& names, const std::vector<std::string>& halt);
  std::string released() const { return fleet_.folder() + "/released"; }
};

}  // namespace millrace::testing
