// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/crypto/digest.h"
#include "base/file_system.h"
#include "base/life_sign.h"
#include "base/steady_clock.h"
#include "client/operation/transfer_pace.h"
#include "millrace/v1/enrollment.pb.h"
#include "millrace/v1/rounds.pb.h"
#include "millrace/v1/secure_aggregation.pb.h"
#include "millrace/v1/telemetry.pb.h"
#include "millrace/v1/transfer.pb.h"

namespace millrace {

struct LinkOptions {
  std::string address;        // host:port
  std::string authority_pem;  // certificates
  std::string certificate_pem;
  std::string key_pem;
  std::string proxy;             // http://[user:password@]host:port for CONNECT; empty: none
  TransferPace* pace = nullptr;  // outlives the link; null: as fast as it goes
  absl::Duration call_timeout = absl::Seconds(30);  // of calls that do not stream or wait
  Heartbeat* transfers = nullptr;  // beats while one goes on; outlives the link; null: none
  Clock* steady = SteadyClock();   // outlives the link
};

/// The site's calls to its coordinator, each a status: UNAVAILABLE when it cannot be reached, in
/// words that tell a dead link from a refused certificate. Thread-safe.
class Link {
 public:
  explicit Link(const LinkOptions& options);
  ~Link();

  absl::StatusOr<v1::CheckInResponse> CheckIn(const v1::CheckInRequest& request);
  absl::Status ReportFailure(const v1::RoundId& round, const std::string& reason);
  /// False if the coordinator says that the round is over; a report that is lost is no answer.
  bool Report(const v1::ReportRequest& report);

  /// Writes the model's bytes from `offset` on to `file`; returns how far the file now reaches,
  /// also through `reached` when the stream breaks.
  absl::Status Download(const v1::RoundId& round, const Digest& digest, int64_t offset, File* file,
                        int64_t* reached);

  absl::StatusOr<v1::UploadState> BeginUpload(const v1::UploadHeader& header);
  /// Sends `file` from `offset` on.
  absl::StatusOr<v1::UploadState> Append(const v1::RoundId& round, int64_t offset, int64_t size,
                                         File* file);

  // Long polls; the answer may be that it is not ready yet.
  /// On a connection with the certificate that the advertisement names, the present one or the one
  /// before: the coordinator compares.
  absl::StatusOr<v1::AdvertiseResponse> Advertise(const v1::AdvertiseRequest& request);
  absl::StatusOr<v1::ShareResponse> Share(const v1::ShareRequest& request);
  absl::StatusOr<v1::AgreeResponse> Agree(const v1::AgreeRequest& request);
  absl::StatusOr<v1::GetCertificatesResponse> GetCertificates(
      const v1::GetCertificatesRequest& request);
  absl::StatusOr<v1::UnmaskResponse> Unmask(const v1::UnmaskRequest& request);

  /// Whom to trust, as the coordinator says: check it against what is held.
  absl::StatusOr<v1::Trust> GetTrust(const v1::GetTrustRequest& request);
  absl::StatusOr<v1::CertificateAnswer> Renew(const v1::RenewRequest& request);

  /// For the connections of later calls; those in progress go on as they are. Others than before
  /// begin new ones.
  void UseCredentials(const std::string& authority_pem, const std::string& certificate_pem,
                      const std::string& key_pem);

  /// Ends transfers that have not moved for so long, as UNAVAILABLE: others may wait for them.
  void EndStalled(absl::Duration longest);

  /// Ends every call in progress with CANCELLED, and all later ones.
  void Shutdown();

 private:
  struct Stubs;
  struct State;
  class Call;

  std::unique_ptr<State> state_;
};

/// What stands between a site and its coordinator, by the words of gRPC, which has one code for a
/// dead link and a refused certificate; the operator needs to know.
absl::string_view LinkDiagnosis(const std::string& message);

}  // namespace millrace
