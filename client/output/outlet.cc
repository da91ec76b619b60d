// SPDX-License-Identifier: Apache-2.0
#include "client/output/outlet.h"

#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/log.h"
#include "base/status.h"
#include "client/output/grpc_output.h"
#include "client/output/modbus_output.h"
#include "client/output/mqtt_output.h"
#include "client/output/verdict_json.h"

namespace millrace {
namespace {

/// A change of the file may name machines that the daemon does not watch yet.
absl::Status CheckWatched(const std::vector<std::string>& names,
                          const std::vector<MachineConfig>& machines) {
  std::set<absl::string_view> watched;
  for (const MachineConfig& kind : machines) watched.insert(kind.names.begin(), kind.names.end());
  for (const std::string& name : names) {
    if (watched.contains(name)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("machine '", name, "' is not watched; a new [[machine]] needs a restart"));
  }
  return absl::OkStatus();
}

/// What opens an output of each kind.
struct OpenOutput {
  const std::string& name;
  const std::vector<MachineConfig>& machines;
  const VerdictBoard* board;
  LiveClock* clock;

  absl::StatusOr<std::unique_ptr<Output>> operator()(const MqttOutputConfig& config) const {
    return std::make_unique<MqttOutput>(name, config, clock);
  }
  absl::StatusOr<std::unique_ptr<Output>> operator()(const ModbusOutputConfig& config) const {
    MR_RETURN_IF_ERROR(CheckWatched(config.machines, machines));
    MR_ASSIGN_OR_RETURN(std::unique_ptr<ModbusOutput> output,
                        ModbusOutput::Listen(config, machines, clock));
    output->Beat(*board);  // a PLC must not take numbers that begin at 0 for a heart that beats
    LogInfo("output listens", {{"output", name}, {"host", config.host}, {"port", output->port()}});
    return output;
  }
  absl::StatusOr<std::unique_ptr<Output>> operator()(const GrpcOutputConfig& config) const {
    MR_ASSIGN_OR_RETURN(std::unique_ptr<GrpcOutput> output, GrpcOutput::Listen(config, board));
    LogInfo("output listens",
            {{"output", name}, {"address", config.listen}, {"port", output->port()}});
    return output;
  }
};

/// For whoever looks at nothing but the answer's code.
HttpAnswer HeartbeatAnswer(bool alive, const std::string& json) {
  return {alive ? 200 : 503, kJsonText, json + "\n"};
}

}  // namespace

Outlet::Outlet(const std::vector<MachineConfig>& machines, const HeartbeatConfig& heartbeat,
               const Heartbeat* scoring, LiveClock* clock)
    : heartbeat_(heartbeat),
      scoring_(scoring),
      board_(machines, heartbeat, clock),
      outputs_([this, machines, clock](const OutputConfig& config) {
        if (const std::string warning = PlaintextWarning(config); !warning.empty()) {
          LogWarning("output is not protected", {{"output", config.name}, {"reason", warning}});
        }
        return std::visit(OpenOutput{config.name, machines, &board_, clock}, config.kind);
      }) {}

absl::StatusOr<std::unique_ptr<Outlet>> Outlet::Create(const std::vector<MachineConfig>& machines,
                                                       const HeartbeatConfig& heartbeat,
                                                       const std::vector<OutputConfig>& outputs,
                                                       const Heartbeat* scoring, LiveClock* clock) {
  std::unique_ptr<Outlet> outlet(new Outlet(machines, heartbeat, scoring, clock));
  MR_RETURN_IF_ERROR(outlet->UseOutputs(outputs));
  return outlet;
}

Outlet::~Outlet() {
  stopped_.Notify();
  if (thread_.joinable()) thread_.join();
}

void Outlet::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Outlet::Run() {
  const absl::Duration period = absl::Seconds(heartbeat_.period_s);
  uint64_t scored = scoring_->beats();
  while (!stopped_.WaitForNotificationWithTimeout(period)) {
    const uint64_t before = std::exchange(scored, scoring_->beats());
    board_.Beat(/*scoring_goes_on=*/scored != before);
    outputs_.Beat(board_);
  }
}

void Outlet::Take(const MachineVerdict& verdict) {
  board_.Post(verdict);
  outputs_.Take(verdict);
}

std::map<std::string, HttpServer::Page> Outlet::Pages() const {
  return {
      {"/verdicts",
       [this](const std::string&) {
         std::string lines;
         for (const MachineStatus& machine : board_.Site().machines) {
           if (!machine.verdict) continue;
           absl::StrAppend(&lines, lines.empty() ? "[\n" : ",\n", StatusJson(machine));
         }
         return HttpAnswer{200, kJsonText, lines.empty() ? "[]\n" : lines + "\n]\n"};
       }},
      {"/verdicts/",
       [this](const std::string& name) {
         const std::optional<MachineStatus> machine = board_.Of(name);
         if (!machine || !machine->verdict) {
           return HttpAnswer{404, kPlainText, "no verdict on such a machine\n"};
         }
         return HttpAnswer{200, kJsonText, StatusJson(*machine) + "\n"};
       }},
      {"/heartbeat",
       [this](const std::string&) {
         const SiteStatus site = board_.Site();
         return HeartbeatAnswer(site.alive, HeartbeatJson(site));
       }},
      {"/heartbeat/",
       [this](const std::string& name) {
         const std::optional<MachineStatus> machine = board_.Of(name);
         if (!machine) return HttpAnswer{404, kPlainText, "no such machine\n"};
         return HeartbeatAnswer(machine->alive, HeartbeatJson(*machine));
       }},
  };
}

}  // namespace millrace
