// SPDX-License-Identifier: Apache-2.0
#include "coordinator/rpc/models_service.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "coordinator/rpc/blob_stream.h"
#include "coordinator/rpc/peer.h"
#include "coordinator/rpc/raw_chunks.h"
#include "coordinator/rpc/run_proto.h"
#include "models/model_input.h"
#include "models/package.h"

namespace millrace {
namespace {

constexpr int64_t kDefaultLimit = 100;

struct Export {
  std::string prefix;
  std::unique_ptr<BlobReader> parameters;
};

absl::StatusOr<Export> OpenExport(const RunState& run, const ModelVersion& version,
                                  BlobStore& blobs) {
  Export opened;
  MR_ASSIGN_OR_RETURN(const Architecture architecture, BuildArchitecture(run.plan));
  absl::StatusOr<std::unique_ptr<BlobReader>> parameters = blobs.Open(version.parameters);
  if (absl::IsNotFound(parameters.status())) {
    return absl::NotFoundError(absl::StrCat(
        "run ", run.id, ": version ", version.version,
        " is not kept any more: the coordinator keeps the newest [storage] keep_versions and the "
        "best, and loses what its disk damages; the newest is ",
        run.Newest().version));
  }
  MR_ASSIGN_OR_RETURN(opened.parameters, std::move(parameters));
  v1::PackageManifest manifest =
      ManifestOf(run.plan_text, run.plan, architecture, run.scaling ? &*run.scaling : nullptr,
                 version.parameters);
  manifest.set_version(version.version);
  for (const auto& [name, value] : version.metrics) (*manifest.mutable_metrics())[name] = value;
  v1::Lineage& lineage = *manifest.mutable_lineage();
  lineage.set_run(run.id);
  lineage.set_round(version.version);
  if (version.version > 0) {
    MR_ASSIGN_OR_RETURN(const ModelVersion parent, FindVersion(run, version.version - 1));
    lineage.set_parent_sha256(parent.parameters.ToBytes());
  }
  lineage.set_sites(version.sites);
  lineage.set_examples(version.examples);
  lineage.set_created_ms(absl::ToUnixMillis(version.created));
  lineage.set_program("millrace-coordinator " MILLRACE_VERSION);
  opened.prefix = PackagePrefix(manifest, opened.parameters->size());
  return opened;
}

}  // namespace

v1::Model ModelsService::Describe(const RunState& run, const ModelVersion& version) const {
  v1::Model model = ToProto(run, version);
  if (const auto blob = blobs_->Open(version.parameters); blob.ok()) {
    model.set_parameters((*blob)->size() / static_cast<int64_t>(sizeof(float)));
  }
  return model;
}

grpc::ServerUnaryReactor* ModelsService::ListModels(grpc::CallbackServerContext* context,
                                                    const v1::ListModelsRequest* request,
                                                    v1::ListModelsResponse* response) {
  const auto list = [&]() -> absl::Status {
    MR_ASSIGN_OR_RETURN(const auto call, calls_->BeginReader(context, CallKind::kQuick));
    std::vector<RunState> runs;
    if (request->run().empty()) {
      runs = engine_->Runs();
    } else {
      MR_ASSIGN_OR_RETURN(RunState run, engine_->GetRun(request->run()));
      runs.push_back(std::move(run));
    }
    std::vector<std::pair<const RunState*, const ModelVersion*>> versions;
    for (const RunState& run : runs) {
      for (const ModelVersion& version : run.versions) versions.emplace_back(&run, &version);
    }
    std::stable_sort(versions.begin(), versions.end(), [](const auto& a, const auto& b) {
      return a.second->created > b.second->created;
    });
    const int64_t limit = request->limit() > 0 ? request->limit() : kDefaultLimit;
    if (static_cast<int64_t>(versions.size()) > limit) versions.resize(limit);
    for (const auto& [run, version] : versions) *response->add_models() = Describe(*run, *version);
    return absl::OkStatus();
  };
  return Answer(context, Guarded(list));
}

grpc::ServerUnaryReactor* ModelsService::GetModel(grpc::CallbackServerContext* context,
                                                  const v1::GetModelRequest* request,
                                                  v1::Model* response) {
  const auto get = [&]() -> absl::Status {
    MR_ASSIGN_OR_RETURN(const auto call, calls_->BeginReader(context, CallKind::kQuick));
    MR_ASSIGN_OR_RETURN(const RunState run, engine_->GetRun(request->run()));
    MR_ASSIGN_OR_RETURN(const ModelVersion version, FindVersion(run, request->version()));
    *response = Describe(run, version);
    *response->mutable_input() = ModelInputOf(run.plan.input);
    return absl::OkStatus();
  };
  return Answer(context, Guarded(get));
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* ModelsService::ExportModel(
    grpc::CallbackServerContext* context, const grpc::ByteBuffer* message) {
  std::shared_ptr<SiteCall> call;
  const auto open = [&]() -> absl::StatusOr<Export> {
    MR_ASSIGN_OR_RETURN(call, calls_->BeginReader(context, CallKind::kDownload));
    MR_ASSIGN_OR_RETURN(const auto request, ParseMessage<v1::GetModelRequest>(*message));
    MR_ASSIGN_OR_RETURN(const RunState run, engine_->GetRun(request.run()));
    MR_ASSIGN_OR_RETURN(const ModelVersion version, FindVersion(run, request.version()));
    return OpenExport(run, version, *blobs_);
  };
  absl::StatusOr<Export> opened = Guarded(open);
  if (!opened.ok()) return new BlobStream(opened.status());
  return new BlobStream(std::move(opened->prefix), std::move(opened->parameters), 0,
                        [call](int64_t) { call->Sent(); });
}

}  // namespace millrace
