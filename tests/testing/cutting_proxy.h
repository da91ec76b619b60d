// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace millrace::testing {

/// A bad network on this machine: forwards TCP connections to a target port until told to cut them.
/// Thread-safe.
class CuttingProxy {
 public:
  /// kConnect: an HTTP proxy, whose clients first ask with CONNECT for where they want to go; they
  /// all get the target.
  enum class Mode { kForward, kConnect };
  /// `target` 0: there is nobody behind the network yet.
  explicit CuttingProxy(int target, Mode mode = Mode::kForward);
  ~CuttingProxy();

  int port() const { return port_; }

  /// Once so many more bytes have come from clients, cuts every connection; those made later are
  /// forwarded again, or with `stay_away` cut at once until Mend.
  void CutAfter(int64_t bytes, bool stay_away);
  /// Cuts every connection now; those made later are forwarded again.
  void Cut();
  /// Forwards to `target` from now on.
  void Mend(int target);

  /// Forwarded from clients so far.
  int64_t bytes_up() const { return bytes_up_; }
  bool has_cut() const { return cuts_ > 0; }
  /// Where the last client of a kConnect proxy wanted to go, host:port.
  std::string asked_for() const;
  /// Connections that clients have made so far, those included that were cut at once.
  int connections() const { return connections_; }

 private:
  void Accept();
  /// Answers the client's CONNECT.
  void TakeRequest(int client);
  void Forward(int from, int to, bool up);
  void CutAll();

  const Mode mode_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> target_;
  std::atomic<int64_t> bytes_up_ = 0;
  std::atomic<int64_t> cut_at_ = INT64_MAX;
  std::atomic<bool> stay_away_ = false;
  std::atomic<int> cuts_ = 0;
  std::atomic<int> connections_ = 0;
  std::thread acceptor_;
  mutable std::mutex mutex_;
  std::string asked_for_;              // guarded by mutex_
  std::vector<int> sockets_;           // guarded by mutex_
  std::vector<std::thread> forwards_;  // guarded by mutex_
};

}  // namespace millrace::testing
