// SPDX-License-Identifier: Apache-2.0
#include "client/enrollment/enroll.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/crypto/certificate.h"
#include "base/crypto/enrollment_token.h"
#include "base/crypto/pem_file.h"
#include "base/crypto/signing_request.h"
#include "base/status.h"
#include "base/text.h"
#include "client/enrollment/identity_files.h"
#include "client/enrollment/trust_update.h"
#include "client/operation/proxy_address.h"
#include "client/session/enrollment_link.h"

namespace millrace {
namespace {

constexpr absl::Duration kPoll = absl::Seconds(15);
constexpr absl::Duration kRetry = absl::Seconds(2);

using Say = std::function<void(const std::string&)>;

absl::StatusOr<std::string> KeyOf(FileSystem* files, const std::string& path) {
  if (files->Exists(path)) return ReadFile(files, path, kMaxPemBytes);
  MR_ASSIGN_OR_RETURN(std::string key, NewPrivateKey());
  MR_RETURN_IF_ERROR(WriteFileDurably(files, path, key));
  return key;
}

bool MayPass(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsCancelled(status) || absl::IsResourceExhausted(status);
}

/// Calls until there is an answer, or for good reason none.
template <typename Call>
auto Persist(absl::Time deadline, Clock* clock, const Say& say, const Call& call)
    -> decltype(call()) {
  std::string said;
  while (true) {
    auto answer = call();
    if (answer.ok() || !MayPass(answer.status()) || clock->Now() + kRetry >= deadline) {
      return answer;
    }
    if (answer.status().message() != said) {
      said = std::string(answer.status().message());
      say(absl::StrCat("trying again: ", Printable(said)));
    }
    clock->Sleep(kRetry);
  }
}

std::string FirstConfig(const EnrollOptions& options) {
  const std::string link =
      options.proxy.empty() ? "" : absl::StrCat("[link]\nproxy = \"", options.proxy, "\"\n");
  return absl::StrCat(
      "[coordinator]\naddress = \"", options.coordinator, "\"\n", link,
      "[identity]\ncertificate = \"site.crt\"\nkey = \"site.key\"\n"
      "authority = \"authority.crt\"\n[storage]\nfolder = \"state\"\n\n"
      "# What the site trains on; every key is explained in docs/configuration.md.\n"
      "#[data]\n#kind = \"delimited\"\n#path = \"history/*.csv.gz\"\n#unit = \"machine\"\n"
      "#order = \"cycle\"\n");
}

absl::StatusOr<v1::CertificateAnswer> AwaitDecision(const v1::EnrollRequest& request,
                                                    EnrollmentLink& link, absl::Time deadline,
                                                    Clock* clock, const Say& say) {
  bool told = false;
  v1::EnrollRequest poll = request;
  while (true) {
    poll.set_wait_ms(told ? absl::ToInt64Milliseconds(kPoll) : 0);
    MR_ASSIGN_OR_RETURN(v1::CertificateAnswer answer,
                        Persist(deadline, clock, say, [&] { return link.Enroll(poll); }));
    if (answer.state() != v1::REQUEST_STATE_PENDING) return answer;
    if (!told) {
      const std::string site = Printable(answer.site());
      say(absl::StrCat("asked for the certificate of site ", site,
                       "; waiting for: millrace site approve ", site));
    }
    told = true;
    if (clock->Now() >= deadline) {
      return absl::DeadlineExceededError(absl::StrCat(
          "site ", answer.site(),
          ": not approved yet; the request stays: run the same command again to go on waiting"));
    }
  }
}

}  // namespace

absl::Status Enroll(const EnrollOptions& options, FileSystem* files, Clock* clock, const Say& say) {
  const absl::Time deadline = clock->Now() + options.patience;
  MR_ASSIGN_OR_RETURN(const EnrollmentToken token, ParseEnrollmentToken(options.token));
  if (!options.proxy.empty()) {
    MR_RETURN_IF_ERROR(Annotate(CheckProxyAddress(options.proxy), "the proxy"));
  }
  const auto path = [&](const char* name) { return ResolvePath(options.folder, name); };
  if (files->Exists(path("site.crt"))) {
    return absl::AlreadyExistsError(
        absl::StrCat(path("site.crt"),
                     ": this site has a certificate; to enroll anew move site.crt and "
                     "site.key away, or choose another --out"));
  }
  MR_ASSIGN_OR_RETURN(const v1::Trust trust, Persist(deadline, clock, say, [&] {
                        return EnrollmentLink::GetUnverifiedTrust(options.coordinator,
                                                                  options.proxy);
                      }));
  MR_ASSIGN_OR_RETURN(const TrustedAuthorities authorities, FirstTrust(trust, token.authority));
  MR_ASSIGN_OR_RETURN(const std::string authority_pem, AuthoritiesPem(authorities));

  MR_RETURN_IF_ERROR(files->CreateDirectories(options.folder));
  MR_ASSIGN_OR_RETURN(const std::string key, KeyOf(files, path("site.key")));
  MR_ASSIGN_OR_RETURN(const Digest fingerprint, KeyFingerprint(key));
  say(absl::StrCat("key of this site: ", KeyName(fingerprint)));
  v1::EnrollRequest request;
  request.set_token(RedeemKey(token).ToBytes());
  MR_ASSIGN_OR_RETURN(*request.mutable_signing_request(), MakeSigningRequest(key));
  request.set_proof(KeyProof(ProofKey(token), fingerprint).ToBytes());
  EnrollmentLink link(options.coordinator, authority_pem, options.proxy);
  MR_ASSIGN_OR_RETURN(const v1::CertificateAnswer answer,
                      AwaitDecision(request, link, deadline, clock, say));
  if (answer.state() != v1::REQUEST_STATE_SIGNED) {
    return absl::PermissionDeniedError(
        absl::StrCat("site ", answer.site(), ": its request was rejected: ", answer.reason()));
  }
  MR_ASSIGN_OR_RETURN(const std::string certificate, CertificatePem(answer.certificate()));
  MR_RETURN_IF_ERROR(CheckCertificate(certificate, authority_pem, key, Role::kSite, clock->Now(),
                                      "the certificate that came"));
  MR_RETURN_IF_ERROR(WriteFileDurably(files, path("authority.crt"), authority_pem));
  if (!files->Exists(path("site.toml"))) {
    MR_RETURN_IF_ERROR(WriteFileDurably(files, path("site.toml"), FirstConfig(options)));
  } else if (!options.proxy.empty()) {
    say(absl::StrCat(path("site.toml"),
                     " is there already and stays as it is; the daemon needs [link] proxy = \"",
                     options.proxy, "\" in it"));
  }
  // Last: with it the site is enrolled.
  MR_RETURN_IF_ERROR(WriteFileDurably(files, path("site.crt"), certificate));
  MR_ASSIGN_OR_RETURN(const CertificateInfo info, ParseCertificate(certificate));
  say(absl::StrCat("site ", info.identity.name, " is enrolled until ",
                   absl::FormatTime("%Y-%m-%d", info.not_after, absl::UTCTimeZone()),
                   "; it renews its certificate by itself\n  tell it about its data in ",
                   path("site.toml"), ", then: millrace-client run --config ", path("site.toml")));
  return absl::OkStatus();
}

}  // namespace millrace
