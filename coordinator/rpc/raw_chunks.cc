// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rpc/raw_chunks.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <algorithm>
#include <array>

#include "base/status.h"

namespace millrace {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

constexpr uint32_t DataTag(int field) {
  return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
}

}  // namespace

absl::StatusOr<grpc::ByteBuffer> MakeChunk(
    int64_t size, const std::function<absl::Status(std::span<char>)>& fill) {
  std::array<uint8_t, 16> head;
  uint8_t* end =
      CodedOutputStream::WriteTagToArray(DataTag(v1::Chunk::kDataFieldNumber), head.data());
  end = CodedOutputStream::WriteVarint64ToArray(size, end);
  const auto head_size = static_cast<size_t>(end - head.data());
  const grpc::Slice slice(grpc_slice_malloc(head_size + size), grpc::Slice::STEAL_REF);
  auto* bytes = const_cast<uint8_t*>(slice.begin());
  std::copy_n(head.data(), head_size, bytes);
  MR_RETURN_IF_ERROR(fill({reinterpret_cast<char*>(bytes) + head_size, static_cast<size_t>(size)}));
  return grpc::ByteBuffer(&slice, 1);
}

absl::StatusOr<AppendData> ReadAppendData(const grpc::ByteBuffer& message) {
  const absl::Status malformed =
      absl::InvalidArgumentError("append: expected a message with nothing but data");
  // TLS delivers records of 16 KiB: joined here, they are written and hashed in one go.
  grpc::Slice joined;
  if (!message.DumpToSingleSlice(&joined).ok()) return malformed;
  CodedInputStream in(joined.begin(), static_cast<int>(joined.size()));
  uint64_t size = 0;
  if (in.ReadTag() != DataTag(v1::AppendRequest::kDataFieldNumber) || !in.ReadVarint64(&size) ||
      size != joined.size() - static_cast<uint64_t>(in.CurrentPosition())) {
    return malformed;
  }
  return AppendData(std::move(joined), in.CurrentPosition());
}

}  // namespace millrace
