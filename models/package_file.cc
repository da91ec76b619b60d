// SPDX-License-Identifier: Apache-2.0
// A package as it stands in a file: read and written piece by piece, since a model may have 2 GB
// of parameters.
#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/str_cat.h"
#include "aggregation/weighted_sum.h"
#include "base/durable_parts.h"
#include "base/status.h"
#include "models/package.h"
#include "models/package_manifest.h"

namespace millrace {
namespace {

using google::protobuf::io::CodedInputStream;

constexpr uint32_t kLengthDelimited = 2;
constexpr int kReadAtATime = 1 << 16;
constexpr int64_t kHashAtATime = 1 << 20;
constexpr size_t kEd25519Bytes = 64;
constexpr size_t kMaxCertificateBytes = size_t{4} << 10;
// What all signatures take together, with their tags.
constexpr int64_t kMaxSuffixBytes =
    kMaxSignatures * static_cast<int64_t>(kEd25519Bytes + kMaxCertificateBytes + 64);

/// A file from its beginning. What goes wrong is kept in status().
class BytesOfFile final : public google::protobuf::io::CopyingInputStream {
 public:
  BytesOfFile(File* file, int64_t size) : file_(file), left_(size) {}

  int Read(void* buffer, int size) override {
    const int64_t count = std::min<int64_t>(size, left_);
    if (count == 0) return 0;
    status_ = file_->ReadAt(at_, {static_cast<char*>(buffer), static_cast<size_t>(count)});
    if (!status_.ok()) return -1;
    at_ += count;
    left_ -= count;
    return static_cast<int>(count);
  }
  const absl::Status& status() const { return status_; }

 private:
  File* const file_;
  int64_t at_ = 0;
  int64_t left_;
  absl::Status status_;
};

std::string PrefixOf(absl::string_view manifest, int64_t parameter_bytes) {
  v1::ModelPackage head;
  head.set_manifest(std::string(manifest));
  head.set_manifest_sha256(Sha256Of(manifest).ToBytes());
  std::string prefix = head.SerializeAsString();
  google::protobuf::io::StringOutputStream stream(&prefix);
  google::protobuf::io::CodedOutputStream out(&stream);
  out.WriteTag(v1::ModelPackage::kParametersFieldNumber << 3 | kLengthDelimited);
  out.WriteVarint64(parameter_bytes);
  return prefix;
}

absl::string_view BytesOf(std::span<const float> parameters) {
  return {reinterpret_cast<const char*>(parameters.data()), parameters.size_bytes()};
}

absl::Status NotAPackage() {
  return absl::InvalidArgumentError("model package: not one, or cut short");
}

absl::Status NotInOrder() {
  return absl::InvalidArgumentError(
      "model package: it holds more than its parts, or in another order; export the model again");
}

/// Reads a file of `size` bytes in the one order that its parts have. Nothing is made room for that
/// the file does not hold.
class PackageReader {
 public:
  PackageReader(CodedInputStream* in, int64_t size) : in_(in), size_(size) {}

  absl::StatusOr<ModelPackage> Read() {
    MR_ASSIGN_OR_RETURN(std::string manifest, ReadText(v1::ModelPackage::kManifestFieldNumber));
    MR_ASSIGN_OR_RETURN(const std::string digest,
                        ReadText(v1::ModelPackage::kManifestSha256FieldNumber));
    if (Sha256Of(manifest).ToBytes() != digest) {
      return absl::DataLossError(
          "model package: its manifest does not match its digest, the file is damaged; export the "
          "model again");
    }
    MR_ASSIGN_OR_RETURN(ModelPackage package, PackageOfManifest(std::move(manifest)));
    MR_RETURN_IF_ERROR(ReadParameters(package));
    MR_RETURN_IF_ERROR(ReadSignatures(package));
    return package;
  }

 private:
  int64_t left() const { return size_ - in_->CurrentPosition(); }

  /// The length of the field that comes next.
  absl::StatusOr<int64_t> ReadLength(int field) {
    const uint32_t tag = in_->ReadTag();
    if (tag == 0) return NotAPackage();
    if (tag != (static_cast<uint32_t>(field) << 3 | kLengthDelimited)) {
      return tag >> 3 <= v1::ModelPackage::kManifestSha256FieldNumber ? NotInOrder()
                                                                      : NotAPackage();
    }
    uint64_t length = 0;
    if (!in_->ReadVarint64(&length) || length > static_cast<uint64_t>(left())) {
      return NotAPackage();
    }
    return static_cast<int64_t>(length);
  }

  absl::StatusOr<std::string> ReadText(int field) {
    MR_ASSIGN_OR_RETURN(const int64_t length, ReadLength(field));
    std::string text;
    if (!in_->ReadString(&text, static_cast<int>(length))) return NotAPackage();
    return text;
  }

  absl::Status ReadParameters(ModelPackage& package) {
    MR_ASSIGN_OR_RETURN(const int64_t length, ReadLength(v1::ModelPackage::kParametersFieldNumber));
    // Each number has one shortest form, so that the same length has the same bytes.
    if (PrefixOf(package.manifest_bytes, length).size() !=
        static_cast<size_t>(in_->CurrentPosition())) {
      return NotInOrder();
    }
    const int64_t expected =
        package.architecture.layout.size() * static_cast<int64_t>(sizeof(float));
    if (length != expected) {
      return absl::InvalidArgumentError(absl::StrCat(
          "model package: ", length, " bytes of parameters, the layout has ", expected));
    }
    package.parameters.resize(package.architecture.layout.size());
    Sha256 sha256;
    const std::span<char> bytes(reinterpret_cast<char*>(package.parameters.data()),
                                static_cast<size_t>(length));
    for (int64_t at = 0; at < length; at += kHashAtATime) {
      const std::span<char> piece = bytes.subspan(at, std::min(kHashAtATime, length - at));
      if (!in_->ReadRaw(piece.data(), static_cast<int>(piece.size()))) return NotAPackage();
      sha256.Update(piece);
    }
    if (sha256.Finish().ToBytes() != package.manifest.parameters_sha256()) {
      return absl::DataLossError(
          "model package: its parameters do not match the manifest's digest");
    }
    if (!AllFinite(package.parameters)) {
      return absl::InvalidArgumentError("model package: a parameter is not finite");
    }
    return absl::OkStatus();
  }

  /// All that is left.
  absl::Status ReadSignatures(ModelPackage& package) {
    if (left() > kMaxSuffixBytes) {
      return absl::InvalidArgumentError(absl::StrCat("model package: ", left(),
                                                     " bytes behind the parameters, more than ",
                                                     kMaxSignatures, " signatures have"));
    }
    std::string suffix;
    v1::ModelPackage tail;
    if (!in_->ReadString(&suffix, static_cast<int>(left())) || !tail.ParseFromString(suffix)) {
      return NotAPackage();
    }
    if (tail.signatures_size() > kMaxSignatures) {
      return absl::InvalidArgumentError(absl::StrCat("model package: ", tail.signatures_size(),
                                                     " signatures, at most ", kMaxSignatures));
    }
    for (const v1::Signature& signature : tail.signatures()) {
      if (signature.ed25519().size() != kEd25519Bytes ||
          signature.certificate().size() > kMaxCertificateBytes) {
        return absl::InvalidArgumentError(
            "model package: a signature is none by Ed25519 with a publisher's certificate");
      }
    }
    package.signatures.assign(tail.signatures().begin(), tail.signatures().end());
    return PackageSuffix(package.signatures) == suffix ? absl::OkStatus() : NotInOrder();
  }

  CodedInputStream* const in_;
  const int64_t size_;
};

}  // namespace

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
  if (static_cast<int64_t>(bytes.size()) > kMaxPackageBytes) return NotAPackage();
  CodedInputStream in(reinterpret_cast<const uint8_t*>(bytes.data()),
                      static_cast<int>(bytes.size()));
  return PackageReader(&in, static_cast<int64_t>(bytes.size())).Read();
}

absl::StatusOr<ModelPackage> ReadPackage(FileSystem* files, const std::string& path) {
  MR_ASSIGN_OR_RETURN(const auto file, files->Open(path, FileSystem::OpenMode::kRead));
  MR_ASSIGN_OR_RETURN(const int64_t size, file->Size());
  if (size > kMaxPackageBytes) {
    return absl::ResourceExhaustedError(absl::StrCat("read ", path, ": ", size, " bytes, at most ",
                                                     kMaxPackageBytes, " are accepted"));
  }
  if (size == 0) return Annotate(ParsePackage("").status(), path);
  BytesOfFile bytes(file.get(), size);
  absl::StatusOr<ModelPackage> package;
  {
    google::protobuf::io::CopyingInputStreamAdaptor stream(&bytes, kReadAtATime);
    CodedInputStream in(&stream);
    package = PackageReader(&in, size).Read();
  }
  MR_RETURN_IF_ERROR(bytes.status());  // the disk's own, whatever was made of it
  if (!package.ok()) return Annotate(package.status(), path);
  return package;
}

absl::Status WritePackage(FileSystem* files, const std::string& path,
                          const v1::PackageManifest& manifest, std::span<const float> parameters) {
  const std::string prefix = PackagePrefix(manifest, static_cast<int64_t>(parameters.size_bytes()));
  return WritePartsDurably(files, path, std::array{absl::string_view(prefix), BytesOf(parameters)});
}

absl::Status WritePackage(FileSystem* files, const std::string& path, const ModelPackage& package) {
  const absl::string_view parameters = BytesOf(package.parameters);
  const std::string prefix =
      PrefixOf(package.manifest_bytes, static_cast<int64_t>(parameters.size()));
  const std::string suffix = PackageSuffix(package.signatures);
  return WritePartsDurably(
      files, path, std::array{absl::string_view(prefix), parameters, absl::string_view(suffix)});
}

}  // namespace millrace
