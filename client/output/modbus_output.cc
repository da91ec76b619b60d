// SPDX-License-Identifier: Apache-2.0
#include "client/output/modbus_output.h"

#include <modbus/modbus.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr int kPollForPeersMs = 100;
constexpr int kBacklog = 16;
constexpr int64_t kIdleNs = 60 * kNsPerS;
constexpr size_t kExceptionBytes = 9;
constexpr absl::Duration kWithoutDescriptors = absl::Milliseconds(100);

int PortOf(int socket) {
  sockaddr_in6 address{};  // as long as the other kind, whose port is at the same place
  socklen_t length = sizeof(address);
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length);
  return ntohs(address.sin6_port);
}

}  // namespace

void ModbusOutput::Free::operator()(_modbus* device) const { modbus_free(device); }

ModbusOutput::ModbusOutput(const ModbusOutputConfig& config,
                           const std::vector<MachineConfig>& kinds, LiveClock* clock)
    : clock_(clock), registers_(config.machines, kinds, config.low_word_first) {}

absl::StatusOr<std::unique_ptr<ModbusOutput>> ModbusOutput::Listen(
    const ModbusOutputConfig& config, const std::vector<MachineConfig>& kinds, LiveClock* clock) {
  std::unique_ptr<ModbusOutput> output(new ModbusOutput(config, kinds, clock));
  MR_RETURN_IF_ERROR(output->Open(config));
  return output;
}

absl::Status ModbusOutput::Open(const ModbusOutputConfig& config) {
  const std::string where = absl::StrCat("listen ", config.host, " port ", config.port);
  device_.reset(modbus_new_tcp_pi(config.host.c_str(), absl::StrCat(config.port).c_str()));
  if (device_ == nullptr) return absl::UnavailableError(absl::StrCat(where, ": not possible"));
  // The library sleeps for so long over a request that it does not like, and others wait.
  modbus_set_response_timeout(device_.get(), 0, 1);
  listener_ = modbus_tcp_pi_listen(device_.get(), kBacklog);
  if (listener_ < 0) {
    return absl::UnavailableError(
        absl::StrCat(where, ": ", modbus_strerror(errno), "; is the port in use?"));
  }
  port_ = PortOf(listener_);
  {
    const absl::MutexLock lock(&mutex_);
    status_.up = true;
  }
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

ModbusOutput::~ModbusOutput() {
  stopped_.Notify();
  if (thread_.joinable()) thread_.join();
  for (Peer& peer : peers_) LetGo(peer);
  if (listener_ >= 0) ::close(listener_);
}

void ModbusOutput::Take(const MachineVerdict& verdict) {
  const absl::MutexLock lock(&mutex_);
  registers_.Write(verdict);
}

void ModbusOutput::Beat(const VerdictBoard& board) {
  // Under the lock, so that no verdict that comes meanwhile is overwritten by the one before it:
  // the board copies none of those that are fresh.
  const absl::MutexLock lock(&mutex_);
  registers_.Write(board.Site());
}

OutputStatus ModbusOutput::Status() const {
  const absl::MutexLock lock(&mutex_);
  return status_;
}

void ModbusOutput::Run() {
  while (!stopped_.HasBeenNotified()) {
    std::vector<pollfd> waiting = {{listener_, POLLIN, 0}};
    for (const Peer& peer : peers_) waiting.push_back({peer.socket, POLLIN, 0});
    if (::poll(waiting.data(), waiting.size(), kPollForPeersMs) < 0) continue;
    const int64_t now_ns = clock_->MonotonicNs();
    for (size_t i = 0; i < peers_.size(); ++i) {
      Peer& peer = peers_[i];
      const bool over =
          waiting[i + 1].revents != 0 ? !Hear(peer) : now_ns - peer.asked_ns > kIdleNs;
      if (over) LetGo(peer);
    }
    std::erase_if(peers_, [](const Peer& peer) { return peer.socket < 0; });
    if (waiting[0].revents != 0) Welcome();
    const absl::MutexLock lock(&mutex_);
    status_.peers = static_cast<int64_t>(peers_.size());
  }
}

void ModbusOutput::Welcome() {
  const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (socket < 0) {
    // Without descriptors poll would come back at once, again and again.
    if (errno == EMFILE || errno == ENFILE) {
      stopped_.WaitForNotificationWithTimeout(kWithoutDescriptors);
    }
    return;
  }
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof(yes));
  peers_.push_back({socket, clock_->MonotonicNs(), {}});
  if (peers_.size() <= kMostPeers) return;
  // A PLC that comes again finds a place however many have been left open.
  const auto silent = std::ranges::min_element(peers_, {}, &Peer::asked_ns);
  LetGo(*silent);
  peers_.erase(silent);
  const absl::MutexLock lock(&mutex_);
  ++status_.refused;
}

void ModbusOutput::LetGo(Peer& peer) { ::close(std::exchange(peer.socket, -1)); }

bool ModbusOutput::Hear(Peer& peer) {
  std::array<uint8_t, kMostFrameBytes> bytes;
  const ssize_t count = ::recv(peer.socket, bytes.data(), bytes.size(), 0);
  if (count < 0) return errno == EAGAIN || errno == EINTR;
  if (count == 0) return false;
  peer.received.insert(peer.received.end(), bytes.begin(), bytes.begin() + count);
  while (true) {
    const Frame frame = FirstFrame(peer.received);
    if (frame.kind == FrameKind::kUnfinished) return true;
    if (frame.kind == FrameKind::kNoModbus) return false;
    const auto end = peer.received.begin() + static_cast<ptrdiff_t>(frame.bytes);
    std::vector<uint8_t> request(peer.received.begin(), end);
    peer.received.erase(peer.received.begin(), end);
    peer.asked_ns = clock_->MonotonicNs();
    if (!Answer(peer, std::move(request), frame)) return false;
  }
}

// A peer that does not read what it asked for is let go: the socket does not block, and after half
// an answer nothing that follows can be read.
bool ModbusOutput::Refuse(const Peer& peer, std::vector<uint8_t> request, unsigned exception) {
  modbus_set_socket(device_.get(), peer.socket);
  return modbus_reply_exception(device_.get(), request.data(), exception) ==
         static_cast<int>(kExceptionBytes);
}

bool ModbusOutput::Answer(const Peer& peer, std::vector<uint8_t> request, const Frame& frame) {
  constexpr size_t kReadHeader = 9;
  constexpr size_t kWordBytes = 2;
  if (frame.kind == FrameKind::kOtherFunction) {
    return Refuse(peer, std::move(request), MODBUS_EXCEPTION_ILLEGAL_FUNCTION);
  }
  if (frame.kind == FrameKind::kBadRead) {
    return Refuse(peer, std::move(request), MODBUS_EXCEPTION_ILLEGAL_DATA_VALUE);
  }
  std::vector<uint16_t> words;  // sent without the lock, which the scoring needs
  {
    const absl::MutexLock lock(&mutex_);
    const std::span<const uint16_t> wanted = registers_.At(frame.address, frame.count);
    words.assign(wanted.begin(), wanted.end());
    if (!words.empty()) ++status_.told;
  }
  if (words.empty()) {
    return Refuse(peer, std::move(request), MODBUS_EXCEPTION_ILLEGAL_DATA_ADDRESS);
  }
  modbus_mapping_t mapping{};
  mapping.start_registers = mapping.start_input_registers = static_cast<int>(frame.address);
  mapping.nb_registers = mapping.nb_input_registers = static_cast<int>(frame.count);
  mapping.tab_registers = mapping.tab_input_registers = words.data();
  modbus_set_socket(device_.get(), peer.socket);
  const auto length = static_cast<int>(request.size());
  request.resize(kMostFrameBytes);
  return modbus_reply(device_.get(), request.data(), length, &mapping) ==
         static_cast<int>(kReadHeader + kWordBytes * frame.count);
}

}  // namespace millrace
