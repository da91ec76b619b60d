// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/crypto/certificate.h"
#include "base/crypto/revocation_list.h"
#include "base/crypto/trust.h"
#include "base/file_system.h"
#include "base/folder_lock.h"

namespace millrace {

/// A certificate that was issued, as the folder's ledger has it.
struct IssuedCertificate {
  std::string serial;
  Identity identity;
  absl::Time not_after;
};

/// The folder that `authority init` made, on the operator's machine:
///   authority.key, authority.crt  the key that signs, and whom the federation trusts
///   issued.log                    every certificate that was signed: serial, until, role, name
///   invitations/<site>            with what to check that a key is the invited site's
///   revoked.crl                   the newest revocation list
///   rotation                      a new authority that is not in use everywhere yet
///   statements/<number>           what was published of each change of authorities
/// One command at a time has it. Messages name the file. Not thread-safe.
class AuthorityFolder {
 public:
  /// NOT_FOUND, with the way out, where there is no authority. `files` outlives it.
  static absl::StatusOr<std::unique_ptr<AuthorityFolder>> Open(FileSystem* files,
                                                               const std::string& folder);

  const TrustedAuthorities& authorities() const { return authorities_; }
  /// All that count, PEM.
  const std::string& authorities_pem() const { return signer_.certificate_pem; }
  /// Signs, and writes it down.
  absl::StatusOr<KeyAndCertificate> Issue(const CertificateRequest& request);
  absl::StatusOr<std::string> Certify(const std::string& signing_request,
                                      const CertificateRequest& request);

  absl::Status KeepInvitation(const std::string& site, const Digest& proof_key);
  absl::StatusOr<std::optional<Digest>> FindInvitation(const std::string& site);
  /// Once its key is certified: nothing that was sent before is good for another certificate.
  absl::Status DropInvitation(const std::string& site);

  absl::StatusOr<RevocationList> Revoked();
  /// The list with every certificate of the site that has not expired, and those named; in the
  /// folder, and returned in PEM. The one that is there if it has them all. NOT_FOUND if the
  /// folder knows of no certificate.
  absl::StatusOr<std::string> Revoke(const std::string& site,
                                     const std::vector<std::string>& serials, absl::Time now);
  /// The same of a person, as whatever it is: viewer, operator, approver, publisher.
  absl::StatusOr<std::string> RevokePerson(const std::string& name,
                                           const std::vector<std::string>& serials, absl::Time now);

  /// The list as it stands, with the next number, also where nobody is on it: for a coordinator
  /// that may not have the newest.
  absl::StatusOr<std::string> SignAnew(absl::Time now);

  struct Rotation {
    SignedTrust statement;
    std::string key_pem;
  };
  /// Makes the next authority, which the present one vouches for; the one that was begun if there
  /// is one. Nothing changes before FinishRotation.
  absl::StatusOr<Rotation> BeginRotation(absl::Time now);
  /// The new authority signs from now on. The revocation list, signed by it; empty if there is
  /// none.
  absl::StatusOr<std::string> FinishRotation(const Rotation& rotation, absl::Time now);
  /// All of it is published: the next rotation will be another one.
  absl::Status EndRotation();
  /// That only the present authority counts. FAILED_PRECONDITION if no other one does.
  absl::StatusOr<SignedTrust> Retirement() const;
  absl::Status Trust(const TrustedAuthorities& authorities);
  /// Before it is published, so that it can be published again.
  absl::Status KeepStatement(const SignedTrust& statement);
  /// Those that led to the present authorities, by number, as far as they were kept.
  absl::StatusOr<std::vector<SignedTrust>> Statements();

 private:
  AuthorityFolder(FileSystem* files, std::string folder, std::unique_ptr<FolderLock> lock)
      : files_(files), folder_(std::move(folder)), lock_(std::move(lock)) {}

  std::string Path(const std::string& name) const { return ResolvePath(folder_, name); }
  absl::Status WriteDown(const std::string& certificate_pem);
  absl::StatusOr<std::vector<IssuedCertificate>> Ledger();
  absl::StatusOr<std::string> RevokeAll(const std::string& whose,
                                        const std::vector<Identity>& holders,
                                        std::vector<std::string> serials, absl::Time now);
  absl::StatusOr<std::string> SignList(const RevocationList& list, absl::Time now);

  FileSystem* const files_;
  const std::string folder_;
  const std::unique_ptr<FolderLock> lock_;
  KeyAndCertificate signer_;  // its certificate_pem holds all authorities, the signing one first
  TrustedAuthorities authorities_;
};

}  // namespace millrace
