// SPDX-License-Identifier: Apache-2.0
// The bytes of bulk messages, without the copies that parsing and serialising them would make. The
// messages themselves are those of transfer.proto: any Protocol Buffers peer understands them.
#pragma once

#include <grpcpp/grpcpp.h>

#include <functional>
#include <span>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "millrace/v1/transfer.pb.h"

namespace millrace {

/// A serialised v1::Chunk whose data, `size` bytes, `fill` writes in place.
absl::StatusOr<grpc::ByteBuffer> MakeChunk(
    int64_t size, const std::function<absl::Status(std::span<char>)>& fill);

/// The data of one serialised v1::AppendRequest.
class AppendData {
 public:
  AppendData(grpc::Slice message, size_t offset) : message_(std::move(message)), offset_(offset) {}
  /// Valid while this object stays where it is: gRPC keeps small slices inside themselves.
  std::span<const char> bytes() const {
    return {reinterpret_cast<const char*>(message_.begin()) + offset_, message_.size() - offset_};
  }

 private:
  grpc::Slice message_;
  size_t offset_;
};
/// INVALID_ARGUMENT for anything else than one data field.
absl::StatusOr<AppendData> ReadAppendData(const grpc::ByteBuffer& message);

/// Parses a whole message of another kind.
template <typename Message>
absl::StatusOr<Message> ParseMessage(const grpc::ByteBuffer& buffer) {
  grpc::ByteBuffer copy = buffer;  // shares the slices; parsing consumes them
  Message message;
  if (!grpc::SerializationTraits<Message>::Deserialize(&copy, &message).ok()) {
    return absl::InvalidArgumentError("message: cannot be parsed");
  }
  return message;
}

}  // namespace millrace
