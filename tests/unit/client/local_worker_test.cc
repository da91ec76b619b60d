// SPDX-License-Identifier: Apache-2.0
#include "client/training/local_worker.h"

#include <gmock/gmock.h>

#include <new>

#include "tests/testing/status_matchers.h"
#include "tests/testing/temporary_folder.h"
#include "tests/unit/client/perform_fixture.h"

namespace millrace {
namespace {

using testing::AssignmentFor;
using testing::FakeTrainer;
using testing::IsStatus;
using testing::PerformPlan;

TEST(LocalWorkerTest, WorkThatMemoryDoesNotHoldSaysWhatToLower) {
  const testing::TemporaryFolder folder;
  const std::string table = folder.path() + "/press.csv";
  const std::string parameters = folder.path() + "/parameters";
  MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), table,
                                "heat,wear\n0,0\n1,1\n2,2\n3,3\n4,4\n5,5\n6,6\n7,7\n"));
  MR_ASSERT_OK(WriteFileDurably(PosixFileSystem(), parameters, std::string(4 * sizeof(float), 0)));
  DataConfig data;
  data.path = table;
  FakeTrainer::Script script;
  script.on_train = [](const TrainingRequest&) { throw std::bad_alloc(); };
  LocalWorker worker("press-7", data, FakeTrainer::Factory(script), PosixFileSystem());
  const auto goes_on = [](const TrainingProgress&) { return true; };
  EXPECT_THAT(
      worker.Do({AssignmentFor(PerformPlan(), 1), parameters, folder.path() + "/update"}, goes_on),
      IsStatus(absl::StatusCode::kResourceExhausted, ::testing::HasSubstr("[data] max_bytes")));
}

}  // namespace
}  // namespace millrace
