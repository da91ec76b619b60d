// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/capture/capture_label.h"
#include "client/config.h"

namespace CLI {
class App;
}  // namespace CLI

namespace millrace {

/// `millrace-client captures`: looks at what a site's daemon has captured, and labels it.
class CapturesCommand {
 public:
  /// Adds the subcommand to `app`, which outlives this object.
  explicit CapturesCommand(CLI::App& app);

  /// Whether the command line asked for it.
  bool parsed() const;
  /// Does what it asks for.
  absl::Status Run();

 private:
  absl::Status RunOn(const SiteConfig& config);

  CLI::App* captures_;
  CLI::App* list_;
  CLI::App* show_;
  CLI::App* label_;
  CLI::App* take_;
  CLI::App* export_;
  std::string config_;
  bool json_ = false;
  std::string id_;
  std::string value_;
  CaptureLabel filled_;  // in
  std::string machine_;
  std::vector<std::string> ids_;
  bool labelled_ = false;
  std::string format_ = "csv";
  std::string to_;
};

}  // namespace millrace
