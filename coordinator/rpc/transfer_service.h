// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/work_queue.h"
#include "coordinator/blob/blob_store.h"
#include "coordinator/engine/engine.h"
#include "millrace/v1/transfer.grpc.pb.h"

namespace millrace {

/// millrace.v1.Transfer. Everything it is given outlives it. `disk` does what waits for the disk.
class TransferService final : public v1::Transfer::CallbackService {
 public:
  TransferService(Engine* engine, BlobStore* blobs, WorkQueue* disk)
      : engine_(engine), blobs_(blobs), disk_(disk) {}

  grpc::ServerWriteReactor<v1::Chunk>* Download(grpc::CallbackServerContext* context,
                                                const v1::DownloadRequest* request) override;
  grpc::ServerUnaryReactor* BeginUpload(grpc::CallbackServerContext* context,
                                        const v1::UploadHeader* request,
                                        v1::UploadState* response) override;
  grpc::ServerReadReactor<v1::AppendRequest>* Append(grpc::CallbackServerContext* context,
                                                     v1::UploadState* response) override;

 private:
  Engine* const engine_;
  BlobStore* const blobs_;
  WorkQueue* const disk_;
};

}  // namespace millrace
