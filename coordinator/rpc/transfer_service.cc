// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rpc/transfer_service.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "coordinator/rpc/blob_stream.h"
#include "coordinator/rpc/peer.h"
#include "coordinator/rpc/raw_chunks.h"

namespace millrace {
namespace {

/// An upload's bytes as they come in; the last one counts the update in. Deletes itself.
class AppendCall final : public grpc::ServerReadReactor<grpc::ByteBuffer> {
 public:
  AppendCall(Engine* engine, WorkQueue* disk, absl::StatusOr<std::unique_ptr<SiteCall>> call,
             grpc::ByteBuffer* response)
      : engine_(engine), disk_(disk), call_(std::move(call)), response_(response) {
    if (call_.ok()) {
      StartRead(&request_);
    } else {
      Finish(ToGrpc(call_.status()));
    }
  }

  void OnReadDone(bool ok) override {
    if (!ok) {
      Answer();
      return;
    }
    if (const absl::Status status = Guarded([&] { return Take(); }); !status.ok()) {
      Finish(ToGrpc(status));
      return;
    }
    StartRead(&request_);
  }

  void OnDone() override { delete this; }

 private:
  const std::string& site() const { return (*call_)->site(); }

  absl::Status Take() {
    if (upload_ == nullptr) {
      MR_ASSIGN_OR_RETURN(const auto first, ParseMessage<v1::AppendRequest>(request_));
      if (!first.has_header()) {
        return absl::InvalidArgumentError(
            absl::StrCat("site ", site(), ": an append begins with its header"));
      }
      MR_ASSIGN_OR_RETURN(upload_, engine_->FindUpload(site(), FromProto(first.header().round())));
      offset_ = first.header().offset();
      return absl::OkStatus();
    }
    const absl::StatusOr<AppendData> data = ReadAppendData(request_);
    if (!data.ok()) return Annotate(data.status(), absl::StrCat("site ", site()));
    const auto size = static_cast<int64_t>(data->bytes().size());
    MR_RETURN_IF_ERROR((*call_)->Received(size));
    MR_RETURN_IF_ERROR(upload_->Append(offset_, data->bytes()));
    offset_ += size;
    return absl::OkStatus();
  }

  /// The site has sent all it wants to: count the update in if it is whole.
  void Answer() {
    if (upload_ == nullptr) {
      Finish({grpc::StatusCode::INVALID_ARGUMENT,
              absl::StrCat("site ", site(), ": an append without a header")});
      return;
    }
    if (upload_->received() < upload_->claim().bytes) {
      FinishWith(absl::OkStatus(), false);
      return;
    }
    disk_->Add([this] {
      const absl::Status status = Guarded([&] { return engine_->FinishUpload(*upload_); });
      FinishWith(status, status.ok());
    });
  }

  void FinishWith(const absl::Status& status, bool accepted) {
    v1::UploadState state;
    state.set_received_bytes(upload_->received());
    state.set_accepted(accepted);
    bool own_buffer = false;
    grpc::Status sent =
        grpc::SerializationTraits<v1::UploadState>::Serialize(state, response_, &own_buffer);
    if (!status.ok()) sent = ToGrpc(status);
    Finish(sent);
  }

  Engine* const engine_;
  WorkQueue* const disk_;
  const absl::StatusOr<std::unique_ptr<SiteCall>> call_;
  grpc::ByteBuffer* const response_;
  grpc::ByteBuffer request_;
  std::shared_ptr<Upload> upload_;
  int64_t offset_ = 0;
};

}  // namespace

grpc::ServerWriteReactor<grpc::ByteBuffer>* TransferService::Download(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* message) {
  RoundId round;
  int64_t offset = 0;
  std::shared_ptr<SiteCall> call;
  const auto open = [&]() -> absl::StatusOr<std::unique_ptr<BlobReader>> {
    MR_ASSIGN_OR_RETURN(call, calls_->Begin(context, CallKind::kDownload));
    const std::string& site = call->site();
    MR_ASSIGN_OR_RETURN(const auto request, ParseMessage<v1::DownloadRequest>(*message));
    round = FromProto(request.round());
    offset = request.offset();
    MR_ASSIGN_OR_RETURN(const Digest digest, DigestFromProto("sha256", request.sha256()));
    MR_RETURN_IF_ERROR(engine_->CheckDownload(site, round, digest));
    MR_ASSIGN_OR_RETURN(std::unique_ptr<BlobReader> blob, blobs_->Open(digest));
    if (offset < 0 || offset > blob->size()) {
      return absl::OutOfRangeError(absl::StrCat("site ", site, ": download from byte ", offset,
                                                ", model ", digest.Hex(), " has ", blob->size()));
    }
    return blob;
  };
  absl::StatusOr<std::unique_ptr<BlobReader>> blob = Guarded(open);
  if (!blob.ok()) return new BlobStream(blob.status());
  return new BlobStream("", *std::move(blob), offset,
                        [engine = engine_, run = round.run, call](int64_t bytes) {
                          call->Sent();
                          engine->CountDownload(run, bytes);
                        });
}

grpc::ServerUnaryReactor* TransferService::BeginUpload(grpc::CallbackServerContext* context,
                                                       const v1::UploadHeader* request,
                                                       v1::UploadState* response) {
  const auto begin = [=, this]() -> absl::Status {
    UpdateClaim claim;
    MR_ASSIGN_OR_RETURN(const auto call, calls_->Begin(context, CallKind::kHeld));
    claim.site = call->site();
    claim.round = FromProto(request->round());
    claim.bytes = request->bytes();
    MR_ASSIGN_OR_RETURN(claim.layout, DigestFromProto("layout_sha256", request->layout_sha256()));
    claim.weight = request->weight();
    MR_ASSIGN_OR_RETURN(const Digest digest, DigestFromProto("sha256", request->sha256()));
    MR_ASSIGN_OR_RETURN(const Engine::UploadProgress progress, engine_->BeginUpload(claim, digest));
    response->set_received_bytes(progress.received);
    response->set_accepted(progress.accepted);
    return absl::OkStatus();
  };
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  // What has arrived already is hashed anew after a restart. Not behind the updates that are being
  // synced: who begins would wait for all of them.
  beginnings_.Add([=] { reactor->Finish(ToGrpc(Guarded(begin))); });
  return reactor;
}

grpc::ServerReadReactor<grpc::ByteBuffer>* TransferService::Append(
    grpc::CallbackServerContext* context, grpc::ByteBuffer* response) {
  return new AppendCall(engine_, disk_, calls_->Begin(context, CallKind::kUpload), response);
}

}  // namespace millrace
