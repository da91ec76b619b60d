// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "absl/time/time.h"
#include "base/piece_size.h"
#include "coordinator/blob/blob_store.h"

namespace millrace {

/// Streams `prefix`, then a blob from `offset` to its end, as serialised v1::Chunk messages.
/// `on_sent` is told the bytes of each chunk that has gone out. Deletes itself when the call is
/// over.
class BlobStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  BlobStream(std::string prefix, std::unique_ptr<BlobReader> blob, int64_t offset,
             std::function<void(int64_t)> on_sent);
  /// A stream that ends at once with an error.
  explicit BlobStream(const absl::Status& status);

  void OnWriteDone(bool ok) override;
  void OnDone() override { delete this; }

 private:
  void Next();
  /// Sends `size` bytes that `fill` provides.
  void Send(int64_t size, const std::function<absl::Status(std::span<char>)>& fill);

  std::unique_ptr<BlobReader> blob_;
  int64_t offset_ = 0;
  std::function<void(int64_t)> on_sent_;
  grpc::ByteBuffer message_;
  int64_t sending_ = 0;  // bytes of data in message_
  absl::Time sent_at_;   // of the steady clock
  PieceSize piece_;
};

}  // namespace millrace
