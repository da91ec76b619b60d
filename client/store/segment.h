// SPDX-License-Identifier: Apache-2.0
// The blocks of one file of the store: each
//   4 bytes "MRB1" | length of the index | length of the rows (uint32, little-endian)
//   the first 8 bytes of the SHA-256 over those 12 bytes and the index
//   the index (StoredBlockIndex) | the rows (StoredRows)
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/crypto/digest.h"
#include "base/file_system.h"
#include "client/store/stored_rows.h"

namespace millrace {

/// Where a block lies and what it holds.
struct BlockPlace {
  std::string machine;
  int64_t first_ns = 0;
  int64_t last_ns = 0;
  int64_t offset = 0;       // of the block in its file
  int64_t rows_offset = 0;  // of its StoredRows
  int64_t end = 0;
  Digest sha256;  // of its StoredRows
};

/// The block as it stands in a file, and its place were it the first one.
struct EncodedBlock {
  std::string bytes;
  BlockPlace place;
};
/// INVALID_ARGUMENT for rows that StoredRows::Check refuses or that take more than kMaxStoredBytes.
absl::StatusOr<EncodedBlock> EncodeBlock(const StoredRows& rows);

enum class SegmentEnd {
  kWhole,
  kTorn,    // the last block is longer than the file: its writing was cut short
  kCorrupt  // something is there that is no block
};

/// What a file's blocks are, up to the first that is not sound.
struct SegmentScan {
  std::vector<BlockPlace> blocks;
  SegmentEnd end = SegmentEnd::kWhole;
  int64_t good_bytes = 0;  // up to there
};

/// Lists the blocks of a file; `read_rows`: and compares the rows with their digests. An error is
/// the disk's own.
absl::StatusOr<SegmentScan> ScanSegment(File* file, bool read_rows);

/// DATA_LOSS if they are not those that were written.
absl::StatusOr<StoredRows> ReadBlock(File* file, const BlockPlace& place);

}  // namespace millrace
