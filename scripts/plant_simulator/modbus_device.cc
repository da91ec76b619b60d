// SPDX-License-Identifier: Apache-2.0
#include "scripts/plant_simulator/modbus_device.h"

#include <modbus/modbus.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>

#include "absl/strings/str_cat.h"

namespace millrace {
namespace {

constexpr int kLookUp_ms = 50;
constexpr size_t kMostRegisters = 65536;
constexpr int kUnitOffset = 6;  // of the unit's byte in a request over TCP

}  // namespace

void ModbusDevice::Free::operator()(_modbus* device) const { modbus_free(device); }

ModbusDevice::ModbusDevice(size_t machines, size_t channels)
    : registers_(machines, std::vector<uint16_t>(2 * channels)) {}

absl::StatusOr<std::unique_ptr<ModbusDevice>> ModbusDevice::Listen(int port, size_t machines,
                                                                   size_t channels) {
  if (machines > kMostMachines || 2 * channels > kMostRegisters) {
    return absl::InvalidArgumentError(absl::StrCat(
        "Modbus has ", kMostMachines, " units of ", kMostRegisters / 2,
        " float32 registers; asked for ", machines, " machines of ", channels, " channels"));
  }
  std::unique_ptr<ModbusDevice> device(new ModbusDevice(machines, channels));
  device->device_.reset(modbus_new_tcp("127.0.0.1", port));
  device->listener_ = modbus_tcp_listen(device->device_.get(), static_cast<int>(kMostPeers));
  if (device->listener_ < 0) {
    return absl::UnavailableError(
        absl::StrCat("127.0.0.1:", port, ": ", modbus_strerror(errno), "; is the port in use?"));
  }
  // A peer that stops in the middle of a request keeps the others waiting no longer.
  modbus_set_byte_timeout(device->device_.get(), 0, 100'000);
  sockaddr_in address{};
  socklen_t length = sizeof(address);
  getsockname(device->listener_, reinterpret_cast<sockaddr*>(&address), &length);
  device->port_ = ntohs(address.sin_port);
  device->thread_ = std::thread([running = device.get()] { running->Serve(); });
  return device;
}

ModbusDevice::~ModbusDevice() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  if (listener_ >= 0) ::close(listener_);
}

absl::Status ModbusDevice::Take(const PlantBlock& block) {
  const size_t channels = block.channels->size();
  const std::span<const float> newest = block.rows.last(channels);
  const absl::MutexLock lock(&mutex_);
  std::vector<uint16_t>& registers = registers_[block.index];
  for (size_t c = 0; c < channels; ++c) {
    const auto bits = std::bit_cast<uint32_t>(newest[c]);
    registers[2 * c] = static_cast<uint16_t>(bits >> 16);
    registers[2 * c + 1] = static_cast<uint16_t>(bits);
  }
  return absl::OkStatus();
}

void ModbusDevice::Serve() {
  std::vector<pollfd> sockets = {{listener_, POLLIN, 0}};
  while (!stopping_) {
    if (::poll(sockets.data(), sockets.size(), kLookUp_ms) <= 0) continue;
    for (size_t i = 1; i < sockets.size(); ++i) {
      if (sockets[i].revents == 0 || Answer(sockets[i].fd)) continue;
      ::close(sockets[i].fd);
      sockets[i].fd = -1;
    }
    std::erase_if(sockets, [](const pollfd& socket) { return socket.fd < 0; });
    if ((sockets[0].revents & POLLIN) != 0) {
      const int peer = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (peer >= 0 && sockets.size() <= kMostPeers) {
        sockets.push_back({peer, POLLIN, 0});
      } else if (peer >= 0) {
        ::close(peer);
      }
    }
  }
  for (size_t i = 1; i < sockets.size(); ++i) ::close(sockets[i].fd);
}

bool ModbusDevice::Answer(int peer) {
  modbus_set_socket(device_.get(), peer);
  std::array<uint8_t, MODBUS_TCP_MAX_ADU_LENGTH> request;
  const int length = modbus_receive(device_.get(), request.data());
  if (length <= kUnitOffset) return length == 0;
  const size_t unit = request[kUnitOffset];
  const absl::MutexLock lock(&mutex_);
  if (unit < 1 || unit > registers_.size()) {
    return modbus_reply_exception(device_.get(), request.data(), MODBUS_EXCEPTION_GATEWAY_TARGET) >=
           0;
  }
  // Whoever writes to a register changes a copy.
  std::vector<uint16_t> registers = registers_[unit - 1];
  modbus_mapping_t mapping{};
  mapping.nb_registers = mapping.nb_input_registers = static_cast<int>(registers.size());
  mapping.tab_registers = mapping.tab_input_registers = registers.data();
  return modbus_reply(device_.get(), request.data(), length, &mapping) >= 0;
}

}  // namespace millrace
