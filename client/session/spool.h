// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/crypto/digest.h"
#include "base/file_system.h"
#include "millrace/v1/rounds.pb.h"
#include "millrace/v1/transfer.pb.h"

namespace millrace {

/// What a site keeps on disk between its rounds: the current model, whole or in part, and the
/// update that is on its way. A restart finds both. One process at a time. Not thread-safe.
class Spool {
 public:
  /// Makes the folder if it is missing. `files` outlives the spool.
  static absl::StatusOr<std::unique_ptr<Spool>> Create(FileSystem* files, std::string folder);

  /// The model's file once it is whole, whatever round it came with. One that is damaged, by a
  /// power cut or by hand, is dropped.
  std::optional<std::string> Model(const Digest& digest);
  /// The file that a download of this model goes on with; another model's is dropped. Makes the
  /// folder again if somebody has removed it.
  absl::StatusOr<std::unique_ptr<File>> OpenPartialModel(const Digest& digest);
  /// Checks the downloaded bytes and keeps them as the model, in place of the one before.
  /// DATA_LOSS if they are not the model; they are gone then.
  absl::StatusOr<std::string> KeepModel(const Digest& digest);

  /// Where the training process leaves an update that is to be masked before it may be sent.
  std::string ClearPath() const;
  /// Where an update lies that is sent as it is.
  std::string UpdatePath() const;
  /// Makes the update at UpdatePath() the one to send: durable, with its digest and length.
  absl::StatusOr<v1::UploadHeader> KeepUpdate(const v1::Assignment& assignment, double weight);
  /// The kept update's header, if it answers this assignment.
  std::optional<v1::UploadHeader> Update(const v1::RoundId& round) const;
  absl::StatusOr<std::unique_ptr<File>> OpenUpdate() const;
  /// Fills UpdatePath() from ClearPath() with `mask`, and removes the latter.
  absl::Status Mask(const std::function<absl::Status(File* clear, File* masked)>& mask);
  void DropUpdate();

 private:
  Spool(FileSystem* files, std::string folder);

  std::string ModelPath(const Digest& digest) const;
  std::string PartialPath(const Digest& digest) const;
  std::string HeaderPath() const;
  /// DATA_LOSS, naming both digests, if the file's bytes are not the model.
  absl::Status CheckModel(const std::string& path, const Digest& digest) const;
  /// A failure is only logged.
  void Remove(const std::string& path);
  /// Removes files of the folder whose name ends so, but one.
  void RemoveOthers(absl::string_view suffix, const std::string& kept);

  FileSystem* const files_;
  const std::string folder_;
};

/// SHA-256 of a file, read in pieces.
absl::StatusOr<Digest> DigestOfFile(File* file);

}  // namespace millrace
