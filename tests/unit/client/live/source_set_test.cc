// SPDX-License-Identifier: Apache-2.0
#include "client/live/source_set.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "client/live/sample_queue.h"
#include "tests/testing/eventually.h"
#include "tests/testing/temporary_folder.h"

namespace millrace {
namespace {

using ::testing::ElementsAre;
using ::testing::Key;

/// Keeps what sources did, in their order.
class Diary {
 public:
  void Write(const std::string& entry) {
    const std::lock_guard lock(mutex_);
    entries_.push_back(entry);
  }
  std::vector<std::string> entries() const {
    const std::lock_guard lock(mutex_);
    return entries_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> entries_;
};

class FakeSource final : public Source {
 public:
  FakeSource(std::string name, Diary* diary) : name_(std::move(name)), diary_(diary) {
    diary_->Write("new " + name_);
  }
  void Run() override {
    stopped_.WaitForNotification();
    diary_->Write("end of " + name_);
  }
  void Stop() override {
    if (!stopped_.HasBeenNotified()) stopped_.Notify();
  }
  SourceStatus Status() const override {
    SourceStatus status;
    status.reason = name_;
    return status;
  }

 private:
  const std::string name_;
  Diary* const diary_;
  absl::Notification stopped_;
};

class SourceSetTest : public ::testing::Test {
 protected:
  static SourceConfig Config(const std::string& name, const std::string& path = "p") {
    FileConfig file;
    file.path = path;
    return {name, {}, file};
  }

  Diary diary_;
  SourceSet sources_{[this](const SourceConfig& config) {
    return std::make_unique<FakeSource>(config.name + std::get<FileConfig>(config.kind).path,
                                        &diary_);
  }};
};

TEST_F(SourceSetTest, HaltEndsThemAllBeforeAnybodyWaitsForThem) {
  sources_.Reconfigure({Config("a"), Config("b")});
  sources_.Halt();
  EXPECT_TRUE(testing::Eventually([&] { return diary_.entries().size() == 4; }));
  EXPECT_EQ(sources_.Statuses().size(), 2);
  sources_.Reconfigure({});
  EXPECT_EQ(sources_.Statuses().size(), 0);
}

TEST_F(SourceSetTest, StartsWhatIsNewAndTellsItsStatus) {
  sources_.Reconfigure({Config("a"), Config("b")});
  EXPECT_THAT(sources_.Statuses(), ElementsAre(Key("a"), Key("b")));
  EXPECT_EQ(sources_.Statuses()["a"].reason, "ap");
}

TEST_F(SourceSetTest, LeavesAloneWhatIsAsItWas) {
  sources_.Reconfigure({Config("a"), Config("b")});
  sources_.Reconfigure({Config("b"), Config("a"), Config("c")});
  EXPECT_THAT(diary_.entries(), ElementsAre("new ap", "new bp", "new cp"));
}

TEST_F(SourceSetTest, StopsWhatIsGone) {
  sources_.Reconfigure({Config("a"), Config("b")});
  sources_.Reconfigure({Config("b")});
  EXPECT_THAT(sources_.Statuses(), ElementsAre(Key("b")));
  EXPECT_THAT(diary_.entries(), ElementsAre("new ap", "new bp", "end of ap"));
}

TEST_F(SourceSetTest, AChangedSourceEndsBeforeItBeginsAnew) {
  sources_.Reconfigure({Config("a", "1")});
  sources_.Reconfigure({Config("a", "2")});
  EXPECT_THAT(diary_.entries(), ElementsAre("new a1", "end of a1", "new a2"));
}

TEST_F(SourceSetTest, EndsThemAllWithItself) {
  {
    SourceSet sources([&](const SourceConfig& config) {
      return std::make_unique<FakeSource>(config.name, &diary_);
    });
    sources.Reconfigure({Config("x")});
  }
  EXPECT_THAT(diary_.entries(), ElementsAre("new x", "end of x"));
}

TEST(NewSourceTest, EveryKindRunsAndEnds) {
  testing::TemporaryFolder folder;
  const ChannelTable channels({"pump-1/current"});
  SampleQueue queue(10);
  const SourceContext context{&channels, &queue, SystemLiveClock(), PosixFileSystem(),
                              folder.path()};
  SourceSet sources([&context](const SourceConfig& config) { return NewSource(config, context); });
  MqttConfig mqtt;
  mqtt.host = "127.0.0.1";
  mqtt.port = 1;  // where nobody listens
  mqtt.topics = {"{machine}/{channel}"};
  ModbusConfig modbus;
  modbus.host = "127.0.0.1";
  modbus.port = 1;
  FileConfig file;
  file.path = folder.path() + "/none.csv";
  RecordingsConfig recordings;
  recordings.folder = folder.path() + "/none";
  ReplayConfig replay;
  replay.path = folder.path() + "/none.csv";
  sources.Reconfigure({{"mqtt", {}, mqtt},
                       {"modbus", {}, modbus},
                       {"file", {}, file},
                       {"recordings", {}, recordings},
                       {"replay", {}, replay}});
  for (const char* const name : {"mqtt", "modbus", "file", "recordings", "replay"}) {
    EXPECT_TRUE(testing::Eventually([&] {
      return sources.Statuses()[name].state == SourceState::kFailed;
    })) << name;
  }
}

}  // namespace
}  // namespace millrace
