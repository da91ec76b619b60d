// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rpc/blob_stream.h"

#include <algorithm>
#include <utility>

#include "coordinator/rpc/peer.h"

namespace millrace {

constexpr int64_t kChunkBytes = 1 << 20;

BlobStream::BlobStream(std::string prefix, std::unique_ptr<BlobReader> blob, int64_t offset,
                       std::function<void(int64_t)> on_sent)
    : blob_(std::move(blob)), offset_(offset), on_sent_(std::move(on_sent)) {
  if (prefix.empty()) {
    Next();
    return;
  }
  chunk_.set_data(std::move(prefix));
  StartWrite(&chunk_);
}

BlobStream::BlobStream(const absl::Status& status) { Finish(ToGrpc(status)); }

void BlobStream::OnWriteDone(bool ok) {
  if (!ok) {
    Finish({grpc::StatusCode::CANCELLED, "receiver hung up"});
    return;
  }
  if (on_sent_) on_sent_(static_cast<int64_t>(chunk_.data().size()));
  Next();
}

void BlobStream::Next() {
  const int64_t count = std::min(kChunkBytes, blob_->size() - offset_);
  if (count <= 0) {
    Finish(grpc::Status::OK);
    return;
  }
  std::string& data = *chunk_.mutable_data();
  data.resize(count);
  if (const absl::Status status = blob_->ReadAt(offset_, {data.data(), data.size()});
      !status.ok()) {
    Finish(ToGrpc(status));
    return;
  }
  offset_ += count;
  StartWrite(&chunk_);
}

}  // namespace millrace
