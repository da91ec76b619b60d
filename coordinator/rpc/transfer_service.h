// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "base/work_queue.h"
#include "coordinator/blob/blob_store.h"
#include "coordinator/engine/engine.h"
#include "coordinator/rpc/site_calls.h"
#include "millrace/v1/transfer.grpc.pb.h"

namespace millrace {

/// The generated service with its two bulk calls raw (see raw_chunks.h).
using RawTransfer =
    v1::Transfer::WithRawCallbackMethod_Download<v1::Transfer::WithCallbackMethod_BeginUpload<
        v1::Transfer::WithRawCallbackMethod_Append<v1::Transfer::Service>>>;

/// millrace.v1.Transfer. Everything it is given outlives it. `disk` does what waits for the disk.
class TransferService final : public RawTransfer {
 public:
  TransferService(Engine* engine, SiteCalls* calls, BlobStore* blobs, WorkQueue* disk)
      : engine_(engine), calls_(calls), blobs_(blobs), disk_(disk) {}

  grpc::ServerWriteReactor<grpc::ByteBuffer>* Download(grpc::CallbackServerContext* context,
                                                       const grpc::ByteBuffer* request) override;
  grpc::ServerUnaryReactor* BeginUpload(grpc::CallbackServerContext* context,
                                        const v1::UploadHeader* request,
                                        v1::UploadState* response) override;
  grpc::ServerReadReactor<grpc::ByteBuffer>* Append(grpc::CallbackServerContext* context,
                                                    grpc::ByteBuffer* response) override;

 private:
  Engine* const engine_;
  SiteCalls* const calls_;
  BlobStore* const blobs_;
  WorkQueue* const disk_;
  WorkQueue beginnings_{2};
};

}  // namespace millrace
