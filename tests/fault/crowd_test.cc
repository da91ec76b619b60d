// SPDX-License-Identifier: Apache-2.0
// Two hundred sites of which fifty misbehave: the others finish their round, and the coordinator
// stays small.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/random.h"
#include "base/retry_after.h"
#include "millrace/v1/transfer.grpc.pb.h"
#include "tests/testing/eventually.h"
#include "tests/testing/fleet.h"
#include "tests/testing/loopback.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/tiny_plan.h"

namespace millrace {
namespace {

using testing::AwaitAssignment;
using testing::Eventually;
using testing::Fleet;
using testing::SiteLink;
using testing::TakePart;
using testing::TinyPlan;

constexpr int kGood = 150;
constexpr int kBad = 50;
#ifdef MILLRACE_SANITIZED
constexpr bool kAsShipped = false;  // slower, and with memory of the sanitizer's own
#else
constexpr bool kAsShipped = true;
#endif

std::shared_ptr<grpc::Channel> ChannelOf(const LinkOptions& link) {
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = link.authority_pem;
  tls.pem_cert_chain = link.certificate_pem;
  tls.pem_private_key = link.key_pem;
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(link.address, grpc::SslCredentials(tls), arguments);
}

v1::DownloadRequest DownloadOf(const v1::Assignment& assignment) {
  v1::DownloadRequest request;
  *request.mutable_round() = assignment.id();
  request.set_sha256(assignment.model_sha256());
  return request;
}

/// What the fifty do until they are told to stop, which each of them hears soon.
class Crowd {
 public:
  explicit Crowd(const Fleet& fleet) : fleet_(fleet) {}
  ~Crowd() { Stop(); }

  void Start() {
    for (int i = 0; i < kBad; ++i) {
      threads_.emplace_back([this, i] {
        const LinkOptions link =
            SiteLink(fleet_.federation(), absl::StrCat("bad-", i), fleet_.port());
        switch (i % 5) {
          case 0:
            return Flood(link);
          case 1:
            return ReadNothing(link);
          case 2:
            return SendGarbage(link);
          case 3:
            return SendTooMuch(link);
          default:
            return OpenHalf(i);
        }
      });
    }
  }
  void Stop() {
    if (!stop_.HasBeenNotified()) stop_.Notify();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }
  /// Refusals for want of a place or of patience so far.
  int sent_away() const { return sent_away_; }

 private:
  /// Check-ins as fast as it goes.
  void Flood(const LinkOptions& options) {
    Link link(options);
    while (!stop_.HasBeenNotified()) {
      const absl::Status status = link.CheckIn({}).status();
      if (absl::IsResourceExhausted(status) && RetryAfter(status)) ++sent_away_;
    }
  }

  /// Downloads, more at once than any site has use for, of which it reads nothing.
  void ReadNothing(const LinkOptions& options) {
    Link link(options);
    const absl::StatusOr<v1::Assignment> assignment = AwaitAssignment(link);
    if (!assignment.ok()) return;
    const auto stub = v1::Transfer::NewStub(ChannelOf(options));
    std::vector<std::unique_ptr<grpc::ClientContext>> contexts;
    std::vector<std::unique_ptr<grpc::ClientReader<v1::Chunk>>> readers;
    for (int i = 0; i < 50; ++i) {
      contexts.push_back(std::make_unique<grpc::ClientContext>());
      readers.push_back(stub->Download(contexts.back().get(), DownloadOf(*assignment)));
    }
    stop_.WaitForNotification();
    for (size_t i = 0; i < readers.size(); ++i) {
      contexts[i]->TryCancel();
      if (readers[i]->Finish().error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) ++sent_away_;
    }
  }

  /// Calls whose messages are no messages.
  void SendGarbage(const LinkOptions& options) {
    Random random(7);
    grpc::GenericStub stub(ChannelOf(options));
    const char* const methods[] = {"Transfer/Append", "Transfer/BeginUpload", "Rounds/CheckIn",
                                   "SecureAggregation/Share"};
    for (int i = 0; !stop_.HasBeenNotified(); ++i) {
      std::string bytes(1 + random.Below(2000), '\0');
      for (char& byte : bytes) byte = static_cast<char>(random.Below(256));
      const grpc::Slice slice(bytes);
      const grpc::ByteBuffer request(&slice, 1);
      grpc::ByteBuffer response;
      grpc::ClientContext context;
      context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
      grpc::CompletionQueue queue;
      const auto call = stub.PrepareUnaryCall(
          &context, absl::StrCat("/millrace.v1.", methods[i % std::size(methods)]), request,
          &queue);
      call->StartCall();
      grpc::Status status;
      call->Finish(&response, &status, nullptr);
      void* tag = nullptr;
      bool ok = false;
      queue.Next(&tag, &ok);
      queue.Shutdown();
    }
  }

  /// Messages of eight megabytes.
  void SendTooMuch(const LinkOptions& options) {
    Link link(options);
    v1::RoundId round;
    round.set_run("tiny-1");
    while (!stop_.HasBeenNotified()) {
      if (absl::IsInvalidArgument(link.ReportFailure(round, std::string(8 << 20, 'x')))) {
        ++sent_away_;
      }
    }
  }

  /// Connections that say nothing, or something that is no TLS.
  void OpenHalf(int seed) {
    std::vector<int> sockets;
    for (int i = 0; i < 20; ++i) {
      const int socket = ::socket(AF_INET, SOCK_STREAM, 0);
      const sockaddr_in address = testing::Loopback(fleet_.port());
      if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 &&
          (seed + i) % 2 == 0) {
        const std::string words = "GET /models HTTP/1.1\r\n\r\n";
        (void)::send(socket, words.data(), words.size(), MSG_NOSIGNAL);
      }
      sockets.push_back(socket);
    }
    stop_.WaitForNotification();
    for (const int socket : sockets) ::close(socket);
  }

  const Fleet& fleet_;
  absl::Notification stop_;
  std::atomic<int> sent_away_ = 0;
  std::vector<std::thread> threads_;
};

TEST(Crowd, FiftySitesThatMisbehaveCostTheOthersNothing) {
  Fleet fleet(MILLRACE_COORDINATOR, "[limits]\nsite_calls_per_s = 50\nbuffers_mb = 256\n");
  ASSERT_TRUE(fleet.StartCoordinator());
  TinyPlan plan;
  plan.rounds = 1;
  plan.normalization = "none";
  plan.window = 100;
  plan.hidden = 1000;  // 102,001 parameters, 0.4 MB
  // All two hundred are invited; nobody waits for the fifty.
  plan.cohort = absl::StrCat("target = ", kGood, "\nover_selection = 0.34\nminimum = ", kGood,
                             "\nwait_s = 10\ndeadline_s = ", kAsShipped ? 90 : 400, "\n");
  Crowd crowd(fleet);
  crowd.Start();
  std::mutex mutex;
  std::set<std::string> done;
  std::vector<std::thread> good;
  for (int i = 0; i < kGood; ++i) {
    good.emplace_back([&, i] {
      const std::string name = absl::StrCat("good-", i);
      Link link(SiteLink(fleet.federation(), name, fleet.port()));
      const bool accepted = Eventually([&] { return TakePart(link, name).ok(); },
                                       absl::Seconds(kAsShipped ? 120 : 480));
      const std::lock_guard lock(mutex);
      if (accepted) done.insert(name);
    });
  }
  EXPECT_TRUE(Eventually([&] {
    const auto listed = fleet.as_operator().ListSites();
    return listed.ok() && std::ranges::count_if(listed->sites(), [](const v1::Site& site) {
                            return site.connected() && site.name().starts_with("good-");
                          }) == kGood;
  }));
  MR_EXPECT_OK(fleet.as_operator().StartRun(plan.Text()));
  for (std::thread& thread : good) thread.join();
  EXPECT_EQ(done.size(), kGood) << fleet.coordinator().Log();
  const v1::Run run = fleet.GetRun("tiny-1");
  ASSERT_GE(run.history_size(), 1);
  if (kAsShipped) {
    EXPECT_EQ(run.history(0).attempt(), 1) << run.note();
  }
  EXPECT_TRUE(std::ranges::any_of(run.history(), [](const v1::Round& round) {
    return round.received_size() == kGood;  // the next one may have begun
  }));
  EXPECT_TRUE(Eventually([&] { return crowd.sent_away() > kBad; })) << crowd.sent_away();
  crowd.Stop();
  // 2 MB of models, what two hundred connections cost, and the limit of what is on its way.
  if (kAsShipped) {
    EXPECT_LT(fleet.coordinator().PeakMemory(), int64_t{500} << 20);
  }
}

TEST(Crowd, DownloadThatNobodyReadsIsEnded) {
  Fleet fleet(MILLRACE_COORDINATOR, "[limits]\nstall_s = 1\n");
  ASSERT_TRUE(fleet.StartCoordinator());
  TinyPlan plan;
  plan.normalization = "none";
  plan.window = 5000;
  plan.hidden = 2000;  // 40 MB: more than buffers on the way take in
  plan.cohort = "target = 1\nminimum = 1\nwait_s = 10\n";
  MR_ASSERT_OK(fleet.as_operator().StartRun(plan.Text()));
  const LinkOptions options = SiteLink(fleet.federation(), "press-7", fleet.port());
  Link link(options);
  MR_ASSERT_OK_AND_ASSIGN(const v1::Assignment assignment, AwaitAssignment(link));
  const auto stub = v1::Transfer::NewStub(ChannelOf(options));
  grpc::ClientContext context;
  const auto reader = stub->Download(&context, DownloadOf(assignment));
  EXPECT_TRUE(Eventually([&] {
    return fleet.coordinator().Log().find("transfer stalled") != std::string::npos;
  })) << fleet.coordinator().Log();
  v1::Chunk chunk;
  while (reader->Read(&chunk)) {
  }
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

}  // namespace
}  // namespace millrace
