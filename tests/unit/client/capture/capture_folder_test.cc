// SPDX-License-Identifier: Apache-2.0
#include "client/capture/capture_folder.h"

#include <gmock/gmock.h>

#include "base/memory_file_system.h"
#include "client/capture/capture_report.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/client/capture/captures_testing.h"

namespace millrace {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsStatus;
using testing::kSecond;
using ::testing::SizeIs;
using testing::SomeCapture;

constexpr int64_t kRoom = int64_t{1} << 30;

class CaptureFolderTest : public ::testing::Test {
 protected:
  std::vector<std::string> Ids() {
    const std::vector<CaptureEntry> entries = folder_.List(&damaged_).value();
    std::vector<std::string> ids;
    for (const CaptureEntry& entry : entries) ids.push_back(entry.id);
    return ids;
  }
  void FlipByte(const std::string& path, int64_t offset) {
    MR_ASSERT_OK_AND_ASSIGN(auto file, memory_.Open(path, FileSystem::OpenMode::kReadWrite));
    char byte = 0;
    MR_ASSERT_OK(file->ReadAt(offset, std::span(&byte, 1)));
    byte ^= 0x55;
    MR_ASSERT_OK(file->WriteAt(offset, std::span(&byte, 1)));
  }

  MemoryFileSystem memory_;
  testing::FaultyFileSystem disk_{&memory_};
  CaptureFolder folder_{&disk_, "captures"};
  std::vector<std::string> damaged_;
};

TEST_F(CaptureFolderTest, GivesBackWhatWasCaptured) {
  EXPECT_THAT(Ids(), IsEmpty()) << "no folder yet";
  const Capture capture = SomeCapture(1'763'769'600);
  MR_ASSERT_OK(folder_.Announce(capture.event));
  MR_ASSERT_OK(folder_.Add(capture, kRoom));
  EXPECT_THAT(Ids(), ElementsAre("20251122T000000.000Z-pump-1-alarm"));
  EXPECT_THAT(folder_.Announced().value(), IsEmpty());
  MR_ASSERT_OK_AND_ASSIGN(const Capture read, folder_.Read(capture.event.Id()));
  EXPECT_EQ(read.event.reason, "score 3, threshold 1");
  EXPECT_EQ(read.event.trigger, CaptureTrigger::kAlarm);
  EXPECT_EQ(read.event.version, 7);
  ASSERT_THAT(read.rows, SizeIs(1));
  EXPECT_EQ(read.rows[0].values, capture.rows[0].values);
  EXPECT_EQ(read.rows[0].flags, capture.rows[0].flags);
}

TEST_F(CaptureFolderTest, LabelIsThePlantsAndStaysWithTheCapture) {
  const Capture capture = SomeCapture(1000);
  const std::string id = capture.event.Id();
  EXPECT_THAT(folder_.SetLabel(id, {1, "", ""}),
              IsStatus(absl::StatusCode::kNotFound, HasSubstr("captures list")));
  MR_ASSERT_OK(folder_.Add(capture, kRoom));
  EXPECT_FALSE(folder_.List()->front().label.has_value());
  MR_ASSERT_OK(folder_.SetLabel(id, {3, "outer race", "A. Smith"}));
  EXPECT_EQ(folder_.List()->front().label->value, 3);
  EXPECT_EQ(folder_.List()->front().label->note, "outer race");
  MR_ASSERT_OK(folder_.RemoveLabel(id));
  EXPECT_FALSE(folder_.List()->front().label.has_value());
  MR_ASSERT_OK(WriteFileDurably(&disk_, "captures/" + id + ".label", "{\"label\": \"bad\"}"));
  EXPECT_FALSE(folder_.List(&damaged_)->front().label.has_value());
  EXPECT_THAT(damaged_, ElementsAre("captures/" + id + ".label"));
}

TEST_F(CaptureFolderTest, LabelThatIsAnotherUsersHidesNoCapture) {
  const Capture capture = SomeCapture(1000);
  const std::string id = capture.event.Id();
  MR_ASSERT_OK(folder_.Add(capture, kRoom));
  MR_ASSERT_OK(folder_.SetLabel(id, {0, "", ""}));
  const int64_t before = disk_.Calls(testing::DiskCall::kOpen);
  MR_ASSERT_OK(folder_.List());
  const int64_t opens = disk_.Calls(testing::DiskCall::kOpen) - before;
  disk_.FailCall(testing::DiskCall::kOpen, opens - 1, testing::DiskFault::kNotPermitted);
  EXPECT_THAT(Ids(), ElementsAre(id));
  EXPECT_THAT(damaged_, ElementsAre("captures/" + id + ".label"));
}

TEST_F(CaptureFolderTest, ButtonWhoseNoteNobodyCanReadIsPressedAllTheSame) {
  MR_ASSERT_OK(folder_.Request("pump-1", "strange noise"));
  disk_.FailCall(testing::DiskCall::kOpen, 0, testing::DiskFault::kNotPermitted);
  MR_ASSERT_OK_AND_ASSIGN(const auto requests, folder_.TakeRequests());
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].machine, "pump-1");
  EXPECT_EQ(requests[0].note, "");
  EXPECT_THAT(folder_.TakeRequests().value(), IsEmpty());
}

TEST_F(CaptureFolderTest, IdsAreNoPaths) {
  for (const char* id : {"../secrets", "", ".", "a/b"}) {
    EXPECT_THAT(folder_.Read(id).status(), IsStatus(absl::StatusCode::kNotFound, ::testing::_));
  }
}

TEST_F(CaptureFolderTest, DamagedCaptureIsPassedOverAndTold) {
  for (const int64_t second : {1000, 2000}) MR_ASSERT_OK(folder_.Add(SomeCapture(second), kRoom));
  const std::string path = "captures/" + SomeCapture(1000).event.Id() + ".capture";
  FlipByte(path, 40);  // in its event
  EXPECT_THAT(Ids(), ElementsAre(SomeCapture(2000).event.Id()));
  EXPECT_THAT(damaged_, ElementsAre(path));
  FlipByte("captures/" + SomeCapture(2000).event.Id() + ".capture", 250);  // in its rows
  EXPECT_THAT(folder_.Read(SomeCapture(2000).event.Id()).status(),
              IsStatus(absl::StatusCode::kDataLoss, HasSubstr("damaged")));
}

TEST_F(CaptureFolderTest, OldestAndLeastSurprisingGoesFirstWithinItsClass) {
  const int64_t bytes = std::ssize(CaptureBytes(SomeCapture(1000)).value());
  const int64_t quota = 4 * bytes + bytes / 2;
  MR_ASSERT_OK(folder_.Add(SomeCapture(500, 1, CaptureTrigger::kRandom), quota));
  const double surprises[] = {9, 2, 1, 5};
  for (int i = 0; i < 4; ++i) {
    MR_ASSERT_OK(folder_.Add(SomeCapture(1000 + i, surprises[i]), quota));
  }
  MR_ASSERT_OK(folder_.Add(SomeCapture(1010, 3), quota));
  EXPECT_THAT(Ids(),
              AllOf(SizeIs(5), ::testing::Not(::testing::Contains(SomeCapture(1001).event.Id()))))
      << "the less surprising one of the older half";
  EXPECT_THAT(Ids(), ::testing::Contains(SomeCapture(500, 1, CaptureTrigger::kRandom).event.Id()))
      << "of another class";
  EXPECT_THAT(folder_.Add(SomeCapture(1020), bytes / 2),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("quota")));
}

TEST_F(CaptureFolderTest, LabelledOnesGoLast) {
  std::vector<CaptureEntry> entries;
  for (int i = 0; i < 4; ++i) entries.push_back({"", SomeCapture(1000 + i, i).event, 1, {}});
  EXPECT_EQ(FirstToGo(entries), 0);
  entries[0].label = CaptureLabel{};
  entries[1].label = CaptureLabel{};
  EXPECT_EQ(FirstToGo(entries), 2);
  entries[2].label = CaptureLabel{};
  entries[3].label = CaptureLabel{};
  EXPECT_EQ(FirstToGo(entries), 0);
}

TEST_F(CaptureFolderTest, WhatWasAnnouncedOutlastsAPowerCut) {
  MR_ASSERT_OK(folder_.Announce(SomeCapture(1000).event));
  disk_.LosePower();
  ASSERT_THAT(folder_.Announced().value(), SizeIs(1));
  EXPECT_EQ(folder_.Announced()->front().Id(), SomeCapture(1000).event.Id());
  EXPECT_THAT(folder_.Announce(SomeCapture(1000).event),
              IsStatus(absl::StatusCode::kAlreadyExists, ::testing::_));
}

TEST_F(CaptureFolderTest, RequestIsTakenOnce) {
  MR_ASSERT_OK(folder_.Request("pump-1", "strange noise"));
  EXPECT_THAT(folder_.Request("../x", ""),
              IsStatus(absl::StatusCode::kInvalidArgument, HasSubstr("machine name")));
  MR_ASSERT_OK_AND_ASSIGN(const auto requests, folder_.TakeRequests());
  ASSERT_THAT(requests, SizeIs(1));
  EXPECT_EQ(requests[0].machine, "pump-1");
  EXPECT_EQ(requests[0].note, "strange noise");
  EXPECT_THAT(folder_.TakeRequests().value(), IsEmpty());
}

TEST_F(CaptureFolderTest, IsListedAndShownForPeopleAndPrograms) {
  MR_ASSERT_OK(folder_.Add(SomeCapture(1000, 2.5), kRoom));
  MR_ASSERT_OK(folder_.SetLabel(SomeCapture(1000).event.Id(), {3, "outer race", ""}));
  const std::vector<CaptureEntry> entries = folder_.List().value();
  EXPECT_THAT(CaptureList(entries, false), HasSubstr("19700101T001640.000Z-pump-1-alarm"));
  EXPECT_THAT(CaptureList(entries, true),
              AllOf(HasSubstr("\"surprise\": 2.5"), HasSubstr("\"note\": \"outer race\"")));
  const std::string details =
      CaptureDetails(entries[0], folder_.Read(entries[0].id).value(), false);
  EXPECT_THAT(details, AllOf(HasSubstr("temperature"), HasSubstr("rows       20")));
  EXPECT_EQ(CaptureList({}, true), "[]\n");
}

}  // namespace
}  // namespace millrace
