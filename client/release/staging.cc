// SPDX-License-Identifier: Apache-2.0
#include "client/release/staging.h"

#include <pwd.h>
#include <sys/stat.h>

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/inference/input_check.h"
#include "client/release/model_folder.h"
#include "client/release/package_check.h"
#include "models/package.h"

namespace millrace {
namespace {

std::string NameOfUser(uid_t user) {
  const passwd* const entry = getpwuid(user);
  return entry != nullptr ? std::string(entry->pw_name) : absl::StrCat("#", user);
}

/// All that can be known without loading it. The package is gone afterwards: it may be large, and
/// is read once more, to be copied.
absl::StatusOr<v1::PackageManifest> CheckForStaging(FileSystem* files, const StagingSite& site,
                                                    const std::string& path, absl::Time now) {
  MR_ASSIGN_OR_RETURN(const ModelPackage package, ReadPackage(files, path));
  const std::string& name = package.manifest.name();
  const auto judges = [&](const MachineConfig& machine) { return machine.model == name; };
  if (std::ranges::none_of(site.demands.machines, judges)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": no [[machine]] of this site has model = \"", name, "\""));
  }
  const ModelFolder folder(files, site.state_folder, name);
  MR_ASSIGN_OR_RETURN(const NewestVersion newest, folder.Newest());
  MR_RETURN_IF_ERROR(CheckForInstallation(package, site.policy,
                                          ReadPublisherTrust(files, site.policy.authority), newest,
                                          now)
                         .status());
  MR_RETURN_IF_ERROR(Annotate(CheckFreshness(site.demands, package), path));
  for (const MachineConfig& machine : site.demands.machines) {
    if (!judges(machine)) continue;
    MR_RETURN_IF_ERROR(Annotate(CheckInput(package.plan.input, machine), path));
  }
  return package.manifest;
}

}  // namespace

absl::Status CheckStateOwner(const std::string& folder, uid_t user) {
  struct stat state {};
  if (stat(folder.c_str(), &state) != 0) {
    if (user != 0) return absl::OkStatus();  // it is made here, as the daemon would
    return absl::PermissionDeniedError(absl::StrCat(
        folder,
        ": is not there yet, and made now it would be the superuser's, where no daemon of "
        "another user may write; start the daemon first, which makes it, or run `sudo -u USER "
        "millrace-client …` as the daemon's user"));
  }
  if (state.st_uid == user) return absl::OkStatus();
  const std::string name = NameOfUser(state.st_uid);
  return absl::PermissionDeniedError(
      absl::StrCat(folder, ": belongs to ", name, ", whose daemon could not take up what others ",
                   "leave there; run `sudo -u ", name, " millrace-client …`"));
}

absl::StatusOr<v1::PackageManifest> StagePackage(FileSystem* files, const StagingSite& site,
                                                 const std::string& path, absl::Time now) {
  MR_ASSIGN_OR_RETURN(v1::PackageManifest manifest, CheckForStaging(files, site, path, now));
  MR_ASSIGN_OR_RETURN(const std::string bytes, ReadFile(files, path, kMaxPackageBytes));
  ModelFolder folder(files, site.state_folder, manifest.name());
  MR_RETURN_IF_ERROR(folder.Stage(bytes));
  return manifest;
}

}  // namespace millrace
