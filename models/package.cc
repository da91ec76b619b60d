// SPDX-License-Identifier: Apache-2.0
#include "models/package.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <cmath>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "aggregation/weighted_sum.h"
#include "base/status.h"
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

/// The same manifest gives the same bytes: maps are written in the order of their keys.
std::string SerializeManifest(const v1::PackageManifest& manifest) {
  std::string bytes;
  google::protobuf::io::StringOutputStream stream(&bytes);
  google::protobuf::io::CodedOutputStream out(&stream);
  out.SetSerializationDeterministic(true);
  manifest.SerializeToCodedStream(&out);
  out.Trim();
  return bytes;
}

std::string PrefixOf(absl::string_view manifest, int64_t parameter_bytes) {
  v1::ModelPackage head;
  head.set_manifest(std::string(manifest));
  head.set_manifest_sha256(Sha256Of(manifest).ToBytes());
  std::string prefix = head.SerializeAsString();
  google::protobuf::io::StringOutputStream stream(&prefix);
  google::protobuf::io::CodedOutputStream out(&stream);
  constexpr uint32_t kLengthDelimited = 2;
  out.WriteTag(v1::ModelPackage::kParametersFieldNumber << 3 | kLengthDelimited);
  out.WriteVarint64(parameter_bytes);
  return prefix;
}

absl::string_view BytesOf(std::span<const float> parameters) {
  return {reinterpret_cast<const char*>(parameters.data()), parameters.size_bytes()};
}

absl::Status Mismatch(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("model package: its ", what, " is not what its plan gives"));
}

/// Signatures that are none, of whomever, and whatever `bytes` hold besides the message.
absl::Status CheckSignatureBlock(const v1::ModelPackage& file, absl::string_view bytes) {
  constexpr size_t kEd25519Bytes = 64;
  constexpr size_t kMaxCertificateBytes = size_t{4} << 10;
  if (file.signatures_size() > kMaxSignatures) {
    return absl::InvalidArgumentError(absl::StrCat("model package: ", file.signatures_size(),
                                                   " signatures, at most ", kMaxSignatures));
  }
  for (const v1::Signature& signature : file.signatures()) {
    if (signature.ed25519().size() != kEd25519Bytes ||
        signature.certificate().size() > kMaxCertificateBytes) {
      return absl::InvalidArgumentError(
          "model package: a signature is none by Ed25519 with a publisher's certificate");
    }
  }
  const std::string prefix =
      PrefixOf(file.manifest(), static_cast<int64_t>(file.parameters().size()));
  const std::string suffix = PackageSuffix({file.signatures().begin(), file.signatures().end()});
  const bool canonical = bytes.size() == prefix.size() + file.parameters().size() + suffix.size() &&
                         absl::StartsWith(bytes, prefix) && absl::EndsWith(bytes, suffix) &&
                         bytes.substr(prefix.size(), file.parameters().size()) == file.parameters();
  if (canonical) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "model package: it holds more than its parts, or in another order; export the model again");
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

std::string PackagePrefix(const v1::PackageManifest& manifest, int64_t parameter_bytes) {
  return PrefixOf(SerializeManifest(manifest), parameter_bytes);
}

std::string PackageSuffix(const std::vector<v1::Signature>& signatures) {
  v1::ModelPackage tail;
  for (const v1::Signature& signature : signatures) {
    v1::Signature& added = *tail.add_signatures();  // without what it may hold besides
    added.set_ed25519(signature.ed25519());
    added.set_certificate(signature.certificate());
  }
  return tail.SerializeAsString();
}

absl::StatusOr<ModelPackage> ParsePackage(absl::string_view bytes) {
  if (bytes.empty()) return absl::InvalidArgumentError("model package: the file is empty");
  v1::ModelPackage file;
  ModelPackage package;
  const bool parsed = file.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  if (!parsed || file.manifest_sha256().empty()) {
    return absl::InvalidArgumentError("model package: not one, or cut short");
  }
  if (Sha256Of(file.manifest()).ToBytes() != file.manifest_sha256()) {
    return absl::DataLossError(
        "model package: its manifest does not match its digest, the file is damaged; export the "
        "model again");
  }
  if (!package.manifest.ParseFromString(file.manifest())) {
    return absl::InvalidArgumentError("model package: its manifest is not one");
  }
  // Known fields only, each once and in order: what is signed is what is read.
  package.manifest.DiscardUnknownFields();
  if (SerializeManifest(package.manifest) != file.manifest()) {
    return absl::InvalidArgumentError(
        "model package: its manifest holds more than is known here, or in another order; it may be "
        "of a later release");
  }
  const v1::PackageManifest& manifest = package.manifest;
  if (Sha256Of(file.parameters()).ToBytes() != manifest.parameters_sha256()) {
    return absl::DataLossError("model package: its parameters do not match the manifest's digest");
  }
  MR_RETURN_IF_ERROR(CheckSignatureBlock(file, bytes));
  package.signatures.assign(file.signatures().begin(), file.signatures().end());
  MR_ASSIGN_OR_RETURN(package.plan, ParsePlan(manifest.plan()));
  MR_ASSIGN_OR_RETURN(package.architecture, BuildArchitecture(package.plan));
  const Layout& layout = package.architecture.layout;
  if (manifest.layout().SerializeAsString() != LayoutToProto(layout).SerializeAsString()) {
    return Mismatch("layout");
  }
  if (manifest.graph_source() != package.architecture.source) return Mismatch("graph");
  if (file.parameters().size() != layout.size() * sizeof(float)) {
    return absl::InvalidArgumentError(absl::StrCat("model package: ", file.parameters().size(),
                                                   " bytes of parameters, the layout has ",
                                                   layout.size() * sizeof(float)));
  }
  package.parameters.resize(layout.size());
  std::memcpy(package.parameters.data(), file.parameters().data(), file.parameters().size());
  if (!AllFinite(package.parameters)) {
    return absl::InvalidArgumentError("model package: a parameter is not finite");
  }
  const bool needs_scaling = package.plan.input.normalization == Normalization::kFederated;
  if (needs_scaling != manifest.has_scaling()) return Mismatch("scaling");
  if (needs_scaling) {
    MR_ASSIGN_OR_RETURN(
        package.scaling,
        FromProto(manifest.scaling(), static_cast<int64_t>(package.plan.input.channels.size())));
  }
  MR_RETURN_IF_ERROR(CheckNotes(manifest, package.plan));
  package.manifest_bytes = std::move(*file.mutable_manifest());
  return package;
}

absl::StatusOr<ModelPackage> ReadPackage(FileSystem* files, const std::string& path) {
  MR_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(files, path, kMaxPackageBytes));
  absl::StatusOr<ModelPackage> package = ParsePackage(bytes);
  if (!package.ok()) return Annotate(package.status(), path);
  return package;
}

absl::Status WritePackage(FileSystem* files, const std::string& path,
                          const v1::PackageManifest& manifest, std::span<const float> parameters) {
  const auto bytes = static_cast<int64_t>(parameters.size_bytes());
  return WriteFileDurably(files, path,
                          absl::StrCat(PackagePrefix(manifest, bytes), BytesOf(parameters)));
}

absl::Status WritePackage(FileSystem* files, const std::string& path, const ModelPackage& package) {
  const absl::string_view parameters = BytesOf(package.parameters);
  return WriteFileDurably(
      files, path,
      absl::StrCat(PrefixOf(package.manifest_bytes, static_cast<int64_t>(parameters.size())),
                   parameters, PackageSuffix(package.signatures)));
}

absl::StatusOr<ModelPackage> WithManifest(const ModelPackage& package,
                                          const v1::PackageManifest& manifest) {
  const absl::string_view parameters = BytesOf(package.parameters);
  return ParsePackage(
      absl::StrCat(PackagePrefix(manifest, static_cast<int64_t>(parameters.size())), parameters));
}

}  // namespace millrace
