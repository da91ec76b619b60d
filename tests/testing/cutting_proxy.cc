// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/cutting_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

#include "absl/strings/str_split.h"
#include "base/check.h"

namespace millrace::testing {
namespace {

sockaddr_in Loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// A connected socket, or -1.
int Connect(int port) {
  if (port == 0) return -1;
  const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
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

CuttingProxy::CuttingProxy(int target, Mode mode) : mode_(mode), target_(target) {
  listener_ = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = Loopback(0);
  socklen_t size = sizeof(address);
  MR_CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
  MR_CHECK(::listen(listener_, 16) == 0);
  MR_CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { Accept(); });
}

CuttingProxy::~CuttingProxy() {
  ::shutdown(listener_, SHUT_RDWR);
  acceptor_.join();
  ::close(listener_);
  CutAll();
  for (std::thread& forward : forwards_) forward.join();
  for (const int socket : sockets_) ::close(socket);
}

void CuttingProxy::CutAfter(int64_t bytes, bool stay_away) {
  stay_away_ = stay_away;
  cut_at_ = bytes_up_ + bytes;
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
    const int server = Connect(target_);
    if (server < 0) {
      ::close(client);
      continue;
    }
    if (mode_ == Mode::kConnect) TakeRequest(client);
    const std::lock_guard lock(mutex_);
    sockets_.insert(sockets_.end(), {client, server});
    forwards_.emplace_back([=, this] { Forward(client, server, true); });
    forwards_.emplace_back([=, this] { Forward(server, client, false); });
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

void CuttingProxy::Forward(int from, int to, bool up) {
  std::array<char, 1 << 16> buffer;
  while (true) {
    const ssize_t got = ::recv(from, buffer.data(), buffer.size(), 0);
    if (got <= 0 || !SendAll(to, buffer.data(), static_cast<size_t>(got))) break;
    if (up && (bytes_up_ += got) >= cut_at_) {
      cut_at_ = INT64_MAX;
      if (stay_away_) target_ = 0;
      ++cuts_;
      CutAll();
    }
  }
  ::shutdown(from, SHUT_RDWR);
  ::shutdown(to, SHUT_RDWR);
}

void CuttingProxy::CutAll() {
  const std::lock_guard lock(mutex_);
  for (const int socket : sockets_) ::shutdown(socket, SHUT_RDWR);
}

}  // namespace millrace::testing
