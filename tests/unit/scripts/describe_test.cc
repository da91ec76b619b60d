// SPDX-License-Identifier: Apache-2.0
#include "scripts/train/describe.h"

#include <gmock/gmock.h>

#include "base/memory_file_system.h"
#include "models/test_vectors.h"
#include "models/torch/torch_predictor.h"
#include "scripts/simulate/federation.h"
#include "tests/testing/status_matchers.h"
#include "tests/unit/scripts/toy_sites.h"

namespace millrace {
namespace {

using testing::TorchTrainers;
using testing::ToyPlan;
using testing::ToySeries;

TEST(WriteInstallableTest, PackageOfASimulatedFederationBringsTestVectorsThatItsModelGives) {
  const std::vector<Series> series = ToySeries(1);
  MR_ASSERT_OK_AND_ASSIGN(
      const FederatedRun run,
      RunFederation(ToyPlan().Text(), std::vector<Participant>{{"first", &series}}, TorchTrainers(),
                    nullptr));
  MemoryFileSystem files;
  MR_ASSERT_OK(WriteInstallable(&files, "/toy.millrace", run.model, "a test", NewTorchPredictor));
  MR_ASSERT_OK_AND_ASSIGN(const ModelPackage package, ReadPackage(&files, "/toy.millrace"));
  EXPECT_EQ(package.parameters, run.model.parameters);
  EXPECT_EQ(package.manifest.lineage().program(), "a test");
  EXPECT_EQ(package.manifest.test_vectors_size(), 4);
  MR_ASSERT_OK_AND_ASSIGN(const std::unique_ptr<Predictor> predictor, NewTorchPredictor(package));
  MR_EXPECT_OK(CheckTestVectors(package.manifest, *predictor));
}

}  // namespace
}  // namespace millrace
