// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "client/enrollment/identity_files.h"
#include "client/session/link.h"
#include "coordinator/cli/exit_code.h"
#include "coordinator/cli/json.h"
#include "tests/testing/process.h"
#include "tests/testing/temporary_folder.h"

namespace millrace::testing {

/// A federation as its operator has it: an authority in a folder, a coordinator process, and the
/// command line, by which alone sites come in. Of the people there is ada, an approver.
class EnrollingFederation {
 public:
  /// `coordinator` is the program. Fails the test if it does not come up.
  explicit EnrollingFederation(std::string coordinator);

  /// Again after a kill, on the same port and state.
  void StartCoordinator();
  Process& coordinator() { return *coordinator_; }
  int port() const { return port_; }
  std::string address() const;
  std::string Path(const std::string& name) const { return folder_.path() + "/" + name; }
  std::string authority() const { return Path("authority"); }

  struct Answer {
    ExitCode code = ExitCode::kOk;
    std::string text;   // standard output
    std::string error;  // standard error
    /// The output of --json.
    Json json() const { return Json::parse(text); }
  };
  /// The command line, with ada's connection, or the one of `who`, whose files `Issue` made.
  Answer Millrace(std::vector<std::string> arguments, const std::string& who = "ada") const;
  /// The same without a connection.
  Answer MillraceAlone(const std::vector<std::string>& arguments) const;
  /// `millrace authority issue` into a folder of this name.
  void Issue(const std::string& role, const std::string& name) const;

  /// Invites a site and returns its token.
  std::string Invite(const std::string& site) const;
  /// Invites, enrolls in this process and approves: the site's files are in a folder of its name.
  void EnrollSite(const std::string& site, const std::string& proxy = "") const;
  IdentityFiles FilesOf(const std::string& site) const;
  LinkOptions LinkOf(const std::string& site) const;
  static LinkOptions LinkWith(const std::string& address, const SiteCredentials& credentials);
  /// Replaces the site's certificate by one of which so much is over and so much left.
  void Age(const std::string& site, absl::Duration over, absl::Duration left) const;

 private:
  const std::string program_;
  const TemporaryFolder folder_;
  int port_ = 0;
  std::unique_ptr<Process> coordinator_;
};

}  // namespace millrace::testing
