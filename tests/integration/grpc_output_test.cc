// SPDX-License-Identifier: Apache-2.0
// An output and a real channel to it.
#include "client/output/grpc_output.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>

#include "millrace/v1/live.grpc.pb.h"
#include "tests/testing/eventually.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"
#include "tests/testing/verdicts.h"

namespace millrace {
namespace {

using testing::Eventually;
using ::testing::HasSubstr;
using testing::JudgedMachines;
using testing::ManualLiveClock;
using testing::VerdictOn;

class GrpcOutputTest : public ::testing::Test {
 protected:
  using Stub = std::unique_ptr<v1::Live::Stub>;
  /// A call of WatchVerdicts, which is hung up with the object.
  struct Watch {
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReader<v1::Verdict>> reader;

    Watch(const Stub& stub, const std::vector<std::string>& machines) {
      v1::WatchVerdictsRequest request;
      request.mutable_machines()->Assign(machines.begin(), machines.end());
      reader = stub->WatchVerdicts(&context, request);
      reader->WaitForInitialMetadata();  // from here on nothing is missed
    }
    ~Watch() { context.TryCancel(); }
    int64_t NextVersion() {
      v1::Verdict verdict;
      return reader->Read(&verdict) ? verdict.version() : -1;
    }
  };

  void SetUp() override {
    MR_ASSERT_OK_AND_ASSIGN(output_, GrpcOutput::Listen({"127.0.0.1:0"}, &board_));
    stub_ = StubTo("127.0.0.1:" + std::to_string(output_->port()));
  }
  static Stub StubTo(const std::string& address) {
    return v1::Live::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  }
  static grpc::Status Get(const Stub& stub, const std::vector<std::string>& machines,
                          v1::GetVerdictsResponse* response) {
    grpc::ClientContext context;
    v1::GetVerdictsRequest request;
    request.mutable_machines()->Assign(machines.begin(), machines.end());
    return stub->GetVerdicts(&context, request, response);
  }
  void Take(const std::string& machine, int64_t version) {
    MachineVerdict verdict = VerdictOn(machine, Judgement::kNormal);
    verdict.version = version;
    output_->Take(verdict);
  }

  ManualLiveClock clock_;
  VerdictBoard board_{{JudgedMachines({"pump-1", "pump-2"})}, HeartbeatConfig(), &clock_};
  std::unique_ptr<GrpcOutput> output_;
  Stub stub_;
};

TEST_F(GrpcOutputTest, TellsHowTheMachinesStand) {
  board_.Post(VerdictOn("pump-1", Judgement::kAlarm, 3.5));
  board_.Beat(true);
  v1::GetVerdictsResponse response;
  ASSERT_TRUE(Get(stub_, {}, &response).ok());
  ASSERT_EQ(response.machines_size(), 2);
  EXPECT_FALSE(response.alive());
  const v1::MachineState& pump = response.machines(0);
  EXPECT_EQ(pump.verdict().judgement(), v1::JUDGEMENT_ALARM);
  EXPECT_EQ(pump.verdict().score(), 3.5);
  EXPECT_EQ(pump.verdict().quality(), v1::QUALITY_PASS);
  EXPECT_EQ(pump.verdict().shares(0).channel(), "current");
  EXPECT_EQ(pump.last_alarm().score(), 3.5);
  EXPECT_TRUE(pump.alive());
  EXPECT_EQ(pump.heartbeat(), 1);
  EXPECT_FALSE(response.machines(1).has_verdict());
}

TEST_F(GrpcOutputTest, MachineThatTheSiteDoesNotHaveIsNamed) {
  v1::GetVerdictsResponse response;
  const grpc::Status got = Get(stub_, {"pump-1", "pump-9"}, &response);
  EXPECT_EQ(got.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(got.error_message(), HasSubstr("pump-9"));
  Watch watch(stub_, {"pump-9"});
  EXPECT_EQ(watch.NextVersion(), -1);
  EXPECT_EQ(watch.reader->Finish().error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(GrpcOutputTest, WatchersGetEachVerdictOnTheirMachines) {
  Watch all(stub_, {});
  Watch one(stub_, {"pump-2"});
  for (int version = 1; version <= 100; ++version) {
    Take("pump-1", version);
    Take("pump-2", -version);
  }
  for (int version = 1; version <= 100; ++version) {
    EXPECT_EQ(all.NextVersion(), version);
    EXPECT_EQ(all.NextVersion(), -version);
    EXPECT_EQ(one.NextVersion(), -version);
  }
}

TEST_F(GrpcOutputTest, WatcherThatReadsNothingIsCutOffAndOthersAreNot) {
  Watch slow(stub_, {"pump-1"});
  MachineVerdict large = VerdictOn("pump-1", Judgement::kAlarm);
  large.reason = std::string(10'000, 'x');  // more than the network keeps
  ASSERT_TRUE(Eventually([&] {
    for (int i = 0; i < 500; ++i) output_->Take(large);
    return output_->Status().peers == 0;
  }));
  EXPECT_GE(output_->Status().dropped, 1);
  while (slow.NextVersion() >= 0) {
  }
  EXPECT_EQ(slow.reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
  Watch next(stub_, {});
  Take("pump-2", 4);
  EXPECT_EQ(next.NextVersion(), 4);
}

TEST_F(GrpcOutputTest, ThereIsRoomForSoManyWatchers) {
  std::vector<std::unique_ptr<Watch>> watches;
  for (size_t i = 0; i < WatchRoom::kMostWatches; ++i) {
    watches.push_back(std::make_unique<Watch>(stub_, std::vector<std::string>()));
  }
  Watch late(stub_, {});
  EXPECT_EQ(late.reader->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  watches.clear();
  EXPECT_TRUE(Eventually([&] { return output_->Status().peers == 0; }));
  Watch next(stub_, {});
  Take("pump-2", 4);
  EXPECT_EQ(next.NextVersion(), 4);
}

TEST_F(GrpcOutputTest, EndOfTheDaemonEndsTheWatches) {
  Watch watch(stub_, {});
  output_ = nullptr;
  EXPECT_EQ(watch.NextVersion(), -1);
  EXPECT_FALSE(watch.reader->Finish().ok());
}

TEST_F(GrpcOutputTest, ListensOnASocketOfTheFileSystemToo) {
  const testing::TemporaryFolder folder;
  const std::string address = "unix:" + folder.path() + "/live.sock";
  MR_ASSERT_OK_AND_ASSIGN(const auto local, GrpcOutput::Listen({address}, &board_));
  v1::GetVerdictsResponse response;
  EXPECT_TRUE(Get(StubTo(address), {}, &response).ok());
  EXPECT_EQ(response.machines_size(), 2);
}

TEST_F(GrpcOutputTest, AddressThatIsTakenIsNamed) {
  const std::string address = "127.0.0.1:" + std::to_string(output_->port());
  EXPECT_THAT(GrpcOutput::Listen({address}, &board_).status(),
              testing::IsStatus(absl::StatusCode::kUnavailable, HasSubstr("listen " + address)));
}

}  // namespace
}  // namespace millrace
