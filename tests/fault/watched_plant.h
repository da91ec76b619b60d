// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/testing/process.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {

/// A site's daemon without a coordinator. It judges "pump-1", whose rows it reads from a file that
/// the test appends to, by a small model that calls everything normal.
class WatchedPlant {
 public:
  /// `more` follows in its configuration.
  explicit WatchedPlant(const std::string& more);

  /// Starts millrace-client, or what runs it; again after a kill.
  void Start(const std::string& client);
  testing::Process& daemon() { return *daemon_; }
  const std::string& folder() const { return folder_.path(); }
  std::string state() const { return folder() + "/state"; }

  /// What the daemon that started last answers; empty if nothing.
  std::string Get(const std::string& path) const;
  /// Of its metrics; -1 if there is none of this name.
  double Metric(absl::string_view name) const;
  /// The pump goes on for a moment; a row without a time counts as of when it is read.
  void GoOn();
  /// The time of the pump's last verdict; the infinite past where that is none of "normal".
  absl::Time JudgedNormalAt() const;
  /// Lets the pump go on until it is called normal at another time than it was last. False if that
  /// does not come.
  bool IsJudgedAgain();
  /// Lets the pump go on until this many more rows of it are recorded.
  bool IsRecordedFor(int rows);

 private:
  const testing::TemporaryFolder folder_;
  std::unique_ptr<testing::Process> daemon_;
  int starts_ = 0;
};

}  // namespace millrace
