// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/file_system.h"

namespace millrace {

/// The newest version of a model that has served at a site.
struct NewestVersion {
  int64_t version = -1;  // -1: none has
  std::string parameters_sha256;
};

/// The model packages of a site, in <state folder>/models/<name>/:
///   next        staged, to be installed
///   installing  the one that is being checked
///   current     serves
///   previous    served before it; what a rollback goes back to
///   refused     was staged or served, and was given up
///   trying      how often what is installed, or was last, was loaded before it had served a while
///   slow        from how long on a window of the current one counts as slow
///   waited      how long packages have waited to serve since one was taken up
/// and beside that folder, so that it outlives it, <name>.newest with the newest version ever.
/// Each change is one rename, so that a kill in between leaves every file whole. Thread-safe where
/// `files` is.
class ModelFolder {
 public:
  /// `files` outlives it.
  ModelFolder(FileSystem* files, const std::string& state_folder, const std::string& name);

  /// Makes `package` the next one to be installed, durably; one that was waiting is replaced.
  absl::Status Stage(absl::string_view package);

  /// There is one to be installed, or one whose installation did not end.
  bool HasNext() const { return files_->Exists(InstallingPath()) || files_->Exists(NextPath()); }
  bool HasStaged() const { return files_->Exists(NextPath()); }
  /// The staged one is at InstallingPath() from now on, whatever is staged meanwhile, in place of
  /// one that waited there. Without one, what waits there stays.
  absl::Status TakeNext();

  enum class Former { kKeep, kReplace };
  /// What is being installed serves. What was the current one is the previous one now; with
  /// kReplace it is gone, and the previous one stays.
  absl::Status Promote(Former former);
  /// Puts aside what is being installed.
  absl::Status Refuse();
  /// Puts the current one aside, and the previous one serves again. NOT_FOUND if there is none.
  absl::Status RollBack();

  /// Counts, durably, that what is being installed, or was last, is about to be loaded.
  /// FAILED_PRECONDITION if it has been three times already: it ends the program that loads it.
  absl::Status CountTry();
  /// The current one has been installed, and it is not known yet whether it lets the program live.
  bool CurrentIsOnTrial() const {
    return files_->Exists(TryingPath()) && !files_->Exists(InstallingPath());
  }
  /// It does, or it is not to be loaded any more.
  absl::Status EndTrial();

  /// From how many ns on a window of the model with these parameters counts as slow; 0: not known.
  int64_t SlowNs(absl::string_view parameters_sha256) const;
  /// Remembers it, durably, in place of what was remembered of another one.
  absl::Status NoteSlowNs(absl::string_view parameters_sha256, int64_t slow_ns);

  /// How long what is being installed, and what it has replaced, has waited so far; 0: it has not,
  /// or that is not known.
  int64_t WaitedNs() const;
  /// Remembers it, durably.
  absl::Status NoteWaitedNs(int64_t waited_ns);
  /// Nothing waits any more.
  absl::Status EndWait();

  /// UNAVAILABLE, with the way out, if the file is damaged: no package is to blame.
  absl::StatusOr<NewestVersion> Newest() const;
  /// Remembers it, durably, unless a newer one has served. What it replaces is not brought back by
  /// anything but RollBack.
  absl::Status NoteVersion(const NewestVersion& served);

  std::string InstallingPath() const { return folder_ + "/installing"; }
  std::string CurrentPath() const { return folder_ + "/current"; }
  std::string PreviousPath() const { return folder_ + "/previous"; }

 private:
  std::string NextPath() const { return folder_ + "/next"; }
  std::string RefusedPath() const { return folder_ + "/refused"; }
  std::string TryingPath() const { return folder_ + "/trying"; }
  std::string SlowPath() const { return folder_ + "/slow"; }
  std::string WaitedPath() const { return folder_ + "/waited"; }
  std::string NewestPath() const { return folder_ + ".newest"; }

  FileSystem* const files_;
  const std::string folder_;
};

}  // namespace millrace
