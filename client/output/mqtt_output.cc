// SPDX-License-Identifier: Apache-2.0
#include "client/output/mqtt_output.h"

#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/status.h"
#include "base/text.h"
#include "client/operation/backoff.h"
#include "client/output/topic_of.h"
#include "client/output/verdict_json.h"

namespace millrace {
namespace {

constexpr absl::Duration kLookForAnswers = absl::Milliseconds(50);
constexpr absl::Duration kLookForRoom = absl::Milliseconds(5);
constexpr int64_t kPatienceNs = 15 * kNsPerS;  // with a broker that does not answer
constexpr size_t kMostUnconfirmed = 20;        // beyond it the library would keep them, unbounded
constexpr int kMostFailures = 3;
constexpr int64_t kFarewellNs = kNsPerS;
constexpr char kOnline[] = "online";
constexpr char kOffline[] = "offline";

/// The same over all connections: a broker that still holds the one before, of a link that was cut,
/// ends it when this one comes, and tells its will then and not after the new one's "online".
std::string ClientIdOf(const std::string& output, LiveClock* clock) {
  return absl::StrCat("millrace-", output, "-", absl::Hex(clock->UnixNs()), "-", ::getpid());
}

}  // namespace

MqttOutput::MqttOutput(std::string name, const MqttOutputConfig& config, LiveClock* clock)
    : name_(std::move(name)),
      config_(config),
      client_id_(ClientIdOf(name_, clock)),
      clock_(clock),
      random_(static_cast<uint64_t>(clock->UnixNs())),
      verdicts_(config.queue_verdicts) {
  thread_ = std::thread([this] { Run(); });
}

MqttOutput::~MqttOutput() { MqttOutput::Halt(); }

void MqttOutput::Halt() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void MqttOutput::TakeOver(std::vector<Backlog::Message> waiting) {
  {
    const std::lock_guard lock(mutex_);
    for (Backlog::Message& message : waiting) {
      message.failures = 0;
      status_.dropped += verdicts_.Push(std::move(message));
    }
  }
  changed_.notify_one();
}

std::vector<Backlog::Message> MqttOutput::GiveUp() {
  Halt();
  std::vector<Backlog::Message> waiting;
  while (std::optional<Backlog::Message> oldest = verdicts_.Take()) {
    waiting.push_back(*std::move(oldest));
  }
  return waiting;
}

void MqttOutput::Take(const MachineVerdict& verdict) {
  Message message{TopicOf(config_.verdict_topic, verdict.machine), VerdictJson(verdict),
                  verdict.judgement == Judgement::kAlarm};
  {
    const std::lock_guard lock(mutex_);
    status_.dropped += verdicts_.Push(std::move(message));
  }
  changed_.notify_one();
}

void MqttOutput::Beat(const VerdictBoard& board) {
  std::vector<Message> beats;
  for (const MachineStatus& machine : board.Site().machines) {
    if (!machine.alive) continue;
    beats.push_back({TopicOf(config_.heartbeat_topic, machine.machine), HeartbeatJson(machine)});
  }
  {
    const std::lock_guard lock(mutex_);
    beats_.swap(beats);
  }
  changed_.notify_one();
}

OutputStatus MqttOutput::Status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void MqttOutput::Run() {
  int failures = 0;
  while (true) {
    failures = Connect() ? 1 : failures + 1;
    const absl::Duration pause = Backoff({}, failures, random_);
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, absl::ToChronoNanoseconds(pause), [this] { return stopping_; })) {
      return;
    }
  }
}

bool MqttOutput::Connect() {
  MqttUse use;
  use.confirmed = [this](int number) { Confirmed(number); };
  use.will = MqttWill{config_.status_topic, kOffline};
  use.client_id = client_id_;
  absl::StatusOr<std::unique_ptr<MqttConnection>> connection =
      MqttConnection::Open(config_.broker, std::move(use));
  const absl::Status ended = connection.ok() ? Serve(**connection) : connection.status();
  if (!ended.ok()) Tell(ended);
  TakeBack();
  return connection.ok() && (*connection)->connected();
}

absl::Status MqttOutput::Serve(MqttConnection& connection) {
  const int64_t began_ns = clock_->MonotonicNs();
  while (!connection.connected()) {
    MR_RETURN_IF_ERROR(connection.Serve(kLookForAnswers));
    if (clock_->MonotonicNs() - began_ns > kPatienceNs) {
      return absl::UnavailableError("the broker does not answer");
    }
    const std::lock_guard lock(mutex_);
    if (stopping_) return absl::OkStatus();
  }
  Tell(absl::OkStatus());
  MR_RETURN_IF_ERROR(
      connection.Publish(config_.status_topic, kOnline, {config_.broker.qos, true}).status());
  const auto something = [this] { return stopping_ || !verdicts_.empty() || !beats_.empty(); };
  while (true) {
    const bool behind = BeatsWait(connection);
    const bool full = behind || connection.congested() || unconfirmed_.size() >= kMostUnconfirmed;
    MR_RETURN_IF_ERROR(connection.Serve(behind ? kLookForRoom
                                        : full ? kLookForAnswers
                                               : absl::ZeroDuration()));
    MR_RETURN_IF_ERROR(Send(connection));
    std::unique_lock lock(mutex_);
    if (stopping_) break;
    if (!full) changed_.wait_for(lock, absl::ToChronoNanoseconds(kLookForAnswers), something);
  }
  SayOffline(connection);
  return absl::OkStatus();
}

bool MqttOutput::BeatsWait(const MqttConnection& connection) const {
  const std::lock_guard lock(mutex_);
  return !beats_.empty() && connection.unheard();
}

absl::Status MqttOutput::Send(MqttConnection& connection) {
  // What piled up in a link that is cut would all come at once when it is back, and say that a
  // machine is alive that is not any more.
  if (BeatsWait(connection)) return absl::OkStatus();
  std::vector<Message> beats;
  {
    const std::lock_guard lock(mutex_);
    beats.swap(beats_);
  }
  for (const Message& beat : beats) {
    if (connection.congested()) break;
    MR_RETURN_IF_ERROR(connection.Publish(beat.topic, beat.payload, {}).status());
  }
  while (!connection.congested() && unconfirmed_.size() < kMostUnconfirmed) {
    Message message;
    {
      const std::lock_guard lock(mutex_);
      std::optional<Message> oldest = verdicts_.Take();
      if (!oldest) break;
      message = *std::move(oldest);
    }
    const absl::StatusOr<int> number =
        connection.Publish(message.topic, message.payload, {config_.broker.qos, config_.retain});
    const std::lock_guard lock(mutex_);
    if (!number.ok()) {
      // Something in it that the broker never takes must not keep back what comes after.
      if (++message.failures == kMostFailures) {
        ++status_.dropped;
      } else {
        verdicts_.PutBack(std::move(message));
      }
      return number.status();
    }
    ++status_.told;
    if (config_.broker.qos > 0) unconfirmed_.emplace(*number, std::move(message));
  }
  return absl::OkStatus();
}

void MqttOutput::Confirmed(int number) { unconfirmed_.erase(number); }

void MqttOutput::TakeBack() {
  const std::lock_guard lock(mutex_);
  for (auto message = unconfirmed_.rbegin(); message != unconfirmed_.rend(); ++message) {
    verdicts_.PutBack(std::move(message->second));
    --status_.told;
  }
  unconfirmed_.clear();
  status_.dropped += verdicts_.Trim();
}

void MqttOutput::SayOffline(MqttConnection& connection) {
  const int64_t began_ns = clock_->MonotonicNs();
  absl::Status said =
      connection.Publish(config_.status_topic, kOffline, {config_.broker.qos, true}).status();
  while (said.ok() && (connection.congested() || !unconfirmed_.empty()) &&
         clock_->MonotonicNs() - began_ns < kFarewellNs) {
    said = connection.Serve(kLookForAnswers);
  }
}

void MqttOutput::Tell(absl::Status state) {
  const std::string reason = Printable(state.message());
  const std::lock_guard lock(mutex_);
  if (state.ok()) {
    LogInfo("output is connected", {{"output", name_}});
    if (std::exchange(connected_before_, true)) ++status_.reconnects;
  } else if (status_.up || status_.reason != reason) {
    LogWarning("output is not connected", {{"output", name_}, {"reason", reason}});
  }
  status_.up = state.ok();
  status_.reason = reason;
}

}  // namespace millrace
