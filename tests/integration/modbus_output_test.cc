// SPDX-License-Identifier: Apache-2.0
// An output as a real client of Modbus sees it, and peers that are none.
#include "client/output/modbus_output.h"

#include <gmock/gmock.h>
#include <modbus/modbus.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/testing/eventually.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/verdicts.h"

namespace millrace {
namespace {

using testing::Eventually;
using testing::JudgedMachines;
using testing::ManualLiveClock;
using testing::VerdictOn;

using Plc = std::unique_ptr<modbus_t, decltype(&modbus_free)>;

class ModbusOutputTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ModbusOutputConfig config;
    config.port = 0;
    config.machines = {"pump-1", "pump-2"};
    MachineConfig pumps = JudgedMachines(config.machines);
    for (const char* name : {"speed", "current"}) {
      pumps.channels.push_back({.name = name, .unit = "", .rate_hz = 1, .rules = {}});
    }
    MR_ASSERT_OK_AND_ASSIGN(output_, ModbusOutput::Listen(config, {pumps}, &clock_));
  }
  Plc Connect() const {
    Plc plc(modbus_new_tcp("127.0.0.1", output_->port()), modbus_free);
    modbus_set_response_timeout(plc.get(), 60, 0);
    EXPECT_EQ(modbus_connect(plc.get()), 0);
    return plc;
  }
  /// A connection of somebody who knows no Modbus.
  int Raw() const {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<uint16_t>(output_->port()));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::connect(socket, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    return socket;
  }
  /// Whether the other end has closed the connection.
  static bool IsLetGo(int peer) {
    char byte = 0;
    const ssize_t count = ::recv(peer, &byte, 1, MSG_DONTWAIT);
    return count == 0 || (count < 0 && errno == ECONNRESET);
  }
  static std::vector<uint16_t> Read(const Plc& plc, int address, int count) {
    std::vector<uint16_t> words(static_cast<size_t>(count));
    EXPECT_EQ(modbus_read_registers(plc.get(), address, count, words.data()), count)
        << modbus_strerror(errno);
    return words;
  }

  ManualLiveClock clock_;
  VerdictBoard board_{{JudgedMachines({"pump-1", "pump-2"})}, HeartbeatConfig(), &clock_};
  std::unique_ptr<ModbusOutput> output_;
};

TEST_F(ModbusOutputTest, ClientReadsVerdictAndHeartbeat) {
  const Plc plc = Connect();
  output_->Take(VerdictOn("pump-2", Judgement::kAlarm, 3.5));
  std::vector<uint16_t> block = Read(plc, 32, 16);
  EXPECT_EQ(block[1], 3) << "at once";
  EXPECT_EQ(modbus_get_float_abcd(&block[4]), 3.5F);
  EXPECT_EQ(modbus_get_float_abcd(&block[6]), 1.25F);

  board_.Post(VerdictOn("pump-2", Judgement::kAlarm, 3.5));
  for (int beat = 1; beat <= 3; ++beat) {
    board_.Beat(true);
    output_->Beat(board_);
    EXPECT_EQ(Read(plc, 32, 16)[0], beat);
  }
  board_.Beat(/*scoring_goes_on=*/false);
  output_->Beat(board_);
  EXPECT_EQ(Read(plc, 32, 16)[0], 3);
  EXPECT_EQ(Read(plc, 0, 16)[2], 2);

  std::vector<uint16_t> input(16);
  ASSERT_EQ(modbus_read_input_registers(plc.get(), 32, 16, input.data()), 16);
  EXPECT_EQ(input, Read(plc, 32, 16)) << "both tables are the same";
}

TEST_F(ModbusOutputTest, ClientReadsWhichChannelsRaisedAnAlarm) {
  const Plc plc = Connect();
  output_->Take(VerdictOn("pump-2", Judgement::kAlarm, 3.5));
  const std::vector<uint16_t> block = Read(plc, 32768 + 32, 16);
  EXPECT_EQ(block[0], 2) << "channels have a share";
  EXPECT_EQ(block[1], 2) << "current, the second";
  EXPECT_EQ(modbus_get_float_abcd(&block[2]), 0.75F);
  EXPECT_EQ(block[4], 1) << "speed, the first";
  EXPECT_EQ(modbus_get_float_abcd(&block[5]), 0.25F);
  EXPECT_EQ(block[7], 0) << "there is no third";
  EXPECT_EQ(modbus_get_float_abcd(&block[10]), 0) << "nothing is left unexplained";
  EXPECT_EQ(uint32_t{block[12]} << 16 | block[13], 1'700'000'003);
  uint16_t word = 0;
  EXPECT_EQ(modbus_read_registers(plc.get(), 32768 + 48, 1, &word), -1);
  EXPECT_EQ(errno, EMBXILADD);
  EXPECT_EQ(modbus_read_registers(plc.get(), 48, 1, &word), -1) << "nothing is in between";
}

TEST_F(ModbusOutputTest, ClientReadsOfAnAlarmThatWasOverBeforeItAsked) {
  const Plc plc = Connect();
  EXPECT_EQ(Read(plc, 24576, 12)[8], 0);
  output_->Take(VerdictOn("pump-2", Judgement::kAlarm, 3.5));
  output_->Take(VerdictOn("pump-2", Judgement::kNormal));
  EXPECT_EQ(Read(plc, 33, 1)[0], 2) << "normal";
  const std::vector<uint16_t> alarms = Read(plc, 24576, 12);
  EXPECT_EQ(alarms[0], 1) << "of the site";
  EXPECT_EQ(alarms[1], 2) << "of machine number 2";
  EXPECT_EQ(alarms[8], 1) << "of that";
  EXPECT_EQ(uint32_t{alarms[10]} << 16 | alarms[11], 1'700'000'003);
}

TEST_F(ModbusOutputTest, HeartThatStoodStillBeatsOnFromWhereItWas) {
  const Plc plc = Connect();
  const auto beat = [this] {
    board_.Beat(true);
    output_->Beat(board_);
  };
  board_.Post(VerdictOn("pump-1", Judgement::kNormal));
  beat();
  EXPECT_EQ(Read(plc, 16, 1)[0], 1);
  clock_.now_ns += 31 * kNsPerS;  // without a verdict
  beat();
  EXPECT_EQ(Read(plc, 16, 2), (std::vector<uint16_t>{1, 1})) << "what there was does not count";
  board_.Post(VerdictOn("pump-1", Judgement::kNormal));
  EXPECT_EQ(Read(plc, 16, 1)[0], 1) << "a verdict is no beat";
  beat();
  EXPECT_EQ(Read(plc, 16, 2), (std::vector<uint16_t>{2, 2})) << "none is made up for";
}

TEST_F(ModbusOutputTest, PeerThatAsksNothingForAMinuteIsLetGoAndOneThatAsksStays) {
  const int silent = Raw();
  ASSERT_TRUE(Eventually([&] { return output_->Status().peers == 1; }));
  const Plc plc = Connect();
  for (int i = 0; i < 2; ++i) {
    clock_.now_ns += 29 * kNsPerS;
    EXPECT_EQ(Read(plc, 0, 1)[0], 0);
    EXPECT_FALSE(IsLetGo(silent)) << "for less than a minute";
  }
  clock_.now_ns += 29 * kNsPerS;
  EXPECT_TRUE(Eventually([&] { return IsLetGo(silent); }));
  EXPECT_EQ(Read(plc, 0, 1)[0], 0);
  EXPECT_TRUE(Eventually([&] { return output_->Status().peers == 1; }));
  ::close(silent);
}

TEST_F(ModbusOutputTest, PeerThatNeverFinishesARequestIsLetGoLikeASilentOne) {
  const std::string request("\0\1\0\0\0\6\1\3\0\0\0", 11);  // but for its last byte
  const int peer = Raw();
  ASSERT_TRUE(Eventually([&] { return output_->Status().peers == 1; }));
  for (const char byte : request) {
    ASSERT_EQ(::send(peer, &byte, 1, MSG_NOSIGNAL), 1);
    clock_.now_ns += 6 * kNsPerS;
  }
  EXPECT_TRUE(Eventually([&] { return IsLetGo(peer); }));
  ::close(peer);
}

TEST_F(ModbusOutputTest, NothingCanBeWrittenAndNothingElseBeRead) {
  const Plc plc = Connect();
  EXPECT_EQ(modbus_write_register(plc.get(), 16, 1), -1);
  EXPECT_EQ(errno, EMBXILFUN);
  uint8_t coil = 0;
  EXPECT_EQ(modbus_read_bits(plc.get(), 0, 1, &coil), -1);
  EXPECT_EQ(errno, EMBXILFUN);
  uint16_t word = 0;
  EXPECT_EQ(modbus_read_registers(plc.get(), 48, 1, &word), -1);
  EXPECT_EQ(errno, EMBXILADD);
  EXPECT_EQ(Read(plc, 0, 48).size(), 48) << "and the connection is as good as before";
}

TEST_F(ModbusOutputTest, PeersThatSayNonsenseAreLetGoAndOthersServed) {
  const Plc plc = Connect();
  for (const std::string& nonsense : std::vector<std::string>{
           "GET / HTTP/1.1\r\n\r\n", std::string(300, '\xff'),
           std::string("\0\1\0\0\0\6\1\3\0\0\0\377", 12), std::string("\0\1\0\0\0\2\1\3", 8)}) {
    const int peer = Raw();
    ASSERT_GT(::send(peer, nonsense.data(), nonsense.size(), MSG_NOSIGNAL), 0);
    char answer[300];
    EXPECT_LE(::recv(peer, answer, sizeof(answer), 0), 9) << "an exception, or the end";
    ::close(peer);
  }
  EXPECT_EQ(Read(plc, 0, 1)[0], 0);
}

TEST_F(ModbusOutputTest, HalfARequestHoldsNobodyUp) {
  const int peer = Raw();
  ASSERT_EQ(::send(peer, "\0\1\0", 3, MSG_NOSIGNAL), 3);
  EXPECT_EQ(Read(Connect(), 0, 1)[0], 0);
  ::close(peer);
}

TEST_F(ModbusOutputTest, PlcFindsAPlaceHoweverManyPeersAreSilent) {
  std::vector<int> peers;
  for (size_t i = 0; i < ModbusOutput::kMostPeers; ++i) {
    peers.push_back(Raw());
    ASSERT_TRUE(Eventually([&] { return output_->Status().peers == static_cast<int64_t>(i) + 1; }));
  }
  const Plc plc = Connect();
  EXPECT_EQ(Read(plc, 0, 1)[0], 0);
  char byte = 0;
  EXPECT_LE(::recv(peers.front(), &byte, 1, 0), 0) << "the longest silent one had to go";
  EXPECT_EQ(output_->Status().refused, 1);
  const int late = Raw();
  EXPECT_LE(::recv(peers[1], &byte, 1, 0), 0) << "and not the one that asks";
  EXPECT_EQ(Read(plc, 0, 1)[0], 0);
  ::close(late);
  for (const int peer : peers) ::close(peer);
}

TEST_F(ModbusOutputTest, ReadOfTooManyRegistersSwallowsNothingThatFollows) {
  const std::string bad("\0\1\0\0\0\6\1\3\0\0\0\376", 12);
  const std::string good("\0\2\0\0\0\6\1\3\0\0\0\1", 12);
  constexpr size_t kGood = 60;  // more than is taken at once
  constexpr size_t kAnswers = 9 + kGood * 11;
  std::string requests = bad;
  for (size_t i = 0; i < kGood; ++i) requests += good;
  const int peer = Raw();
  ASSERT_EQ(::send(peer, requests.data(), requests.size(), MSG_NOSIGNAL), requests.size());
  std::string answers(kAnswers, '\0');
  EXPECT_EQ(::recv(peer, answers.data(), kAnswers, MSG_WAITALL), kAnswers);
  ::close(peer);
}

TEST_F(ModbusOutputTest, AddressThatIsTakenIsNamed) {
  ModbusOutputConfig config;
  config.port = output_->port();
  config.machines = {"pump-1"};
  EXPECT_THAT(ModbusOutput::Listen(config, {}, &clock_).status(),
              testing::IsStatus(absl::StatusCode::kUnavailable,
                                ::testing::HasSubstr("is the port in use?")));
}

}  // namespace
}  // namespace millrace
