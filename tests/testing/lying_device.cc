// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/lying_device.h"

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <span>
#include <vector>

#include "base/check.h"
#include "tests/testing/loopback.h"

namespace millrace::testing {
namespace {

constexpr int kLookForStopMs = 20;
constexpr size_t kRequestBytes = 12;  // to read registers

bool IsReadable(int descriptor) {
  pollfd ready{descriptor, POLLIN, 0};
  return ::poll(&ready, 1, kLookForStopMs) > 0;
}

/// An honest answer to the request: as many registers as it asks for, all 1.
std::vector<uint8_t> TrueAnswer(std::span<const uint8_t> request) {
  const int registers = request[10] << 8 | request[11];
  const auto bytes = static_cast<uint8_t>(2 * registers);
  std::vector<uint8_t> answer = {request[0], request[1], 0,
                                 0,          0,          static_cast<uint8_t>(bytes + 3),
                                 request[6], request[7], bytes};
  for (int i = 0; i < registers; ++i) answer.insert(answer.end(), {0, 1});
  return answer;
}

std::vector<uint8_t> Lie(int64_t number, std::span<const uint8_t> request) {
  std::vector<uint8_t> answer = TrueAnswer(request);
  switch (number % LyingDevice::kLies) {
    case 0:
      answer[0] ^= 0x5a;  // another transaction
      break;
    case 1:
      answer[6] ^= 0x0f;  // another unit
      answer[2] = 7;      // and no Modbus
      break;
    case 2:
      answer[7] ^= 0x10;  // another function
      break;
    case 3:
      answer[8] = 250;  // bytes that do not follow
      break;
    case 4:
      answer[4] = answer[5] = 0xff;  // a frame of 64 KiB
      break;
    case 5:
      answer[5] = 0;  // a frame of nothing
      answer.resize(6);
      break;
    case 6:
      for (size_t i = 0; i < answer.size(); ++i) answer[i] = static_cast<uint8_t>(37 * i + 11);
      break;
    default:
      answer.resize(answer.size() / 2);
  }
  return answer;
}

}  // namespace

LyingDevice::LyingDevice() {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = Loopback(0);
  socklen_t length = sizeof(address);
  MR_CHECK(::bind(listener_, reinterpret_cast<sockaddr*>(&address), length) == 0);
  MR_CHECK(::listen(listener_, 4) == 0);
  MR_CHECK(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { Serve(); });
}

LyingDevice::~LyingDevice() {
  stopping_ = true;
  thread_.join();
  ::close(listener_);
}

void LyingDevice::Serve() {
  while (!stopping_) {
    if (!IsReadable(listener_)) continue;
    const int connection = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    Answer(connection);
    ::close(connection);
  }
}

void LyingDevice::Answer(int connection) {
  uint8_t request[kRequestBytes];
  while (!stopping_) {
    if (!IsReadable(connection)) continue;
    if (::recv(connection, request, sizeof(request), MSG_WAITALL) != sizeof(request)) return;
    const std::vector<uint8_t> lie = Lie(told_++, request);
    if (::send(connection, lie.data(), lie.size(), MSG_NOSIGNAL) < 0) return;
  }
}

}  // namespace millrace::testing
