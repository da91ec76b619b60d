// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/fleet.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/file_system.h"
#include "tests/testing/eventually.h"

namespace millrace::testing {

Fleet::Fleet(std::string coordinator, std::string more, Networks networks)
    : program_(std::move(coordinator)), more_(std::move(more)), networks_(std::move(networks)) {
  std::vector<std::string> hosts = {kSecondHome, kName};
  for (const auto& [site, network] : networks_) hosts.push_back(network->outside());
  const KeyAndCertificate identity = federation_.Issue(Role::kCoordinator, "cloud", hosts);
  WriteFile("authority.crt", federation_.authority_pem());
  WriteFile("cloud.crt", identity.certificate_pem);
  WriteFile("cloud.key", identity.key_pem);
}

void Fleet::WriteFile(const std::string& name, const std::string& text) const {
  MR_CHECK(WriteFileDurably(PosixFileSystem(), absl::StrCat(folder(), "/", name), text).ok());
}

bool Fleet::StartCoordinator() {
  WriteFile("coordinator.toml",
            absl::StrCat("[server]\nlisten = \"", networks_.empty() ? home_ : "0.0.0.0", ":", port_,
                         "\"\ncertificate = \"cloud.crt\"\nkey = \"cloud.key\"\n"
                         "authority = \"authority.crt\"\n[storage]\nfolder = \"state\"\n",
                         more_));
  const std::string log = absl::StrCat(folder(), "/coordinator.log");
  WriteFile("coordinator.log", "");
  coordinator_.reset();
  coordinator_ = std::make_unique<Process>(
      std::vector<std::string>{program_, "--config", absl::StrCat(folder(), "/coordinator.toml")},
      log);
  const bool listens = Eventually([&] {
    const std::string text = coordinator_->Log();
    const size_t line = text.find("port ");
    return line != std::string::npos && std::sscanf(&text[line], "port %d\n", &port_) == 1 &&
           text.find('\n', line) != std::string::npos;
  });
  if (!listens) ADD_FAILURE() << "the coordinator does not listen\n" << coordinator_->Log();
  operator_ = OperatorConnection(federation_, absl::StrCat(home_, ":", port_));
  return listens;
}

std::string Fleet::WriteSite(const std::string& name, const std::string& data,
                             const KeyAndCertificate& identity) {
  const bool own = absl::StrContains(data, "[secure]");
  const absl::string_view secure = own ? "" : "[secure]\nat_least = \"off\"\n";
  WriteFile(name + ".crt", identity.certificate_pem);
  WriteFile(name + ".key", identity.key_pem);
  WriteFile(name + ".toml",
            absl::StrCat("[coordinator]\naddress = \"", AddressFor(name),
                         "\"\n[identity]\ncertificate = \"", name, ".crt\"\nkey = \"", name,
                         ".key\"\nauthority = \"authority.crt\"\n[storage]\nfolder = \"spool_",
                         name, "\"\n", secure, data));
  return absl::StrCat(folder(), "/", name, ".toml");
}

void Fleet::StartSite(const std::string& client, const std::string& name, const std::string& data) {
  const std::string config = WriteSite(name, data, federation_.Issue(Role::kSite, name));
  const std::vector<std::string> command = {client, "run", "--config", config};
  const auto network = networks_.find(name);
  StartProcess({name}, network == networks_.end() ? command : network->second->Inside(command));
}

void Fleet::StartProcess(const std::vector<std::string>& names,
                         const std::vector<std::string>& command) {
  names_.insert(names.begin(), names.end());
  const std::string& name = names.front();
  sites_[name] = std::make_unique<Process>(command, absl::StrCat(folder(), "/", name, ".log"));
}

std::string Fleet::AddressFor(const std::string& site) const {
  if (const auto proxy = proxies_.find(site); proxy != proxies_.end()) {
    return LoopbackAddress(proxy->second);
  }
  const auto network = networks_.find(site);
  if (network == networks_.end()) return LoopbackAddress(port_);
  return absl::StrCat(network->second->outside(), ":", port_);
}

std::string Fleet::address() const { return LoopbackAddress(port_); }

bool Fleet::AwaitSites() {
  return Eventually([&] {
    const auto listed = operator_->ListSites();
    return listed.ok() && listed->sites_size() == std::ssize(names_);
  });
}

v1::Run Fleet::GetRun(const std::string& id) {
  absl::StatusOr<v1::Run> run;
  Eventually([&] { return (run = operator_->GetRun(id)).ok(); });
  return run.value_or(v1::Run());
}

v1::Run Fleet::AwaitEnd(const std::string& id, absl::Duration patience) {
  v1::Run run;
  Eventually([&] { return (run = GetRun(id)).phase() != v1::RUN_PHASE_RUNNING; }, patience);
  return run;
}

std::string Fleet::Logs() const {
  std::string logs = absl::StrCat("--- coordinator\n", coordinator_->Log());
  for (const auto& [name, site] : sites_) absl::StrAppend(&logs, "--- ", name, "\n", site->Log());
  return logs;
}

}  // namespace millrace::testing
