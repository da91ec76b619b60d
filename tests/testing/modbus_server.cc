// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/modbus_server.h"

#include <modbus/modbus.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>

#include "base/check.h"

namespace millrace::testing {
namespace {

constexpr int kLookUpMs = 20;

bool Readable(int descriptor) {
  pollfd ready{descriptor, POLLIN, 0};
  return ::poll(&ready, 1, kLookUpMs) > 0;
}

using Device = std::unique_ptr<modbus_t, decltype(&modbus_free)>;

}  // namespace

void ModbusServer::SetHolding(int address, uint16_t value) {
  const std::lock_guard lock(mutex_);
  holding_.at(static_cast<size_t>(address)) = value;
}

void ModbusServer::SetInput(int address, uint16_t value) {
  const std::lock_guard lock(mutex_);
  input_.at(static_cast<size_t>(address)) = value;
}

void ModbusServer::SetCoil(int address, bool value) {
  const std::lock_guard lock(mutex_);
  coils_.at(static_cast<size_t>(address)) = value;
}

void ModbusServer::SetDiscrete(int address, bool value) {
  const std::lock_guard lock(mutex_);
  discrete_.at(static_cast<size_t>(address)) = value;
}

void ModbusServer::Start() {
  const Device device(modbus_new_tcp("127.0.0.1", port_), modbus_free);
  const int listener = modbus_tcp_listen(device.get(), 1);
  MR_CHECK(listener >= 0);
  sockaddr_in address{};
  socklen_t length = sizeof(address);
  MR_CHECK(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) == 0);
  port_ = ntohs(address.sin_port);
  stopping_ = false;
  thread_ = std::thread([this, listener] { Serve(listener); });
}

void ModbusServer::Stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

void ModbusServer::Serve(int listener) {
  while (!stopping_) {
    if (!Readable(listener)) continue;
    const int connection = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) continue;
    Answer(connection);
    ::close(connection);
  }
  ::close(listener);
}

void ModbusServer::Answer(int connection) {
  const Device device(modbus_new_tcp("127.0.0.1", port_), modbus_free);
  modbus_set_socket(device.get(), connection);
  modbus_mapping_t mapping{};
  mapping.nb_bits = mapping.nb_input_bits = mapping.nb_registers = mapping.nb_input_registers =
      kCount;
  mapping.tab_bits = coils_.data();
  mapping.tab_input_bits = discrete_.data();
  mapping.tab_registers = holding_.data();
  mapping.tab_input_registers = input_.data();
  uint8_t request[MODBUS_TCP_MAX_ADU_LENGTH];
  while (!stopping_) {
    if (!Readable(connection)) continue;
    const int length = modbus_receive(device.get(), request);
    if (length < 0) return;
    if (silent_) continue;
    const std::lock_guard lock(mutex_);
    mapping.nb_registers = holding_count_;
    if (modbus_reply(device.get(), request, length, &mapping) < 0) return;
    ++answers_;
  }
}

}  // namespace millrace::testing
