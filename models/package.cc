// SPDX-License-Identifier: Apache-2.0
#include "models/package.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregation/weighted_sum.h"
#include "base/status.h"
#include "models/package_manifest.h"
#include "models/test_vectors.h"

namespace millrace {
namespace {

v1::Scaling::Mode ToProto(const Scaling::Mode& mode) {
  v1::Scaling::Mode proto;
  proto.set_cell(mode.cell);
  proto.mutable_mean()->Assign(mode.mean.begin(), mode.mean.end());
  proto.mutable_deviation()->Assign(mode.deviation.begin(), mode.deviation.end());
  proto.set_count(mode.count);
  return proto;
}

absl::StatusOr<Scaling::Mode> FromProto(const v1::Scaling::Mode& proto, int64_t channels) {
  const auto refuse = [&](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("scaling of mode ", proto.cell(), ": ", why));
  };
  if (proto.mean_size() != channels || proto.deviation_size() != channels) {
    return refuse(absl::StrCat("expected ", channels, " channels"));
  }
  for (int64_t i = 0; i < channels; ++i) {
    if (!std::isfinite(proto.mean(i)) || !std::isfinite(proto.deviation(i)) ||
        proto.deviation(i) <= 0) {
      return refuse(absl::StrCat("channel ", i, " has mean ", proto.mean(i), ", deviation ",
                                 proto.deviation(i)));
    }
  }
  return Scaling::Mode{proto.cell(),
                       {proto.mean().begin(), proto.mean().end()},
                       {proto.deviation().begin(), proto.deviation().end()},
                       proto.count()};
}

v1::Layout LayoutToProto(const Layout& layout) {
  v1::Layout proto;
  for (const TensorSpec& tensor : layout.tensors()) {
    v1::Layout::Tensor& out = *proto.add_tensors();
    out.set_name(tensor.name);
    out.mutable_shape()->Assign(tensor.shape.begin(), tensor.shape.end());
  }
  return proto;
}

absl::Status Mismatch(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("model package: its ", what, " is not what its plan gives"));
}

absl::Status CheckNotes(const v1::PackageManifest& manifest, const Plan& plan) {
  if (manifest.expires_ms() < 0) {
    return absl::InvalidArgumentError("model package: it expires before 1970");
  }
  if (manifest.card().size() > kMaxCardBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "model package: a card of ", manifest.card().size(), " bytes, at most ", kMaxCardBytes));
  }
  if (manifest.test_vectors_size() > kMaxTestVectors) {
    return absl::InvalidArgumentError(absl::StrCat("model package: ", manifest.test_vectors_size(),
                                                   " test vectors, at most ", kMaxTestVectors));
  }
  const int64_t inputs = plan.input.window * static_cast<int64_t>(plan.input.channels.size());
  for (const v1::TestVector& vector : manifest.test_vectors()) {
    if (vector.input_size() != inputs || vector.output_size() != OutputsOfWindow(plan) ||
        !AllFinite({vector.input().data(), static_cast<size_t>(inputs)}) ||
        !AllFinite({vector.output().data(), static_cast<size_t>(OutputsOfWindow(plan))})) {
      return absl::InvalidArgumentError(absl::StrCat("model package: a test vector is not of ",
                                                     inputs, " finite inputs and ",
                                                     OutputsOfWindow(plan), " finite outputs"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

v1::Scaling ToProto(const Scaling& scaling) {
  v1::Scaling proto;
  proto.set_channels(scaling.channels);
  for (const Scaling::Mode& mode : scaling.modes) *proto.add_modes() = ToProto(mode);
  *proto.mutable_overall() = ToProto(scaling.overall);
  return proto;
}

absl::StatusOr<Scaling> FromProto(const v1::Scaling& proto, int64_t channels) {
  Scaling scaling;
  scaling.channels = channels;
  if (proto.channels() != channels) {
    return absl::InvalidArgumentError(
        absl::StrCat("scaling: for ", proto.channels(), " channels, the plan has ", channels));
  }
  for (const v1::Scaling::Mode& mode : proto.modes()) {
    MR_ASSIGN_OR_RETURN(Scaling::Mode parsed, FromProto(mode, channels));
    if (!scaling.modes.empty() && scaling.modes.back().cell >= parsed.cell) {
      return absl::InvalidArgumentError("scaling: its modes do not ascend");
    }
    scaling.modes.push_back(std::move(parsed));
  }
  MR_ASSIGN_OR_RETURN(scaling.overall, FromProto(proto.overall(), channels));
  return scaling;
}

v1::PackageManifest ManifestOf(absl::string_view plan_text, const Plan& plan,
                               const Architecture& architecture, const Scaling* scaling,
                               const Digest& parameters) {
  v1::PackageManifest manifest;
  manifest.set_name(plan.run.name);
  manifest.set_plan(std::string(plan_text));
  if (scaling != nullptr) *manifest.mutable_scaling() = ToProto(*scaling);
  *manifest.mutable_layout() = LayoutToProto(architecture.layout);
  manifest.set_graph_source(architecture.source);
  manifest.set_parameters_sha256(parameters.ToBytes());
  return manifest;
}

std::string SerializeManifest(const v1::PackageManifest& manifest) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream out(&stream);
  out.SetSerializationDeterministic(true);
  manifest.SerializeToCodedStream(&out);
  out.Trim();
  return bytes;
}

absl::StatusOr<ModelPackage> PackageOfManifest(std::string manifest_bytes) {
  ModelPackage package;
  if (!package.manifest.ParseFromString(manifest_bytes)) {
    return absl::InvalidArgumentError("model package: its manifest is not one");
  }
  // Known fields only, each once and in order: what is signed is what is read.
  package.manifest.DiscardUnknownFields();
  if (SerializeManifest(package.manifest) != manifest_bytes) {
    return absl::InvalidArgumentError(
        "model package: its manifest holds more than is known here, or in another order; it may be "
        "of a later release");
  }
  package.manifest_bytes = std::move(manifest_bytes);
  const v1::PackageManifest& manifest = package.manifest;
  MR_ASSIGN_OR_RETURN(package.plan, ParsePlan(manifest.plan()));
  MR_ASSIGN_OR_RETURN(package.architecture, BuildArchitecture(package.plan));
  const v1::Layout layout = LayoutToProto(package.architecture.layout);
  if (manifest.layout().SerializeAsString() != layout.SerializeAsString()) {
    return Mismatch("layout");
  }
  if (manifest.graph_source() != package.architecture.source) return Mismatch("graph");
  const bool needs_scaling = package.plan.input.normalization == Normalization::kFederated;
  if (needs_scaling != manifest.has_scaling()) return Mismatch("scaling");
  if (needs_scaling) {
    MR_ASSIGN_OR_RETURN(
        package.scaling,
        FromProto(manifest.scaling(), static_cast<int64_t>(package.plan.input.channels.size())));
  }
  MR_RETURN_IF_ERROR(CheckNotes(manifest, package.plan));
  return package;
}

absl::StatusOr<ModelPackage> WithManifest(ModelPackage package,
                                          const v1::PackageManifest& manifest) {
  MR_ASSIGN_OR_RETURN(ModelPackage changed, PackageOfManifest(SerializeManifest(manifest)));
  const std::span<const float> parameters = package.parameters;
  if (static_cast<int64_t>(parameters.size()) != changed.architecture.layout.size() ||
      Sha256Of({reinterpret_cast<const char*>(parameters.data()), parameters.size_bytes()})
              .ToBytes() != manifest.parameters_sha256()) {
    return absl::DataLossError("model package: its parameters do not match the manifest's digest");
  }
  changed.parameters = std::move(package.parameters);
  return changed;
}

}  // namespace millrace
