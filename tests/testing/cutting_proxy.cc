// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/cutting_proxy.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/random.h"
#include "base/steady_clock.h"
#include "tests/testing/loopback.h"

namespace millrace::testing {
namespace {

// What TCP waits for before it sends again what was lost, at least; then twice as long each time.
constexpr absl::Duration kResend = absl::Milliseconds(200);

/// Before a slow link lies what it carries in a tenth of a second; the kernel's own default is many
/// seconds of it.
void LimitBuffer(int socket, const Weather& weather) {
  if (weather.bytes_per_s == 0) return;
  const int bytes = std::clamp(static_cast<int>(weather.bytes_per_s / 10), 16 << 10, 1 << 20);
  ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

/// A connected socket, or -1.
int Connect(int port, const Weather& weather) {
  if (port == 0) return -1;
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
  LimitBuffer(socket, weather);
  const sockaddr_in address = Loopback(port);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return socket;
  }
  ::close(socket);
  return -1;
}

bool SendAll(int socket, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t sent = ::send(socket, data, size, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    data += sent;
    size -= static_cast<size_t>(sent);
  }
  return true;
}

}  // namespace

CuttingProxy::CuttingProxy(int target, Mode mode, const Weather& weather)
    : mode_(mode), weather_(weather), target_(target) {
  listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
  LimitBuffer(listener_, weather_);  // its connections inherit it
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  MR_CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
  MR_CHECK(::listen(listener_, 16) == 0);
  MR_CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
  if (weather_.cut_every == absl::InfiniteDuration()) return;
  cutter_ = std::thread([this] {
    std::unique_lock lock(mutex_);
    const auto ending = [this] { return ending_; };
    while (!over_.wait_for(lock, absl::ToChronoMilliseconds(weather_.cut_every), ending)) {
      lock.unlock();
      Cut();
      lock.lock();
    }
  });
}

CuttingProxy::~CuttingProxy() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  over_.notify_all();
  if (cutter_.joinable()) cutter_.join();
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  CutAll();
  for (std::thread& forward : forwards_) forward.join();
  for (const int socket : sockets_) ::close(socket);
}

void CuttingProxy::CutAfter(int64_t bytes, bool stay_away) {
  stay_away_ = stay_away;
  cut_at_ = up_.bytes + bytes;
}

void CuttingProxy::CutEvery(int64_t bytes) {
  cut_every_ = bytes;
  cut_next_ = up_.bytes + down_.bytes + bytes;
}

void CuttingProxy::Cut() {
  ++cuts_;
  CutAll();
}

void CuttingProxy::Mend(int target) {
  cut_at_ = INT64_MAX;
  stay_away_ = false;
  target_ = target;
}

void CuttingProxy::Accept() {
  while (true) {
    const int client = ::accept(listener_, nullptr, nullptr);
    if (client < 0) return;
    ++connections_;
    const int server = Connect(target_, weather_);
    if (server < 0) {
      ::close(client);
      continue;
    }
    if (mode_ == Mode::kConnect) TakeRequest(client);
    const std::lock_guard lock(mutex_);
    sockets_.insert(sockets_.end(), {client, server});
    const uint64_t seed = forwards_.size();
    forwards_.emplace_back([=, this] { Forward(client, server, up_, seed); });
    forwards_.emplace_back([=, this] { Forward(server, client, down_, seed + 1); });
  }
}

void CuttingProxy::TakeRequest(int client) {
  std::string request;
  char byte = 0;
  while (!request.ends_with("\r\n\r\n") && ::recv(client, &byte, 1, 0) == 1) request += byte;
  const std::string answer = "HTTP/1.1 200 Connection established\r\n\r\n";
  (void)SendAll(client, answer.data(), answer.size());
  const std::vector<std::string> words = absl::StrSplit(request, ' ');
  const std::lock_guard lock(mutex_);
  if (words.size() > 1 && words[0] == "CONNECT") asked_for_ = words[1];
}

std::string CuttingProxy::asked_for() const {
  const std::lock_guard lock(mutex_);
  return asked_for_;
}

void CuttingProxy::Forward(int from, int to, Direction& direction, uint64_t seed) {
  // A slow link brings bytes as they go, not by the buffer.
  constexpr int64_t kLeast = 1 << 10, kMost = 1 << 16;
  const int64_t piece = weather_.bytes_per_s == 0
                            ? kMost
                            : std::clamp<int64_t>(weather_.bytes_per_s / 50, kLeast, kMost);
  std::array<char, kMost> buffer;
  Random random(seed);
  while (true) {
    const ssize_t got = ::recv(from, buffer.data(), piece, 0);
    if (got <= 0) break;
    Delay(direction, got);
    for (absl::Duration wait = kResend; random.Uniform() < weather_.lost; wait *= 2) {
      absl::SleepFor(wait);
    }
    if (!SendAll(to, buffer.data(), static_cast<size_t>(got))) break;
    direction.bytes += got;
    CutIfDue();
  }
  ::shutdown(from, SHUT_RDWR);
  ::shutdown(to, SHUT_RDWR);
}

void CuttingProxy::Delay(Direction& direction, int64_t bytes) {
  if (weather_.bytes_per_s == 0) return;
  absl::Duration wait;
  {
    const std::lock_guard lock(direction.mutex);
    const absl::Time now = SteadyClock()->Now();
    direction.free =
        std::max(direction.free, now) + absl::Seconds(1) * bytes / weather_.bytes_per_s;
    wait = direction.free - now;
  }
  absl::SleepFor(wait);
}

void CuttingProxy::CutIfDue() {
  {
    const std::lock_guard lock(mutex_);
    const int64_t both = up_.bytes + down_.bytes;
    const bool once = up_.bytes >= cut_at_;
    if (!once && both < cut_next_) return;
    if (once) cut_at_ = INT64_MAX;
    if (once && stay_away_) target_ = 0;
    if (cut_every_ != INT64_MAX) cut_next_ = both + cut_every_;
  }
  Cut();
}

void CuttingProxy::CutAll() {
  const std::lock_guard lock(mutex_);
  for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
}

}  // namespace millrace::testing
