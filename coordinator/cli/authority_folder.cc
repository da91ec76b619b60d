// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/authority_folder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "base/crypto/pem_file.h"
#include "base/crypto/signing_request.h"
#include "base/log.h"
#include "base/name.h"
#include "base/status.h"
#include "coordinator/cli/authority_files.h"
#include "coordinator/cli/local_file.h"

namespace millrace {
namespace {

constexpr int64_t kMaxLedger = int64_t{1} << 28;
constexpr char kLedgerFile[] = "issued.log";
constexpr char kRotationFile[] = "rotation";
constexpr char kSignature[] = "signature ";
constexpr char kKeyEnds[] = "-----END PRIVATE KEY-----\n";

absl::StatusOr<IssuedCertificate> ParseLedgerLine(absl::string_view line) {
  const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ');
  int64_t not_after_s = 0;
  if (fields.size() == 4 && absl::SimpleAtoi(fields[1], &not_after_s)) {
    for (const Role role : kRoles) {
      if (fields[2] != RoleName(role)) continue;
      return IssuedCertificate{std::string(fields[0]),
                               {role, std::string(fields[3])},
                               absl::FromUnixSeconds(not_after_s)};
    }
  }
  return absl::DataLossError("expected: serial, Unix time of its end, role, name");
}

std::string StatementFile(int64_t number) { return absl::StrCat("statements/", number); }

/// "signature <Base64>", on a line of its own before what is signed.
std::string SignatureLine(const SignedTrust& statement) {
  return absl::StrCat(kSignature, absl::Base64Escape(statement.signature), "\n");
}

/// Takes that line off; false if there is none.
bool ConsumeSignature(absl::string_view* text, std::string* signature) {
  const size_t line = text->find('\n');
  if (line == absl::string_view::npos || !absl::ConsumePrefix(text, kSignature)) return false;
  const size_t size = line - (sizeof(kSignature) - 1);
  const bool read = absl::Base64Unescape(text->substr(0, size), signature);
  text->remove_prefix(size + 1);
  return read;
}

}  // namespace

absl::StatusOr<std::unique_ptr<AuthorityFolder>> AuthorityFolder::Open(FileSystem* files,
                                                                       const std::string& folder) {
  const std::string certificate = ResolvePath(folder, kAuthorityCertificateFile);
  if (!files->Exists(certificate)) {
    return absl::NotFoundError(absl::StrCat(
        certificate, ": there is no authority; make one with `millrace authority init --out ",
        folder, "`"));
  }
  absl::StatusOr<std::unique_ptr<FolderLock>> lock = FolderLock::Take(folder);
  if (!lock.ok()) return LocalStatus(lock.status());
  std::unique_ptr<AuthorityFolder> opened(new AuthorityFolder(files, folder, *std::move(lock)));
  MR_ASSIGN_OR_RETURN(opened->signer_.certificate_pem,
                      ReadLocalFile(files, certificate, kMaxPemBytes));
  MR_ASSIGN_OR_RETURN(opened->signer_.key_pem,
                      ReadLocalFile(files, ResolvePath(folder, kAuthorityKeyFile), kMaxPemBytes));
  absl::StatusOr<TrustedAuthorities> authorities =
      ParseAuthorities(opened->signer_.certificate_pem);
  if (!authorities.ok()) return Annotate(authorities.status(), certificate);
  opened->authorities_ = *std::move(authorities);
  return opened;
}

absl::StatusOr<KeyAndCertificate> AuthorityFolder::Issue(const CertificateRequest& request) {
  MR_ASSIGN_OR_RETURN(KeyAndCertificate issued, IssueCertificate(signer_, request));
  MR_RETURN_IF_ERROR(LocalStatus(WriteDown(issued.certificate_pem)));
  return issued;
}

absl::StatusOr<std::string> AuthorityFolder::Certify(const std::string& signing_request,
                                                     const CertificateRequest& request) {
  MR_ASSIGN_OR_RETURN(std::string pem, CertifySigningRequest(signer_, signing_request, request));
  MR_RETURN_IF_ERROR(LocalStatus(WriteDown(pem)));
  return pem;
}

absl::Status AuthorityFolder::WriteDown(const std::string& certificate_pem) {
  MR_ASSIGN_OR_RETURN(const CertificateInfo info, ParseCertificate(certificate_pem));
  std::string line = absl::StrCat(info.serial, " ", absl::ToUnixSeconds(info.not_after), " ",
                                  RoleName(info.identity.role), " ", info.identity.name, "\n");
  MR_ASSIGN_OR_RETURN(const auto file,
                      files_->Open(Path(kLedgerFile), FileSystem::OpenMode::kCreate));
  MR_ASSIGN_OR_RETURN(const int64_t end, file->Size());
  char last = '\n';
  if (end > 0) MR_RETURN_IF_ERROR(file->ReadAt(end - 1, {&last, 1}));
  if (last != '\n') line.insert(0, 1, '\n');  // what was cut off stays a line of its own
  if (const absl::Status written = file->WriteAt(end, line); !written.ok()) {
    // A part of a line is of no use. Where it cannot be taken back, reading passes over it.
    if (const absl::Status undone = file->Truncate(end); !undone.ok()) {
      LogWarning("part of a line is left in the ledger", {{"error", undone.message()}});
    }
    return written;
  }
  MR_RETURN_IF_ERROR(file->Sync());
  return files_->SyncDirectory(folder_);
}

absl::StatusOr<std::vector<IssuedCertificate>> AuthorityFolder::Ledger() {
  std::vector<IssuedCertificate> ledger;
  if (!files_->Exists(Path(kLedgerFile))) return ledger;
  MR_ASSIGN_OR_RETURN(const std::string text, ReadLocalFile(files_, Path(kLedgerFile), kMaxLedger));
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (line.empty()) continue;
    absl::StatusOr<IssuedCertificate> issued = ParseLedgerLine(line);
    if (!issued.ok()) {
      // Cut off while it was written, before its certificate was handed over. It must not keep the
      // others from being revoked.
      LogWarning(
          "a line of the ledger is passed over",
          {{"file", Path(kLedgerFile)}, {"line", number}, {"reason", issued.status().message()}});
      continue;
    }
    ledger.push_back(*std::move(issued));
  }
  return ledger;
}

absl::Status AuthorityFolder::KeepInvitation(const std::string& site, const Digest& proof_key) {
  MR_RETURN_IF_ERROR(CheckName("site", site));
  MR_RETURN_IF_ERROR(LocalStatus(files_->CreateDirectories(Path("invitations"))));
  return LocalStatus(WriteFileDurably(files_, Path("invitations/" + site), proof_key.Hex() + "\n"));
}

absl::StatusOr<std::optional<Digest>> AuthorityFolder::FindInvitation(const std::string& site) {
  MR_RETURN_IF_ERROR(CheckName("site", site));
  const std::string path = Path("invitations/" + site);
  if (!files_->Exists(path)) return std::nullopt;
  MR_ASSIGN_OR_RETURN(const std::string text, ReadLocalFile(files_, path, kMaxPemBytes));
  const absl::StatusOr<Digest> key = Digest::FromHex(absl::StripSuffix(text, "\n"));
  if (!key.ok()) return Annotate(key.status(), path);
  return *key;
}

absl::Status AuthorityFolder::DropInvitation(const std::string& site) {
  MR_RETURN_IF_ERROR(CheckName("site", site));
  const std::string path = Path("invitations/" + site);
  if (!files_->Exists(path)) return absl::OkStatus();
  MR_RETURN_IF_ERROR(LocalStatus(files_->Remove(path)));
  return LocalStatus(files_->SyncDirectory(DirectoryOf(path)));
}

absl::StatusOr<RevocationList> AuthorityFolder::Revoked() {
  const std::string path = Path(kRevokedFile);
  if (!files_->Exists(path)) return RevocationList();
  MR_ASSIGN_OR_RETURN(const std::string pem, ReadLocalFile(files_, path, kMaxPemBytes));
  absl::StatusOr<RevocationList> list = VerifyRevocationList(pem, signer_.certificate_pem);
  if (!list.ok()) return Annotate(list.status(), path);
  return list;
}

absl::StatusOr<std::string> AuthorityFolder::SignList(const RevocationList& list, absl::Time now) {
  MR_ASSIGN_OR_RETURN(std::string pem, SignRevocationList(signer_, list, now));
  MR_RETURN_IF_ERROR(LocalStatus(WriteFileDurably(files_, Path(kRevokedFile), pem)));
  return pem;
}

absl::StatusOr<std::string> AuthorityFolder::Revoke(const std::string& site,
                                                    const std::vector<std::string>& serials,
                                                    absl::Time now) {
  MR_RETURN_IF_ERROR(DropInvitation(site));
  return RevokeAll(absl::StrCat("site ", site), {{Role::kSite, site}}, serials, now);
}

absl::StatusOr<std::string> AuthorityFolder::RevokePerson(const std::string& name,
                                                          const std::vector<std::string>& serials,
                                                          absl::Time now) {
  return RevokeAll(absl::StrCat("person ", name),
                   {{Role::kViewer, name},
                    {Role::kOperator, name},
                    {Role::kApprover, name},
                    {Role::kPublisher, name}},
                   serials, now);
}

absl::StatusOr<std::string> AuthorityFolder::RevokeAll(const std::string& whose,
                                                       const std::vector<Identity>& holders,
                                                       std::vector<std::string> revoked,
                                                       absl::Time now) {
  MR_ASSIGN_OR_RETURN(RevocationList list, Revoked());
  MR_ASSIGN_OR_RETURN(const std::vector<IssuedCertificate> ledger, Ledger());
  for (const IssuedCertificate& issued : ledger) {
    const bool theirs = std::ranges::find(holders, issued.identity) != holders.end();
    // What a publisher has signed goes on serving after the certificate's end.
    const bool counts = now < issued.not_after || issued.identity.role == Role::kPublisher;
    if (theirs && counts) revoked.push_back(issued.serial);
    if (!counts) list.since.erase(issued.serial);
  }
  if (revoked.empty()) {
    return absl::NotFoundError(
        absl::StrCat(whose, ": ", Path(kLedgerFile),
                     " has no certificate of it that still counts; name others with --serial"));
  }
  const bool has_all = std::all_of(revoked.begin(), revoked.end(),
                                   [&](const std::string& serial) { return list.Has(serial); });
  if (has_all) return ReadLocalFile(files_, Path(kRevokedFile), kMaxPemBytes);
  for (const std::string& serial : revoked) list.since.try_emplace(serial, now);
  ++list.number;
  return SignList(list, now);
}

absl::StatusOr<std::string> AuthorityFolder::SignAnew(absl::Time now) {
  MR_ASSIGN_OR_RETURN(RevocationList list, Revoked());
  ++list.number;
  return SignList(list, now);
}

absl::StatusOr<AuthorityFolder::Rotation> AuthorityFolder::BeginRotation(absl::Time now) {
  const std::string path = Path(kRotationFile);
  Rotation rotation;
  if (files_->Exists(path)) {
    MR_ASSIGN_OR_RETURN(const std::string text, ReadLocalFile(files_, path, kMaxPemBytes));
    absl::string_view rest = text;
    const bool is_signed = ConsumeSignature(&rest, &rotation.statement.signature);
    if (const size_t key = rest.find(kKeyEnds); is_signed && key != absl::string_view::npos) {
      const size_t end = key + sizeof(kKeyEnds) - 1;
      rotation.key_pem = std::string(rest.substr(0, end));
      MR_ASSIGN_OR_RETURN(rotation.statement.next, ParseAuthorities(rest.substr(end)));
      return rotation;
    }
    return absl::DataLossError(absl::StrCat(path, ": cannot be read; move it away to begin anew"));
  }
  MR_ASSIGN_OR_RETURN(const std::string federation, AuthorityName(signer_.certificate_pem));
  MR_ASSIGN_OR_RETURN(const KeyAndCertificate next, CreateAuthority(federation, now));
  rotation.key_pem = next.key_pem;
  TrustedAuthorities both = authorities_;
  ++both.number;
  MR_ASSIGN_OR_RETURN(const std::string der, CertificateDer(next.certificate_pem));
  both.certificates.insert(both.certificates.begin(), der);
  MR_ASSIGN_OR_RETURN(rotation.statement, SignTrust(both, signer_.key_pem));
  MR_ASSIGN_OR_RETURN(const std::string pem, AuthoritiesPem(both));
  MR_RETURN_IF_ERROR(LocalStatus(WriteFileDurably(
      files_, path, absl::StrCat(SignatureLine(rotation.statement), rotation.key_pem, pem))));
  return rotation;
}

absl::StatusOr<std::string> AuthorityFolder::FinishRotation(const Rotation& rotation,
                                                            absl::Time now) {
  MR_ASSIGN_OR_RETURN(RevocationList list, Revoked());
  // The certificate first: with the old key it signs nothing, and the rotation is finished anew.
  MR_RETURN_IF_ERROR(Trust(rotation.statement.next));
  MR_RETURN_IF_ERROR(
      LocalStatus(WriteFileDurably(files_, Path(kAuthorityKeyFile), rotation.key_pem)));
  signer_.key_pem = rotation.key_pem;
  std::string pem;
  if (list.number > 0) {
    ++list.number;
    MR_ASSIGN_OR_RETURN(pem, SignList(list, now));
  }
  return pem;
}

absl::Status AuthorityFolder::EndRotation() {
  return LocalStatus(files_->Remove(Path(kRotationFile)));
}

absl::StatusOr<SignedTrust> AuthorityFolder::Retirement() const {
  if (authorities_.certificates.size() < 2) {
    return absl::FailedPreconditionError(
        absl::StrCat(Path(kAuthorityCertificateFile),
                     ": only one authority counts; `millrace authority rotate` makes the next"));
  }
  const TrustedAuthorities next{authorities_.number + 1, {authorities_.certificates.front()}};
  return SignTrust(next, signer_.key_pem);
}

absl::Status AuthorityFolder::Trust(const TrustedAuthorities& authorities) {
  MR_ASSIGN_OR_RETURN(const std::string pem, AuthoritiesPem(authorities));
  MR_RETURN_IF_ERROR(LocalStatus(WriteFileDurably(files_, Path(kAuthorityCertificateFile), pem)));
  signer_.certificate_pem = pem;
  authorities_ = authorities;
  return absl::OkStatus();
}

absl::Status AuthorityFolder::KeepStatement(const SignedTrust& statement) {
  MR_ASSIGN_OR_RETURN(const std::string pem, AuthoritiesPem(statement.next));
  MR_RETURN_IF_ERROR(LocalStatus(files_->CreateDirectories(Path("statements"))));
  return LocalStatus(WriteFileDurably(files_, Path(StatementFile(statement.next.number)),
                                      SignatureLine(statement) + pem));
}

absl::StatusOr<std::vector<SignedTrust>> AuthorityFolder::Statements() {
  std::vector<SignedTrust> statements;
  for (int64_t number = 1; number <= authorities_.number; ++number) {
    const std::string path = Path(StatementFile(number));
    if (!files_->Exists(path)) continue;
    MR_ASSIGN_OR_RETURN(const std::string text, ReadLocalFile(files_, path, kMaxPemBytes));
    absl::string_view rest = text;
    SignedTrust& statement = statements.emplace_back();
    if (!ConsumeSignature(&rest, &statement.signature)) {
      return absl::DataLossError(absl::StrCat(path, ": cannot be read; move it away"));
    }
    absl::StatusOr<TrustedAuthorities> next = ParseAuthorities(rest);
    if (!next.ok()) return Annotate(next.status(), path);
    statement.next = *std::move(next);
  }
  return statements;
}

}  // namespace millrace
