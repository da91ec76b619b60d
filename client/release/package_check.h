// SPDX-License-Identifier: Apache-2.0
// Whether a package may serve at a site, as far as it can be told without loading it.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/crypto/digest.h"
#include "base/file_system.h"
#include "client/release/model_folder.h"
#include "client/release/release_policy.h"
#include "models/package.h"
#include "models/package_signature.h"

namespace millrace {

/// The site's authority and, from the file beside it, who was revoked. UNAVAILABLE if a file cannot
/// be read or used: that is no fault of a package.
absl::StatusOr<PublisherTrust> ReadPublisherTrust(FileSystem* files,
                                                  const std::string& authority_file);

/// Changes whenever one of those files does. The errors of reading them.
absl::StatusOr<Digest> DigestOfTrust(FileSystem* files, const std::string& authority_file);

/// FAILED_PRECONDITION unless `manifest` is a later version than any that has served here, or that
/// very version with the same parameters, signed anew or put back after a rollback.
absl::Status CheckVersion(const v1::PackageManifest& manifest, const NewestVersion& newest);

/// What is asked of a package that is to be installed: the publishers whose signatures count.
/// FAILED_PRECONDITION, with the reason and the way out, if it is not to serve; UNAVAILABLE if it
/// may later, since whom to trust cannot be read or a publisher's certificate does not count yet.
/// `trust` is looked at only where signatures are asked for.
absl::StatusOr<std::vector<std::string>> CheckForInstallation(
    const ModelPackage& package, const ReleasePolicy& policy,
    const absl::StatusOr<PublisherTrust>& trust, const NewestVersion& newest, absl::Time now);

/// The same of one that was installed before: signatures only, and what has expired since does not
/// count. Where whom to trust cannot be read, it serves all the same.
absl::StatusOr<std::vector<std::string>> CheckForService(
    const ModelPackage& package, const ReleasePolicy& policy,
    const absl::StatusOr<PublisherTrust>& trust, absl::Time now);

}  // namespace millrace
