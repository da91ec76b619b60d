// SPDX-License-Identifier: Apache-2.0
#include "tests/testing/enrolling_federation.h"

#include <gmock/gmock.h>

#include <cstdio>
#include <sstream>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/clock.h"
#include "base/crypto/certificate.h"
#include "base/file_system.h"
#include "client/enrollment/enroll.h"
#include "coordinator/cli/cli.h"
#include "tests/testing/callers.h"
#include "tests/testing/eventually.h"
#include "tests/testing/status_matchers.h"

namespace millrace::testing {

EnrollingFederation::EnrollingFederation(std::string coordinator)
    : program_(std::move(coordinator)) {
  const Answer made =
      MillraceAlone({"authority", "init", "--federation", "plants", "--out", authority()});
  EXPECT_EQ(made.code, ExitCode::kOk) << made.error;
  Issue("coordinator", "hub");
  Issue("approver", "ada");
  StartCoordinator();
}

void EnrollingFederation::Issue(const std::string& role, const std::string& name) const {
  const Answer issued = MillraceAlone({"authority", "issue", "--authority", authority(), "--role",
                                       role, "--name", name, "--out", Path(name)});
  EXPECT_EQ(issued.code, ExitCode::kOk) << issued.error;
}

std::string EnrollingFederation::address() const { return LoopbackAddress(port_); }

void EnrollingFederation::StartCoordinator() {
  const std::string log = Path("coordinator.log");
  const std::string config =
      absl::StrCat("[server]\nlisten = \"", LoopbackAddress(port_),
                   "\"\ncertificate = \"hub/hub.crt\"\nkey = \"hub/hub.key\"\n"
                   "authority = \"hub/authority.crt\"\n[storage]\nfolder = \"state\"\n");
  MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), Path("coordinator.toml"), config));
  MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), log, ""));
  coordinator_.reset();
  coordinator_ = std::make_unique<Process>(
      std::vector<std::string>{program_, "--config", Path("coordinator.toml")}, log);
  const bool listens = Eventually([&] {
    const std::string text = coordinator_->Log();
    const size_t line = text.find("port ");
    return line != std::string::npos && std::sscanf(&text[line], "port %d\n", &port_) == 1 &&
           text.find('\n', line) != std::string::npos;
  });
  ASSERT_TRUE(listens) << coordinator_->Log();
}

EnrollingFederation::Answer EnrollingFederation::MillraceAlone(
    const std::vector<std::string>& arguments) const {
  std::ostringstream out, err;
  CliEnvironment environment;
  environment.out = &out;
  environment.err = &err;
  environment.files = PosixFileSystem();
  environment.clock = SystemClock();
  environment.zone = absl::UTCTimeZone();
  environment.connect = NewConnection;
  Answer answer;
  answer.code = RunCli(arguments, environment);
  answer.text = out.str();
  answer.error = err.str();
  return answer;
}

EnrollingFederation::Answer EnrollingFederation::Millrace(std::vector<std::string> arguments,
                                                          const std::string& who) const {
  const std::string files = Path(who) + "/" + who;
  arguments.insert(arguments.end(), {"--coordinator", address(), "--certificate", files + ".crt",
                                     "--key", files + ".key", "--authority", authority()});
  return MillraceAlone(arguments);
}

std::string EnrollingFederation::Invite(const std::string& site) const {
  const Answer invited = Millrace({"site", "invite", site, "--json"});
  EXPECT_EQ(invited.code, ExitCode::kOk) << invited.error;
  return invited.json()["token"];
}

void EnrollingFederation::EnrollSite(const std::string& site, const std::string& proxy) const {
  EnrollOptions options{address(), Invite(site), Path(site), absl::Minutes(2), proxy};
  absl::Status enrolled;
  std::thread edge([&] {
    enrolled = Enroll(options, PosixFileSystem(), SystemClock(), [](const std::string&) {});
  });
  EXPECT_TRUE(Eventually([&] {
    return Millrace({"site", "approve", site}).code == ExitCode::kOk;
  }));
  edge.join();
  MR_ASSERT_OK(enrolled);
}

IdentityFiles EnrollingFederation::FilesOf(const std::string& site) const {
  const std::string folder = Path(site);
  return IdentityFiles(PosixFileSystem(), folder + "/authority.crt", folder + "/site.crt",
                       folder + "/site.key");
}

LinkOptions EnrollingFederation::LinkWith(const std::string& address,
                                          const SiteCredentials& credentials) {
  LinkOptions link;
  link.address = address;
  link.authority_pem = credentials.authority_pem;
  link.certificate_pem = credentials.certificate_pem;
  link.key_pem = credentials.key_pem;
  return link;
}

LinkOptions EnrollingFederation::LinkOf(const std::string& site) const {
  return LinkWith(address(), FilesOf(site).Load().value());
}

void EnrollingFederation::Age(const std::string& site, absl::Duration over,
                              absl::Duration left) const {
  const auto read = [&](const std::string& name) {
    return ReadFile(PosixFileSystem(), authority() + "/" + name).value();
  };
  const absl::Time now = absl::Now();
  CertificateRequest request;
  request.identity = {Role::kSite, site};
  request.not_before = now - over;
  request.not_after = now + left;
  const KeyAndCertificate authority_files = {read("authority.key"), read("authority.crt")};
  const KeyAndCertificate aged = IssueCertificate(authority_files, request).value();
  MR_ASSERT_OK(FilesOf(site).SetIdentity(aged.key_pem, aged.certificate_pem));
}

}  // namespace millrace::testing
