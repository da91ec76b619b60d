// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "millrace/v1/admin.pb.h"
#include "tests/testing/callers.h"
#include "tests/testing/network_namespace.h"
#include "tests/testing/process.h"
#include "tests/testing/temporary_folder.h"
#include "tests/testing/test_federation.h"

namespace millrace::testing {

/// A federation of real processes on this machine: one coordinator and any number of site daemons,
/// over mTLS on a free port, in a folder of their own. All are killed at the end.
class Fleet {
 public:
  /// `coordinator` is the program; `more` follows in its configuration file. Sites that are in a
  /// network of their own are started there.
  using Networks = std::map<std::string, const NetworkNamespace*>;
  explicit Fleet(std::string coordinator, std::string more = "", Networks networks = {});

  /// Starts the coordinator and waits until it listens; again after a kill, on the same port and
  /// state. False, with its log as a test failure, if it does not come up.
  bool StartCoordinator();
  /// Where the coordinator listens from its next start on, after 127.0.0.1; its certificate is for
  /// both, and for this name of either.
  static constexpr char kSecondHome[] = "127.0.0.2";
  static constexpr char kName[] = "coordinator.test";
  void Move() { home_ = kSecondHome; }
  Process& coordinator() { return *coordinator_; }
  int port() const { return port_; }
  std::string address() const;
  const TestFederation& federation() const { return federation_; }
  const std::string& folder() const { return folder_.path(); }

  /// The site reaches the coordinator through a proxy at this port of 127.0.0.1, from when its
  /// configuration is written next.
  void PutBehind(int proxy, const std::string& site) { proxies_[site] = proxy; }
  /// Writes a site's configuration, which sends in the clear where a plan says so unless `data` has
  /// a [secure] table of its own, with `data` as its [data] table and relative paths meant from
  /// the fleet's folder, and the certificate and key given. Returns its path.
  std::string WriteSite(const std::string& name, const std::string& data,
                        const KeyAndCertificate& identity);
  /// Starts the daemon of a site with an identity that the federation issues.
  void StartSite(const std::string& client, const std::string& name, const std::string& data);
  /// Starts any other program as these sites, of which the first names the process.
  void StartProcess(const std::vector<std::string>& names, const std::vector<std::string>& command);
  Process& site(const std::string& name) { return *sites_.at(name); }
  /// True once all sites that were started have checked in.
  bool AwaitSites();

  Connection& as_operator() { return *operator_; }
  /// The run, also while the coordinator is away for a moment.
  v1::Run GetRun(const std::string& id);
  /// The run once it has ended; as it is after `patience` otherwise.
  v1::Run AwaitEnd(const std::string& id, absl::Duration patience = absl::Seconds(120));

  /// What every process has said, for a failing test's message.
  std::string Logs() const;

 private:
  void WriteFile(const std::string& name, const std::string& text) const;
  /// At which the site reaches the coordinator.
  std::string AddressFor(const std::string& site) const;

  const std::string program_;
  const std::string more_;
  const Networks networks_;
  const TemporaryFolder folder_;
  const TestFederation federation_;
  std::string home_ = "127.0.0.1";
  int port_ = 0;
  std::unique_ptr<Process> coordinator_;
  std::unique_ptr<Connection> operator_;
  std::map<std::string, int> proxies_;  // ports by site
  std::map<std::string, std::unique_ptr<Process>> sites_;
  std::set<std::string> names_;  // of all sites that were started
};

}  // namespace millrace::testing
