// SPDX-License-Identifier: Apache-2.0
#include "client/capture/capture_folder.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/name.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr absl::string_view kCaptureSuffix = ".capture";
constexpr absl::string_view kLabelSuffix = ".label";
constexpr absl::string_view kAnnouncedSuffix = ".announced";
constexpr int64_t kMostLabelBytes = 64 << 10;

/// An id is part of a path.
bool IsCaptureId(absl::string_view id) {
  return !id.empty() && id.size() <= 200 && id[0] != '.' && std::ranges::all_of(id, [](char c) {
    return absl::ascii_isalnum(c) || c == '-' || c == '_' || c == '.';
  });
}

/// Whether a file is damaged, too large or another user's: it says nothing of the others.
bool IsBeyondReading(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsResourceExhausted(status) ||
         absl::IsPermissionDenied(status);
}

/// The names in a folder that end so, without the end. A folder that is not there is empty.
absl::StatusOr<std::vector<std::string>> NamesWith(FileSystem* files, const std::string& folder,
                                                   absl::string_view suffix) {
  std::vector<std::string> found;
  if (!files->Exists(folder)) return found;
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, files->List(folder));
  for (absl::string_view name : names) {
    if (absl::ConsumeSuffix(&name, suffix) && IsCaptureId(name)) found.emplace_back(name);
  }
  return found;
}

}  // namespace

size_t FirstToGo(const std::vector<CaptureEntry>& entries) {
  std::vector<size_t> order(entries.size());
  std::iota(order.begin(), order.end(), 0);
  const auto by_age = [&](size_t a, size_t b) {
    const bool a_labelled = entries[a].label.has_value();
    const bool b_labelled = entries[b].label.has_value();
    if (a_labelled != b_labelled) return b_labelled;
    return entries[a].event.time_ns < entries[b].event.time_ns;
  };
  std::ranges::stable_sort(order, by_age);
  const auto unlabelled = std::ranges::count_if(
      entries, [](const CaptureEntry& entry) { return !entry.label.has_value(); });
  const int64_t candidates = unlabelled > 0 ? unlabelled : std::ssize(entries);
  const auto end = order.begin() + (candidates + 1) / 2;
  return *std::min_element(order.begin(), end, [&](size_t a, size_t b) {
    return entries[a].event.surprise < entries[b].event.surprise;
  });
}

std::string CaptureFolder::PathOf(absl::string_view id, absl::string_view suffix) const {
  return absl::StrCat(folder_, "/", id, suffix);
}

absl::StatusOr<std::string> CaptureFolder::CapturePath(absl::string_view id) const {
  std::string path = PathOf(id, kCaptureSuffix);
  if (IsCaptureId(id) && files_->Exists(path)) return path;
  return absl::NotFoundError(absl::StrCat("capture '", id, "': there is none in ", folder_,
                                          "; `captures list` names those there are"));
}

absl::StatusOr<std::vector<CaptureEntry>> CaptureFolder::List(
    std::vector<std::string>* damaged) const {
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                      NamesWith(files_, folder_, kCaptureSuffix));
  std::vector<CaptureEntry> entries;
  for (const std::string& id : ids) {
    const std::string path = PathOf(id, kCaptureSuffix);
    absl::StatusOr<CaptureEvent> event = ReadCaptureEvent(files_, path);
    if (absl::IsNotFound(event.status())) continue;  // it had to go meanwhile
    CaptureEntry entry{id, {}, 0, std::nullopt};
    const auto file = files_->Open(path, FileSystem::OpenMode::kRead);
    if (file.ok()) entry.bytes = (*file)->Size().value_or(0);
    // A disk that fails for the moment is no reason to take a capture for lost.
    if (!event.ok() && !IsBeyondReading(event.status())) return event.status();
    if (!event.ok()) {
      if (damaged != nullptr) damaged->push_back(path);
      continue;
    }
    entry.event = *std::move(event);
    const absl::StatusOr<std::string> text =
        ReadFile(files_, PathOf(id, kLabelSuffix), kMostLabelBytes);
    absl::StatusOr<CaptureLabel> label = text.ok() ? ParseLabelJson(*text) : text.status();
    if (label.ok()) {
      entry.label = *std::move(label);
    } else if (text.ok() || IsBeyondReading(text.status())) {
      if (damaged != nullptr) damaged->push_back(PathOf(id, kLabelSuffix));
    } else if (!absl::IsNotFound(text.status())) {
      return text.status();
    }
    entries.push_back(std::move(entry));
  }
  std::ranges::stable_sort(entries, {}, [](const CaptureEntry& e) { return e.event.time_ns; });
  return entries;
}

absl::StatusOr<Capture> CaptureFolder::Read(absl::string_view id) const {
  MR_ASSIGN_OR_RETURN(const std::string path, CapturePath(id));
  return ReadCapture(files_, path);
}

absl::Status CaptureFolder::SetLabel(absl::string_view id, const CaptureLabel& label) {
  MR_RETURN_IF_ERROR(CapturePath(id).status());
  return WriteFileDurably(files_, PathOf(id, kLabelSuffix), LabelJson(label));
}

absl::Status CaptureFolder::RemoveLabel(absl::string_view id) {
  MR_RETURN_IF_ERROR(CapturePath(id).status());
  const std::string path = PathOf(id, kLabelSuffix);
  if (!files_->Exists(path)) return absl::OkStatus();
  MR_RETURN_IF_ERROR(files_->Remove(path));
  return files_->SyncDirectory(folder_);
}

absl::Status CaptureFolder::MakeFolder() {
  if (files_->Exists(folder_)) return absl::OkStatus();
  MR_RETURN_IF_ERROR(files_->CreateDirectories(folder_));
  return files_->SyncDirectory(DirectoryOf(folder_));
}

absl::Status CaptureFolder::Announce(const CaptureEvent& event) {
  const std::string id = event.Id();
  for (const absl::string_view suffix : {kAnnouncedSuffix, kCaptureSuffix}) {
    if (files_->Exists(PathOf(id, suffix))) {
      return absl::AlreadyExistsError(absl::StrCat("capture ", id, " is there"));
    }
  }
  MR_RETURN_IF_ERROR(MakeFolder());
  MR_ASSIGN_OR_RETURN(const std::string bytes, CaptureBytes({event, {}}));
  return WriteFileDurably(files_, PathOf(id, kAnnouncedSuffix), bytes);
}

absl::StatusOr<std::vector<CaptureEvent>> CaptureFolder::Announced() const {
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                      NamesWith(files_, folder_, kAnnouncedSuffix));
  std::vector<CaptureEvent> events;
  for (const std::string& id : ids) {
    const std::string path = PathOf(id, kAnnouncedSuffix);
    absl::StatusOr<CaptureEvent> event = ReadCaptureEvent(files_, path);
    if (event.ok()) {
      events.push_back(*std::move(event));
    } else if (absl::IsDataLoss(event.status())) {
      MR_RETURN_IF_ERROR(files_->Remove(path));
    } else {
      return event.status();
    }
  }
  return events;
}

absl::Status CaptureFolder::Withdraw(const CaptureEvent& event) {
  const std::string path = PathOf(event.Id(), kAnnouncedSuffix);
  return files_->Exists(path) ? files_->Remove(path) : absl::OkStatus();
}

absl::Status CaptureFolder::MakeRoom(CaptureTrigger trigger, int64_t bytes, int64_t quota_bytes) {
  std::vector<std::string> damaged;
  MR_ASSIGN_OR_RETURN(std::vector<CaptureEntry> entries, List(&damaged));
  std::erase_if(entries, [&](const CaptureEntry& entry) { return entry.event.trigger != trigger; });
  int64_t held = bytes;
  for (const CaptureEntry& entry : entries) held += entry.bytes;
  if (held > quota_bytes) {  // then at the latest what nobody can read has to go
    for (const std::string& path : damaged) files_->Remove(path).IgnoreError();
  }
  while (held > quota_bytes && !entries.empty()) {
    const size_t goes = FirstToGo(entries);
    MR_RETURN_IF_ERROR(files_->Remove(PathOf(entries[goes].id, kCaptureSuffix)));
    if (entries[goes].label) files_->Remove(PathOf(entries[goes].id, kLabelSuffix)).IgnoreError();
    held -= entries[goes].bytes;
    entries.erase(entries.begin() + static_cast<int64_t>(goes));
  }
  return absl::OkStatus();
}

absl::Status CaptureFolder::Add(const Capture& capture, int64_t quota_bytes) {
  MR_ASSIGN_OR_RETURN(const std::string bytes, CaptureBytes(capture));
  const auto size = static_cast<int64_t>(bytes.size());
  if (size > quota_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("capture ", capture.event.Id(), ": ", size,
                                                   " bytes, its class's quota is ", quota_bytes));
  }
  MR_RETURN_IF_ERROR(MakeFolder());
  MR_RETURN_IF_ERROR(MakeRoom(capture.event.trigger, size, quota_bytes));
  MR_RETURN_IF_ERROR(WriteFileDurably(files_, PathOf(capture.event.Id(), kCaptureSuffix), bytes));
  return Withdraw(capture.event);
}

absl::Status CaptureFolder::Request(absl::string_view machine, absl::string_view note) {
  MR_RETURN_IF_ERROR(CheckName("machine", machine));
  const std::string folder = folder_ + "/requests";
  MR_RETURN_IF_ERROR(files_->CreateDirectories(folder));
  return WriteFileDurably(files_, absl::StrCat(folder, "/", machine, ".request"),
                          note.substr(0, kMostLabelBytes));
}

absl::StatusOr<std::vector<CaptureFolder::RequestNote>> CaptureFolder::TakeRequests() {
  const std::string folder = folder_ + "/requests";
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> machines,
                      NamesWith(files_, folder, ".request"));
  std::vector<RequestNote> requests;
  for (const std::string& machine : machines) {
    const std::string path = absl::StrCat(folder, "/", machine, ".request");
    absl::StatusOr<std::string> note = ReadFile(files_, path, kMostLabelBytes);
    // The button was pressed, even if nobody can read why.
    if (!note.ok() && IsBeyondReading(note.status())) note = "";
    MR_RETURN_IF_ERROR(note.status());
    MR_RETURN_IF_ERROR(files_->Remove(path));
    requests.push_back({machine, *std::move(note)});
  }
  return requests;
}

}  // namespace millrace
