// SPDX-License-Identifier: Apache-2.0
// What lies in a site's folders of recordings and captures, whoever wrote it there.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "base/memory_file_system.h"
#include "client/capture/capture.h"
#include "client/capture/capture_label.h"
#include "client/store/segment.h"
#include "client/store/stored_rows.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using millrace::FileSystem;
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  absl::StatusOr<millrace::StoredRows> rows = millrace::StoredRows::Parse(bytes);
  if (rows.ok()) {
    // What was read can be written, and cut anywhere.
    MR_CHECK(millrace::EncodeBlock(*rows).ok());
    rows->Trim(rows->first_ns + 1, rows->last_ns());
  }
  const absl::StatusOr<millrace::CaptureLabel> label = millrace::ParseLabelJson(bytes);
  if (label.ok()) MR_CHECK(millrace::ParseLabelJson(millrace::LabelJson(*label)).ok());

  millrace::MemoryFileSystem disk;
  MR_CHECK(millrace::WriteFileDurably(&disk, "file", bytes).ok());
  (void)millrace::ReadCapture(&disk, "file");
  auto file = disk.Open("file", FileSystem::OpenMode::kRead);
  MR_CHECK(file.ok());
  const auto scan = millrace::ScanSegment(file->get(), /*read_rows=*/true);
  MR_CHECK(scan.ok());
  return 0;
}
