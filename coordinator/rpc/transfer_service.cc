// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rpc/transfer_service.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "coordinator/rpc/blob_stream.h"
#include "coordinator/rpc/peer.h"

namespace millrace {
namespace {

/// An upload's bytes as they come in; the last one counts the update in. Deletes itself.
class AppendCall final : public grpc::ServerReadReactor<v1::AppendRequest> {
 public:
  AppendCall(Engine* engine, WorkQueue* disk, absl::StatusOr<std::string> site,
             v1::UploadState* response)
      : engine_(engine), disk_(disk), site_(std::move(site)), response_(response) {
    if (site_.ok()) {
      StartRead(&request_);
    } else {
      Finish(ToGrpc(site_.status()));
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Answer();
      return;
    }
    if (const absl::Status status = Take(); !status.ok()) {
      Finish(ToGrpc(status));
      return;
    }
    StartRead(&request_);
  }

  void OnDone() override { delete this; }

 private:
  absl::Status Take() {
    if (upload_ == nullptr) {
      if (!request_.has_header()) {
        return absl::InvalidArgumentError(
            absl::StrCat("site ", *site_, ": an append begins with its header"));
      }
      MR_ASSIGN_OR_RETURN(upload_,
                          engine_->FindUpload(*site_, FromProto(request_.header().round())));
      offset_ = request_.header().offset();
      return absl::OkStatus();
    }
    const std::string& data = request_.data();
    MR_RETURN_IF_ERROR(upload_->Append(offset_, {data.data(), data.size()}));
    offset_ += static_cast<int64_t>(data.size());
    return absl::OkStatus();
  }

  /// The site has sent all it wants to: count the update in if it is whole.
  void Answer() {
    if (upload_ == nullptr) {
      Finish({grpc::StatusCode::INVALID_ARGUMENT,
              absl::StrCat("site ", *site_, ": an append without a header")});
      return;
    }
    if (upload_->received() < upload_->claim().bytes) {
      response_->set_received_bytes(upload_->received());
      Finish(grpc::Status::OK);
      return;
    }
    disk_->Add([this] {
      const absl::Status status = engine_->FinishUpload(*upload_);
      response_->set_received_bytes(upload_->received());
      response_->set_accepted(status.ok());
      Finish(ToGrpc(status));
    });
  }

  Engine* const engine_;
  WorkQueue* const disk_;
  const absl::StatusOr<std::string> site_;
  v1::UploadState* const response_;
  v1::AppendRequest request_;
  std::shared_ptr<Upload> upload_;
  int64_t offset_ = 0;
};

}  // namespace

grpc::ServerWriteReactor<v1::Chunk>* TransferService::Download(
    grpc::CallbackServerContext* context, const v1::DownloadRequest* request) {
  const RoundId round = FromProto(request->round());
  const auto open = [&]() -> absl::StatusOr<std::unique_ptr<BlobReader>> {
    MR_ASSIGN_OR_RETURN(const std::string site, RequireRole(*context, Role::kSite));
    MR_ASSIGN_OR_RETURN(const Digest digest, DigestFromProto("sha256", request->sha256()));
    MR_RETURN_IF_ERROR(engine_->CheckDownload(site, round, digest));
    MR_ASSIGN_OR_RETURN(std::unique_ptr<BlobReader> blob, blobs_->Open(digest));
    if (request->offset() < 0 || request->offset() > blob->size()) {
      return absl::OutOfRangeError(absl::StrCat("site ", site, ": download from byte ",
                                                request->offset(), ", model ", digest.Hex(),
                                                " has ", blob->size()));
    }
    return blob;
  };
  absl::StatusOr<std::unique_ptr<BlobReader>> blob = open();
  if (!blob.ok()) return new BlobStream(blob.status());
  return new BlobStream("", *std::move(blob), request->offset(),
                        [engine = engine_, run = round.run](int64_t bytes) {
                          engine->CountDownload(run, bytes);
                        });
}

grpc::ServerUnaryReactor* TransferService::BeginUpload(grpc::CallbackServerContext* context,
                                                       const v1::UploadHeader* request,
                                                       v1::UploadState* response) {
  const auto begin = [&]() -> absl::Status {
    UpdateClaim claim;
    MR_ASSIGN_OR_RETURN(claim.site, RequireRole(*context, Role::kSite));
    claim.round = FromProto(request->round());
    claim.bytes = request->bytes();
    MR_ASSIGN_OR_RETURN(claim.layout, DigestFromProto("layout_sha256", request->layout_sha256()));
    claim.weight = request->weight();
    MR_ASSIGN_OR_RETURN(const Digest digest, DigestFromProto("sha256", request->sha256()));
    MR_ASSIGN_OR_RETURN(const Engine::UploadProgress progress,
                        engine_->BeginUpload(claim, digest));
    response->set_received_bytes(progress.received);
    response->set_accepted(progress.accepted);
    return absl::OkStatus();
  };
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpc(begin()));
  return reactor;
}

grpc::ServerReadReactor<v1::AppendRequest>* TransferService::Append(
    grpc::CallbackServerContext* context, v1::UploadState* response) {
  return new AppendCall(engine_, disk_, RequireRole(*context, Role::kSite), response);
}

}  // namespace millrace
