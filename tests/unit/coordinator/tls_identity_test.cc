// SPDX-License-Identifier: Apache-2.0
#include "coordinator/tls_identity.h"

#include <gmock/gmock.h>

#include "base/memory_file_system.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/status_matchers.h"
#include "tests/testing/test_federation.h"

namespace millrace {
namespace {

using testing::DiskCall;

TEST(TlsIdentity, StartThatFindsItsFilesAsTheyAreToBeWritesNothing) {
  const testing::TestFederation federation;
  MemoryFileSystem memory;
  testing::FaultyFileSystem disk(&memory);
  const KeyAndCertificate hub = federation.Issue(Role::kCoordinator, "hub");
  MR_ASSERT_OK(WriteFileDurably(&memory, "hub.crt", hub.certificate_pem));
  MR_ASSERT_OK(WriteFileDurably(&memory, "hub.key", hub.key_pem));
  CoordinatorConfig config;
  config.certificate = "hub.crt";
  config.key = "hub.key";
  config.folder = "state";
  const auto create = [&] {
    return TlsIdentity::Create(&disk, config, federation.authority_pem(), absl::Now()).status();
  };
  MR_ASSERT_OK(create());
  EXPECT_EQ(disk.Calls(DiskCall::kWrite), 2);
  MR_ASSERT_OK(create());
  EXPECT_EQ(disk.Calls(DiskCall::kWrite), 2);
  EXPECT_EQ(disk.Calls(DiskCall::kRename), 2);
}

}  // namespace
}  // namespace millrace
