// SPDX-License-Identifier: Apache-2.0
#include "client/live/modbus_source.h"

#include <modbus/modbus.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "client/live/delivery.h"
#include "client/operation/backoff.h"

namespace millrace {
namespace {

constexpr size_t kMostValues = 2000;
constexpr int64_t kPlanAgainNs = 600 * kNsPerS;
// Whatever the timeout of an answer: connecting cannot be cut short.
constexpr absl::Duration kLongestConnect = absl::Seconds(2);

// Exceptions of a device that is well and understands the request.
bool IsException(int error) { return error >= EMBXILFUN && error <= EMBXGTAR; }

absl::Status LastError(absl::string_view what) {
  const int error = errno;
  // What the library leaves behind when nobody takes the connection in time.
  const char* const reason = error == EINPROGRESS ? "no answer" : modbus_strerror(error);
  const std::string text = absl::StrCat(what, ": ", reason);
  if (error == EMBXILADD) return absl::OutOfRangeError(text);
  return IsException(error) ? absl::FailedPreconditionError(text) : absl::UnavailableError(text);
}

bool SetTimeout(_modbus* device, absl::Duration timeout) {
  const timespec parts = absl::ToTimespec(timeout);
  return modbus_set_response_timeout(device, static_cast<uint32_t>(parts.tv_sec),
                                     static_cast<uint32_t>(parts.tv_nsec / 1000)) == 0;
}

}  // namespace

void ModbusSource::Free::operator()(_modbus* device) const {
  modbus_close(device);
  modbus_free(device);
}

ModbusSource::ModbusSource(const std::string& name, const ModbusConfig& config,
                           const std::vector<ChannelRename>& renames, const SourceContext& context)
    : config_(config),
      context_(context),
      record_(name),
      registers_(kMostValues),
      random_(static_cast<uint64_t>(context.clock->UnixNs())) {
  StreamChannels channels(context.channels, renames, &record_);
  for (const RegisterPoint& point : config.points) {
    channels_.push_back(channels.Find(config.machine, point.channel, 0));
  }
}

void ModbusSource::Run() {
  int failures = 0;
  while (!stopped_.HasBeenNotified()) {
    failures = Connect() ? 1 : failures + 1;
    stopped_.WaitForNotificationWithTimeout(Backoff({}, failures, random_));
  }
}

absl::StatusOr<ModbusSource::Device> ModbusSource::Open() const {
  const std::string port = absl::StrCat(config_.port);
  Device device(modbus_new_tcp_pi(config_.host.c_str(), port.c_str()));
  const std::string where = absl::StrCat(config_.host, ":", config_.port);
  if (device == nullptr) return LastError(where);
  const absl::Duration timeout = absl::Seconds(config_.timeout_s);
  if (modbus_set_slave(device.get(), static_cast<int>(config_.unit)) != 0 ||
      !SetTimeout(device.get(), std::min(timeout, kLongestConnect)) ||
      modbus_connect(device.get()) != 0 || !SetTimeout(device.get(), timeout)) {
    return LastError(where);
  }
  return device;
}

bool ModbusSource::Connect() {
  record_.State(SourceState::kConnecting);
  absl::StatusOr<Device> device = Open();
  if (!device.ok()) {
    record_.State(SourceState::kFailed, device.status().message());
    return false;
  }
  record_.Connected();
  UseSocket(modbus_get_socket(device->get()));
  const absl::Status polled = PollOn(device->get());
  UseSocket(-1);
  // An answer that comes after all would be taken for that of the next request.
  if (!polled.ok() && !stopped_.HasBeenNotified()) {
    record_.State(SourceState::kFailed, polled.message());
  }
  return true;
}

absl::Status ModbusSource::PollOn(_modbus* device) {
  const absl::Duration period = absl::Seconds(config_.period_s);
  const int64_t period_ns = absl::ToInt64Nanoseconds(period);
  int64_t next_ns = context_.clock->MonotonicNs();
  planned_ns_ = next_ns - kPlanAgainNs;
  while (!stopped_.HasBeenNotified()) {
    // What a device did not have at one time it may have at another: devices restart, too.
    if (next_ns - planned_ns_ >= kPlanAgainNs) {
      planned_ns_ = next_ns;
      reads_ = PlanReads(config_.points);
    }
    MR_RETURN_IF_ERROR(Poll(device));
    // Polls that a slow device has made impossible are left out.
    const int64_t now_ns = context_.clock->MonotonicNs();
    next_ns += period_ns * std::max<int64_t>(1, (now_ns - next_ns + period_ns - 1) / period_ns);
    stopped_.WaitForNotificationWithTimeout(absl::Nanoseconds(next_ns - now_ns));
  }
  return absl::OkStatus();
}

void ModbusSource::UseSocket(int socket) {
  const absl::MutexLock lock(&mutex_);
  socket_ = socket;
}

void ModbusSource::Stop() {
  stopped_.Notify();
  const absl::MutexLock lock(&mutex_);
  if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);  // whoever waits for an answer has an end
}

absl::Status ModbusSource::Read(_modbus* device, const RegisterRead& read) {
  const auto address = static_cast<int>(read.address);
  const auto count = static_cast<int>(read.count);
  int got = -1;
  if (IsBitTable(read.table)) {
    uint8_t bits[kMostValues];
    got = read.table == RegisterTable::kCoil ? modbus_read_bits(device, address, count, bits)
                                             : modbus_read_input_bits(device, address, count, bits);
    if (got == count) std::copy_n(bits, count, registers_.begin());
  } else {
    got = read.table == RegisterTable::kHolding
              ? modbus_read_registers(device, address, count, registers_.data())
              : modbus_read_input_registers(device, address, count, registers_.data());
  }
  if (got == count) return absl::OkStatus();
  return LastError(absl::StrCat("address ", read.address, ", ", read.count, " of them"));
}

void ModbusSource::Append(const RegisterRead& read, bool bad, std::vector<Sample>* samples) const {
  const int64_t now_ns = context_.clock->UnixNs();
  for (const size_t i : read.points) {
    if (!channels_[i]) continue;
    const RegisterPoint& point = config_.points[i];
    const auto registers =
        std::span(registers_).subspan(static_cast<size_t>(point.address - read.address));
    samples->push_back(
        {now_ns, *channels_[i],
         bad ? std::numeric_limits<float>::quiet_NaN() : PointValue(point, registers)});
  }
}

absl::Status ModbusSource::Take(_modbus* device, const RegisterRead& read,
                                std::vector<Sample>* samples) {
  const absl::Status status = Read(device, read);
  if (absl::IsUnavailable(status)) return status;
  Append(read, /*bad=*/!status.ok(), samples);
  if (!status.ok()) record_.Refused(status.message());
  return absl::OkStatus();
}

absl::Status ModbusSource::Poll(_modbus* device) {
  record_.Message();
  std::vector<Sample> samples;
  std::vector<RegisterRead> next;  // what the next poll asks for
  for (const RegisterRead& read : reads_) {
    if (stopped_.HasBeenNotified()) return absl::OkStatus();
    const absl::Status status = Read(device, read);
    if (absl::IsUnavailable(status)) return status;
    if (!status.ok()) record_.Refused(status.message());
    if (!absl::IsOutOfRange(status) || read.points.size() == 1) {
      Append(read, /*bad=*/!status.ok(), &samples);
      next.push_back(read);
      continue;
    }
    // One register that the device does not have must not cost its neighbours.
    for (RegisterRead& each : ReadsOfEach(read, config_.points)) {
      MR_RETURN_IF_ERROR(Take(device, each, &samples));
      next.push_back(std::move(each));
    }
  }
  reads_ = std::move(next);
  Deliver(std::move(samples), context_.clock->MonotonicNs(), context_, record_);
  return absl::OkStatus();
}

}  // namespace millrace
