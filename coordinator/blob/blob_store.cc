// SPDX-License-Identifier: Apache-2.0
#include "coordinator/blob/blob_store.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace millrace {

absl::StatusOr<Digest> DigestOf(BlobReader& blob) {
  constexpr int64_t kChunk = int64_t{1} << 20;
  Sha256 hash;
  std::vector<char> buffer(std::min(blob.size(), kChunk));
  for (int64_t offset = 0; offset < blob.size(); offset += kChunk) {
    const std::span<char> chunk(buffer.data(), std::min(blob.size() - offset, kChunk));
    MR_RETURN_IF_ERROR(blob.ReadAt(offset, chunk));
    hash.Update(chunk);
  }
  return hash.Finish();
}

absl::StatusOr<std::string> ReadBlob(BlobStore* blobs, const Digest& digest, int64_t max_bytes) {
  MR_ASSIGN_OR_RETURN(const auto reader, blobs->Open(digest));
  if (reader->size() > max_bytes) {
    return absl::ResourceExhaustedError(absl::StrCat("blob ", digest.Hex(), ": ", reader->size(),
                                                     " bytes, at most ", max_bytes,
                                                     " are accepted"));
  }
  std::string data(reader->size(), '\0');
  MR_RETURN_IF_ERROR(reader->ReadAt(0, {data.data(), data.size()}));
  if (const Digest found = Sha256Of(data); found != digest) {
    return absl::DataLossError(absl::StrCat("blob ", digest.Hex(), ": its bytes now have SHA-256 ",
                                            found.Hex(), "; check the disk and restore the blob"));
  }
  return data;
}

absl::StatusOr<Digest> WriteBlob(BlobStore* blobs, absl::string_view data) {
  MR_ASSIGN_OR_RETURN(const auto writer, blobs->NewWriter());
  MR_RETURN_IF_ERROR(writer->Append({data.data(), data.size()}));
  return writer->Commit();
}

}  // namespace millrace
