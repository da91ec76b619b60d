// SPDX-License-Identifier: Apache-2.0
#include "base/service_manager.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>

#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

/// Stands where systemd does: a socket that takes what a daemon says.
class ServiceManagerTest : public ::testing::Test {
 protected:
  void SetUp() override {
    socket_ = ::socket(AF_UNIX, SOCK_DGRAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = folder_.path() + "/notify";
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    ::setenv("NOTIFY_SOCKET", path.c_str(), 1);
  }
  void TearDown() override {
    for (const char* name : {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) ::unsetenv(name);
    ::close(socket_);
  }

  std::string Heard() const {
    std::array<char, 500> buffer;
    const ssize_t size = ::recv(socket_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    return size < 0 ? "" : std::string(buffer.data(), size);
  }

 private:
  const testing::TemporaryFolder folder_;
  int socket_ = -1;
};

TEST_F(ServiceManagerTest, HearsThatTheDaemonServesLivesAndEnds) {
  NotifyReady("port 9443");
  EXPECT_EQ(Heard(), "READY=1\nSTATUS=port 9443");
  NotifyAlive();
  EXPECT_EQ(Heard(), "WATCHDOG=1");
  NotifyStopping();
  EXPECT_EQ(Heard(), "STOPPING=1");
}

TEST_F(ServiceManagerTest, WatchdogIsFedTwiceAsOftenAsItAsksFor) {
  EXPECT_EQ(WatchdogPeriod(), absl::InfiniteDuration());
  ::setenv("WATCHDOG_USEC", "60000000", 1);
  EXPECT_EQ(WatchdogPeriod(), absl::Seconds(30));
}

TEST_F(ServiceManagerTest, NothingHappensWithoutOne) {
  ::unsetenv("NOTIFY_SOCKET");
  NotifyReady("port 9443");
  NotifyAlive();
  EXPECT_EQ(Heard(), "");
}

}  // namespace
}  // namespace millrace
