// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/file_system.h"

namespace millrace {

/// What a site knows of itself and of the federation, PEM.
struct SiteCredentials {
  std::string authority_pem;  // with its Millrace-Trust number
  std::string certificate_pem;
  std::string key_pem;
  std::string revocation_pem;  // empty while nobody was revoked
};

/// A site's identity on its disk, in the files that its configuration names and in a few beside
/// them:
///   <certificate>.renewed   a key and its certificate on their way to the two files; whoever finds
///                           it finishes the move, so that a crash cannot part the pair
///   <key>.next              the key of a request that waits for its certificate
///   <authority>.revoked     the newest revocation list
/// All are written durably, with mode 0600. Not thread-safe.
class IdentityFiles {
 public:
  /// `files` outlives it.
  IdentityFiles(FileSystem* files, std::string authority, std::string certificate, std::string key);

  /// Finishes a move, then reads. Messages name the file.
  absl::StatusOr<SiteCredentials> Load();

  absl::Status SetAuthorities(const std::string& pem);
  absl::Status SetRevocations(const std::string& pem);
  /// Both or neither.
  absl::Status SetIdentity(const std::string& key_pem, const std::string& certificate_pem);

  /// The key that waits for its certificate; made if there is none.
  absl::StatusOr<std::string> NextKey();
  absl::Status DropNextKey();

 private:
  absl::Status FinishMove();

  FileSystem* files_;
  std::string authority_;
  std::string certificate_;
  std::string key_;
};

}  // namespace millrace
