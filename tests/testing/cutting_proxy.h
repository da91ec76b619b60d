// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"

namespace millrace::testing {

/// What connections suffer, each way.
struct Weather {
  int64_t bytes_per_s = 0;  // of all together; 0: as many as come
  // Share of the pieces that are lost on their way, also when they are sent again. Whoever reads
  // from TCP sees of a loss that the piece, and all behind it, comes so much later.
  double lost = 0;
  absl::Duration cut_every = absl::InfiniteDuration();  // all of them
};

/// A bad network on this machine: forwards TCP connections to a target port until told to cut them.
/// Thread-safe.
class CuttingProxy {
 public:
  /// kConnect: an HTTP proxy, whose clients first ask with CONNECT for where they want to go; they
  /// all get the target.
  enum class Mode { kForward, kConnect };
  /// `target` 0: there is nobody behind the network yet.
  explicit CuttingProxy(int target, Mode mode = Mode::kForward, const Weather& weather = {});
  CuttingProxy(int target, const Weather& weather)
      : CuttingProxy(target, Mode::kForward, weather) {}
  ~CuttingProxy();

  int port() const { return port_; }

  /// Once so many more bytes have come from clients, cuts every connection; those made later are
  /// forwarded again, or with `stay_away` cut at once until Mend.
  void CutAfter(int64_t bytes, bool stay_away);
  /// Cuts every connection whenever so many bytes, both ways together, have come since the last
  /// cut: what a slow link carries in the time that it holds.
  void CutEvery(int64_t bytes);
  /// Cuts every connection now; those made later are forwarded again.
  void Cut();
  /// Forwards to `target` from now on.
  void Mend(int target);

  /// Forwarded from clients so far.
  int64_t bytes_up() const { return up_.bytes; }
  /// Forwarded to clients so far.
  int64_t bytes_down() const { return down_.bytes; }
  bool has_cut() const { return cuts_ > 0; }
  int cuts() const { return cuts_; }
  /// Where the last client of a kConnect proxy wanted to go, host:port.
  std::string asked_for() const;
  /// Connections that clients have made so far, those included that were cut at once.
  int connections() const { return connections_; }

 private:
  struct Direction {
    std::atomic<int64_t> bytes = 0;
    std::mutex mutex;
    absl::Time free;  // of the steady clock: when what has come by now has gone; guarded by mutex
  };

  void Accept();
  /// Answers the client's CONNECT.
  void TakeRequest(int client);
  void Forward(int from, int to, Direction& direction, uint64_t seed);
  /// Waits for as long as so many bytes take.
  void Delay(Direction& direction, int64_t bytes);
  /// Cuts if it is time to, now that bytes have come.
  void CutIfDue();
  void CutAll();

  const Mode mode_;
  const Weather weather_;
  int listener_ = -1;
  int port_ = 0;
  std::atomic<int> target_;
  Direction up_;
  Direction down_;
  std::atomic<int64_t> cut_at_ = INT64_MAX;     // of bytes up
  std::atomic<int64_t> cut_every_ = INT64_MAX;  // of bytes both ways
  std::atomic<int64_t> cut_next_ = INT64_MAX;   // of bytes both ways
  std::atomic<bool> stay_away_ = false;
  std::atomic<int> cuts_ = 0;
  std::atomic<int> connections_ = 0;
  std::thread acceptor_;
  std::thread cutter_;
  mutable std::mutex mutex_;
  std::condition_variable over_;
  bool ending_ = false;                // guarded by mutex_
  std::string asked_for_;              // guarded by mutex_
  std::vector<int> sockets_;           // guarded by mutex_
  std::vector<std::thread> forwards_;  // guarded by mutex_
};

}  // namespace millrace::testing
