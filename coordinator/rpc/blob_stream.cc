// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rpc/blob_stream.h"

#include <algorithm>
#include <utility>

#include "base/steady_clock.h"
#include "coordinator/rpc/peer.h"
#include "coordinator/rpc/raw_chunks.h"

namespace millrace {

BlobStream::BlobStream(std::string prefix, std::unique_ptr<BlobReader> blob, int64_t offset,
                       std::function<void(int64_t)> on_sent)
    : blob_(std::move(blob)), offset_(offset), on_sent_(std::move(on_sent)) {
  if (prefix.empty()) {
    Next();
    return;
  }
  Send(static_cast<int64_t>(prefix.size()), [&](std::span<char> out) {
    std::copy(prefix.begin(), prefix.end(), out.begin());
    return absl::OkStatus();
  });
}

BlobStream::BlobStream(const absl::Status& status) { Finish(ToGrpc(status)); }

void BlobStream::OnWriteDone(bool ok) {
  if (!ok) {
    Finish({grpc::StatusCode::CANCELLED, "receiver hung up"});
    return;
  }
  piece_.Took(SteadyClock()->Now() - sent_at_);
  if (on_sent_) on_sent_(sending_);
  Next();
}

void BlobStream::Next() {
  const int64_t count = std::min(piece_.bytes(), blob_->size() - offset_);
  if (count <= 0) {
    Finish(grpc::Status::OK);
    return;
  }
  const int64_t offset = std::exchange(offset_, offset_ + count);
  Send(count, [&](std::span<char> out) { return blob_->ReadAt(offset, out); });
}

void BlobStream::Send(int64_t size, const std::function<absl::Status(std::span<char>)>& fill) {
  absl::StatusOr<grpc::ByteBuffer> message = MakeChunk(size, fill);
  if (!message.ok()) {
    Finish(ToGrpc(message.status()));
    return;
  }
  message_ = *std::move(message);
  sending_ = size;
  sent_at_ = SteadyClock()->Now();
  StartWrite(&message_);
}

}  // namespace millrace
