// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "coordinator/blob/blob_store.h"
#include "coordinator/engine/engine.h"
#include "coordinator/rpc/site_calls.h"
#include "millrace/v1/models.grpc.pb.h"

namespace millrace {

/// The generated service with its bulk call raw (see raw_chunks.h).
using RawModels = v1::Models::WithCallbackMethod_ListModels<v1::Models::WithCallbackMethod_GetModel<
    v1::Models::WithRawCallbackMethod_ExportModel<v1::Models::Service>>>;

/// millrace.v1.Models. Everything it is given outlives it.
class ModelsService final : public RawModels {
 public:
  ModelsService(Engine* engine, SiteCalls* calls, BlobStore* blobs)
      : engine_(engine), calls_(calls), blobs_(blobs) {}

  grpc::ServerUnaryReactor* ListModels(grpc::CallbackServerContext* context,
                                       const v1::ListModelsRequest* request,
                                       v1::ListModelsResponse* response) override;
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const v1::GetModelRequest* request,
                                     v1::Model* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* ExportModel(grpc::CallbackServerContext* context,
                                                          const grpc::ByteBuffer* request) override;

 private:
  /// With the number of parameters, from the blob's size.
  v1::Model Describe(const RunState& run, const ModelVersion& version) const;

  Engine* const engine_;
  SiteCalls* const calls_;
  BlobStore* const blobs_;
};

}  // namespace millrace
