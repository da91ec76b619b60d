// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <string>

#include "coordinator/blob/blob_store.h"
#include "millrace/v1/transfer.pb.h"

namespace millrace {

/// Streams `prefix`, then a blob from `offset` to its end, in chunks of at most 1 MiB. `on_sent` is
/// told the bytes of each chunk that has gone out. Deletes itself when the call is over.
class BlobStream final : public grpc::ServerWriteReactor<v1::Chunk> {
 public:
  BlobStream(std::string prefix, std::unique_ptr<BlobReader> blob, int64_t offset,
             std::function<void(int64_t)> on_sent);
  /// A stream that ends at once with an error.
  explicit BlobStream(const absl::Status& status);

  void OnWriteDone(bool ok) override;
  void OnDone() override { delete this; }

 private:
  void Next();

  std::unique_ptr<BlobReader> blob_;
  int64_t offset_ = 0;
  std::function<void(int64_t)> on_sent_;
  v1::Chunk chunk_;
};

}  // namespace millrace
