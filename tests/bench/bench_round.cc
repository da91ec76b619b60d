// SPDX-License-Identifier: Apache-2.0
// Whole rounds through a real coordinator process: mTLS on loopback, durable uploads, N echo sites
// that download the model and send an update of P parameters without training. Prints a JSON line
// per case: seconds per round, the coordinator's CPU and peak memory, bytes per round, and as the
// floor what the same bytes cost when they are merely written to this disk and synced.
//
// With --secure each case runs in the clear and then under masks, all phases and their checks
// included.
//
//   bench_round [--coordinator PATH] [--rounds R] [--secure] [N P ...]

#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "aggregation/exact_sum.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/crypto/certificate.h"
#include "base/file_system.h"
#include "base/memory_file_system.h"
#include "base/status.h"
#include "client/session/link.h"
#include "client/session/mask_update.h"
#include "client/session/secure_session.h"
#include "client/session/site_identity.h"
#include "millrace/v1/admin.grpc.pb.h"

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Case {
  int sites = 2;
  int64_t parameters = 10'000;
  bool secure = false;
};

/// An mlp whose parameters come closest to the wanted number: window x hidden, hidden x 1, biases.
std::string PlanOf(const Case& c, int rounds) {
  const int64_t hidden = c.parameters >= 1'000'000 ? 1000 : 100;
  const int64_t window = c.parameters / hidden - 2;
  return absl::StrCat("secure_aggregation = \"", c.secure ? "honest_but_curious" : "off",
                      "\"\n[run]\nname = \"bench\"\nrounds = ", rounds,
                      "\n[cohort]\ntarget = ", c.sites, "\nminimum = ", c.sites,
                      "\n[model]\nkind = \"mlp\"\nhidden = [", hidden,
                      "]\n[input]\nchannels = [\"x\"]\nwindow = ", window,
                      "\nnormalization = \"none\"\n[label]\nkind = \"column\"\ncolumn = \"y\"\n");
}

/// Federation files in `folder`: authority, coordinator, operator and one certificate for each
/// site.
struct Federation {
  KeyAndCertificate authority, coordinator, operator_, site;
  std::vector<KeyAndCertificate> sites;

  explicit Federation(int count) {
    const absl::Time now = absl::Now();
    authority = *CreateAuthority("bench", now);
    coordinator = Issue(Role::kCoordinator, "coordinator");
    operator_ = Issue(Role::kOperator, "bench");
    for (int i = 0; i < count; ++i) sites.push_back(Issue(Role::kSite, absl::StrCat("site-", i)));
  }

  KeyAndCertificate Issue(Role role, const std::string& name) const {
    const absl::Time now = absl::Now();
    return *IssueCertificate(authority,
                             {{role, name}, now - absl::Hours(1), now + absl::Hours(1), {}});
  }
};

/// The coordinator's process.
class Coordinator {
 public:
  Coordinator(const std::string& program, const std::string& folder, const Federation& federation) {
    const auto write = [&](const char* name, const std::string& text) {
      std::ofstream(absl::StrCat(folder, "/", name)) << text;
    };
    write("authority.crt", federation.authority.certificate_pem);
    write("coordinator.crt", federation.coordinator.certificate_pem);
    write("coordinator.key", federation.coordinator.key_pem);
    write("coordinator.toml",
          "[server]\nlisten = \"127.0.0.1:0\"\ncertificate = \"coordinator.crt\"\n"
          "key = \"coordinator.key\"\nauthority = \"authority.crt\"\n"
          "[storage]\nfolder = \"state\"\n[log]\nlevel = \"warn\"\n");
    int ends[2];
    MR_CHECK(::pipe2(ends, O_CLOEXEC) == 0);
    const std::string config = absl::StrCat(folder, "/coordinator.toml");
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::execl(program.c_str(), program.c_str(), "--config", config.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(ends[1]);
    FILE* out = ::fdopen(ends[0], "r");
    MR_CHECK(std::fscanf(out, "port %d", &port_) == 1);
    std::fclose(out);
  }

  ~Coordinator() {
    ::kill(pid_, SIGTERM);
    ::waitpid(pid_, nullptr, 0);
  }

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

  /// User and system time so far, seconds.
  double CpuSeconds() const {
    std::ifstream stat(absl::StrCat("/proc/", pid_, "/stat"));
    std::string field;
    double ticks = 0;
    for (int i = 1; i <= 15 && stat >> field; ++i) {
      if (i >= 14) ticks += std::stod(field);
    }
    return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
  }

  int64_t PeakRssBytes() const {
    std::ifstream status(absl::StrCat("/proc/", pid_, "/status"));
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("VmHWM:")) return std::stoll(line.substr(6)) * 1024;
    }
    return 0;
  }

 private:
  pid_t pid_ = 0;
  int port_ = 0;
};

/// A file that takes bytes and forgets them: the echo site has no use for the model.
class Sink final : public File {
 public:
  absl::Status ReadAt(int64_t, std::span<char>) override {
    return absl::UnimplementedError("a sink keeps nothing");
  }
  absl::Status WriteAt(int64_t, std::span<const char>) override { return absl::OkStatus(); }
  void StartWriteback(int64_t, int64_t) override {}
  absl::Status Sync() override { return absl::OkStatus(); }
  absl::StatusOr<int64_t> Size() override { return 0; }
  absl::Status Truncate(int64_t) override { return absl::OkStatus(); }
};

/// An update in memory that every echo site sends.
class Echo final : public File {
 public:
  explicit Echo(std::vector<float> values) : values_(std::move(values)) {
    digest_ = Sha256Of({bytes(), static_cast<size_t>(size())});
  }
  const char* bytes() const { return reinterpret_cast<const char*>(values_.data()); }
  int64_t size() const { return static_cast<int64_t>(values_.size() * sizeof(float)); }
  const Digest& digest() const { return digest_; }

  absl::Status ReadAt(int64_t offset, std::span<char> out) override {
    std::copy_n(bytes() + offset, out.size(), out.data());
    return absl::OkStatus();
  }
  absl::Status WriteAt(int64_t, std::span<const char>) override {
    return absl::UnimplementedError("an echo is fixed");
  }
  void StartWriteback(int64_t, int64_t) override {}
  absl::Status Sync() override { return absl::OkStatus(); }
  absl::StatusOr<int64_t> Size() override { return size(); }
  absl::Status Truncate(int64_t) override { return absl::UnimplementedError("an echo is fixed"); }

 private:
  const std::vector<float> values_;
  Digest digest_;
};

/// What a site has masked.
class Buffer final : public File {
 public:
  absl::Status ReadAt(int64_t offset, std::span<char> out) override {
    std::copy_n(bytes_.data() + offset, out.size(), out.data());
    return absl::OkStatus();
  }
  absl::Status WriteAt(int64_t offset, std::span<const char> bytes) override {
    bytes_.resize(std::max<size_t>(bytes_.size(), offset + bytes.size()));
    std::copy(bytes.begin(), bytes.end(), bytes_.begin() + offset);
    return absl::OkStatus();
  }
  void StartWriteback(int64_t, int64_t) override {}
  absl::Status Sync() override { return absl::OkStatus(); }
  absl::StatusOr<int64_t> Size() override { return std::ssize(bytes_); }
  absl::Status Truncate(int64_t size) override {
    bytes_.resize(size);
    return absl::OkStatus();
  }
  absl::string_view bytes() const { return {bytes_.data(), bytes_.size()}; }

 private:
  std::vector<char> bytes_;
};

/// The same under masks.
absl::Status AnswerSecurely(Link& link, SiteIdentity& identity, const v1::Assignment& assignment,
                            Echo& echo) {
  MemoryFileSystem files;
  UnmaskFile unmasked(&files, "/spool");
  MR_ASSIGN_OR_RETURN(const Plan plan, ParsePlan(assignment.plan()));
  const absl::Time deadline = absl::Now() + absl::Milliseconds(assignment.remaining_ms());
  SecureSession session(
      {&link, SystemClock(), &identity, &unmasked},
      [](absl::string_view, absl::Time, const auto& step) { return step(); }, assignment, plan,
      SecureFloor());
  MR_RETURN_IF_ERROR(session.Join(deadline));
  MR_ASSIGN_OR_RETURN(const MaskSet masks, session.TakeMasks());
  const MaskedShape shape{assignment.parameters(), assignment.statistics(),
                          static_cast<int>(plan.secure.bits)};
  Buffer masked;
  MR_RETURN_IF_ERROR(masked.Truncate(shape.bytes()));
  MR_RETURN_IF_ERROR(MaskUpdate(plan, shape, 1, masks.masks(), &echo, &masked));
  const Digest digest = Sha256Of(masked.bytes());
  v1::UploadHeader header;
  *header.mutable_round() = assignment.id();
  header.set_sha256(std::string(digest.bytes.begin(), digest.bytes.end()));
  header.set_bytes(shape.bytes());
  header.set_layout_sha256(assignment.layout_sha256());
  MR_ASSIGN_OR_RETURN(const v1::UploadState begun, link.BeginUpload(header));
  MR_RETURN_IF_ERROR(
      link.Append(assignment.id(), begun.received_bytes(), shape.bytes(), &masked).status());
  return session.Finish(deadline);
}

absl::Status Answer(Link& link, SiteIdentity* identity, const v1::Assignment& assignment,
                    Echo& training, Echo& evaluation) {
  if (!assignment.model_sha256().empty()) {
    Digest model;
    std::copy(assignment.model_sha256().begin(), assignment.model_sha256().end(),
              model.bytes.begin());
    Sink sink;
    int64_t reached = 0;
    MR_RETURN_IF_ERROR(link.Download(assignment.id(), model, 0, &sink, &reached));
  }
  Echo& echo = assignment.task() == v1::TASK_KIND_TRAINING ? training : evaluation;
  if (identity != nullptr) return AnswerSecurely(link, *identity, assignment, echo);
  v1::UploadHeader header;
  *header.mutable_round() = assignment.id();
  header.set_sha256(std::string(echo.digest().bytes.begin(), echo.digest().bytes.end()));
  header.set_bytes(echo.size());
  header.set_layout_sha256(assignment.layout_sha256());
  header.set_weight(1);
  MR_ASSIGN_OR_RETURN(const v1::UploadState begun, link.BeginUpload(header));
  return link.Append(assignment.id(), begun.received_bytes(), echo.size(), &echo).status();
}

/// Bytes that this machine has sent to itself: with TLS, HTTP/2 and TCP around them.
int64_t LoopbackBytes() {
  std::ifstream counter("/sys/class/net/lo/statistics/tx_bytes");
  int64_t bytes = 0;
  counter >> bytes;
  return bytes;
}

/// Answers assignments until the link is shut down; under masks where it has an identity.
void EchoSite(Link& link, SiteIdentity* identity, Echo& training, Echo& evaluation,
              const std::atomic<bool>& done) {
  while (!done) {
    v1::CheckInRequest request;
    request.set_wait_ms(20'000);
    request.set_version("echo");
    const absl::StatusOr<v1::CheckInResponse> response = link.CheckIn(request);
    if (!response.ok() || !response->has_assignment()) continue;
    const absl::Status status =
        Answer(link, identity, response->assignment(), training, evaluation);
    if (!status.ok() && !done) std::fprintf(stderr, "%s\n", status.ToString().c_str());
  }
}

/// Seconds to write `bytes` in `files` files and sync each: what durability alone costs here.
double DiskFloor(const std::string& folder, int files, int64_t bytes) {
  const std::string piece(1 << 20, 'x');
  const auto start = Clock::now();
  for (int i = 0; i < files; ++i) {
    const std::string path = absl::StrCat(folder, "/floor-", i);
    const auto file = *PosixFileSystem()->Open(path, FileSystem::OpenMode::kCreate);
    for (int64_t offset = 0; offset < bytes; offset += static_cast<int64_t>(piece.size())) {
      const auto count = std::min<size_t>(piece.size(), bytes - offset);
      MR_CHECK(file->WriteAt(offset, {piece.data(), count}).ok());
    }
    MR_CHECK(file->Sync().ok());
  }
  const double seconds = SecondsSince(start);
  for (int i = 0; i < files; ++i) std::filesystem::remove(absl::StrCat(folder, "/floor-", i));
  return seconds;
}

void RunCase(const std::string& program, const Case& c, int rounds) {
  char name[] = "bench_round_XXXXXX";
  MR_CHECK(::mkdtemp(name) != nullptr);
  const std::string folder = std::filesystem::absolute(name);
  const Federation federation(c.sites);
  nlohmann::json line;
  {
    Coordinator coordinator(program, folder, federation);
    grpc::SslCredentialsOptions tls{federation.authority.certificate_pem,
                                    federation.operator_.key_pem,
                                    federation.operator_.certificate_pem};
    const auto admin =
        v1::Admin::NewStub(grpc::CreateChannel(coordinator.address(), grpc::SslCredentials(tls)));

    grpc::ClientContext start_context;
    v1::StartRunRequest start;
    start.set_plan(PlanOf(c, rounds));
    v1::Run run;
    const grpc::Status started = admin->StartRun(&start_context, start, &run);
    if (!started.ok()) {
      std::fprintf(stderr, "%s\n", started.error_message().c_str());
      std::exit(1);
    }
    const int64_t hidden = c.parameters >= 1'000'000 ? 1000 : 100;
    const int64_t parameters = (c.parameters / hidden - 2) * hidden + 2 * hidden + 1;
    constexpr int kEvaluationSums = 3;
    std::vector<float> update(parameters, 1e-3F);
    update.resize(parameters + (kEvaluationSums + 2) * kExactLimbs, 0);
    Echo training(std::move(update));
    Echo evaluation(std::vector<float>(kEvaluationSums * kExactLimbs, 0));

    std::atomic<bool> done = false;
    std::vector<std::unique_ptr<Link>> links;
    std::vector<std::unique_ptr<SiteIdentity>> identities;
    std::vector<std::thread> threads;
    for (const KeyAndCertificate& site : federation.sites) {
      LinkOptions link;
      link.address = coordinator.address();
      link.authority_pem = federation.authority.certificate_pem;
      link.certificate_pem = site.certificate_pem;
      link.key_pem = site.key_pem;
      links.push_back(std::make_unique<Link>(link));
      identities.push_back(c.secure ? std::make_unique<SiteIdentity>(*SiteIdentity::Create(
                                          federation.authority.certificate_pem,
                                          site.certificate_pem, site.key_pem, SystemClock()))
                                    : nullptr);
      threads.emplace_back([&, link = links.back().get(), identity = identities.back().get()] {
        EchoSite(*link, identity, training, evaluation, done);
      });
    }
    grpc::ClientContext watch_context;
    v1::GetRunRequest watch;
    watch.set_run(run.id());
    const auto stream = admin->WatchRun(&watch_context, watch);
    // The coordinator's time and the wire's bytes when each round opened.
    std::vector<double> cpu_at;
    std::vector<int64_t> wire_at;
    while (stream->Read(&run)) {
      if (run.history_size() > std::ssize(cpu_at)) {
        cpu_at.push_back(coordinator.CpuSeconds());
        wire_at.push_back(LoopbackBytes());
      }
    }
    (void)stream->Finish();
    done = true;
    for (auto& link : links) link->Shutdown();
    for (std::thread& thread : threads) thread.join();

    std::vector<double> seconds;
    int64_t bytes_up = 0, bytes_down = 0;
    for (int i = 0; i + 1 < run.history_size(); ++i) {
      // From one round's opening to the next one's, so that aggregation counts as well.
      seconds.push_back(
          static_cast<double>(run.history(i + 1).opened_ms() - run.history(i).opened_ms()) / 1e3);
      bytes_up = run.history(i).bytes_up();
      bytes_down = run.history(i).bytes_down();
    }
    MR_CHECK(run.phase() == v1::RUN_PHASE_FINISHED && seconds.size() > 1);
    std::sort(seconds.begin(), seconds.end());
    line["sites"] = c.sites;
    line["secure"] = c.secure;
    // Without the first round, in which the sites get to know each other's certificates.
    const int64_t counted = std::ssize(wire_at) - 2;
    line["wire_bytes"] = (wire_at.back() - wire_at[1]) / counted;
    line["parameters"] = parameters;
    line["rounds"] = seconds.size();
    line["seconds_per_round"] = seconds[seconds.size() / 2];
    line["seconds_fastest"] = seconds.front();
    line["coordinator_cpu_per_round"] = (cpu_at.back() - cpu_at[1]) / static_cast<double>(counted);
    line["coordinator_peak_rss_mb"] = static_cast<double>(coordinator.PeakRssBytes()) / 1e6;
    line["rss_limit_mb"] = 4.0 * 4.0 * static_cast<double>(parameters) / 1e6 + 100;
    line["bytes_up"] = bytes_up;
    line["bytes_down"] = bytes_down;
  }
  line["disk_floor_seconds"] =
      DiskFloor(folder, c.sites, static_cast<int64_t>(line["bytes_up"]) / c.sites);
  std::filesystem::remove_all(folder);
  std::printf("%s\n", line.dump().c_str());
  std::fflush(stdout);
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  CLI::App app("Rounds per second of a real coordinator with echo sites.");
  std::string coordinator =
      (std::filesystem::path(argv[0]).parent_path() / "millrace-coordinator").string();
  int rounds = 5;
  std::vector<int64_t> cases = {2,  10'000,     10, 10'000,    50, 10'000,    200, 10'000,
                                2,  1'000'000,  10, 1'000'000, 50, 1'000'000, 2,   10'000'000,
                                10, 10'000'000, 20, 10'000'000};
  app.add_option("--coordinator", coordinator, "the program to measure");
  app.add_option("--rounds", rounds, "training rounds per case");
  bool secure = false;
  app.add_flag("--secure", secure, "each case in the clear and under masks");
  app.add_option("cases", cases, "pairs of sites and parameters");
  CLI11_PARSE(app, argc, argv);
  for (size_t i = 0; i + 1 < cases.size(); i += 2) {
    const int sites = static_cast<int>(cases[i]);
    millrace::RunCase(coordinator, {sites, cases[i + 1], false}, rounds);
    if (secure) millrace::RunCase(coordinator, {sites, cases[i + 1], true}, rounds);
  }
}
