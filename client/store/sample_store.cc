// SPDX-License-Identifier: Apache-2.0
#include "client/store/sample_store.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr absl::string_view kSuffix = ".segment";
constexpr absl::string_view kDamagedSuffix = ".segment.damaged";
constexpr int kMostExpired = 2;
constexpr absl::Duration kMostAhead = absl::Hours(24);  // of rows, of the clock

/// Of "000000000012.segment" or that with another suffix; 0 for any other name.
int64_t NumberOf(absl::string_view name, absl::string_view suffix) {
  int64_t number = 0;
  const bool named = absl::ConsumeSuffix(&name, suffix) && name.size() == 12 &&
                     absl::SimpleAtoi(name, &number) && number > 0;
  return named ? number : 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SampleStore>> SampleStore::Open(FileSystem* files,
                                                               std::string folder,
                                                               const Limits& limits) {
  MR_RETURN_IF_ERROR(files->CreateDirectories(folder));
  MR_RETURN_IF_ERROR(files->SyncDirectory(DirectoryOf(folder)));
  std::unique_ptr<SampleStore> store(new SampleStore(files, std::move(folder), limits));
  MR_RETURN_IF_ERROR(store->Load());
  return store;
}

std::string SampleStore::PathOf(const Segment& segment) const {
  return absl::StrFormat("%s/%012d%s", folder_, segment.number,
                         segment.damaged ? kDamagedSuffix : kSuffix);
}

absl::Status SampleStore::Load() {
  MR_ASSIGN_OR_RETURN(const std::vector<std::string> names, files_->List(folder_));
  std::vector<Segment> found;
  for (const std::string& name : names) {
    Segment segment;
    segment.number = NumberOf(name, kSuffix);
    if (segment.number == 0) {
      segment.number = NumberOf(name, kDamagedSuffix);
      segment.damaged = true;
    }
    if (segment.number > 0) found.push_back(std::move(segment));
  }
  std::ranges::sort(found, {}, &Segment::number);
  for (Segment& segment : found) {
    next_number_ = segment.number + 1;
    const bool last = segment.number == found.back().number && !segment.damaged;
    MR_RETURN_IF_ERROR(LoadSegment(std::move(segment), last));
  }
  return absl::OkStatus();
}

/// Only the last segment can hold what was not synced: its rows are read too, and what is not sound
/// at its end is cut off.
absl::Status SampleStore::LoadSegment(Segment segment, bool last) {
  MR_ASSIGN_OR_RETURN(std::unique_ptr<File> file,
                      files_->Open(PathOf(segment), FileSystem::OpenMode::kReadWrite));
  MR_ASSIGN_OR_RETURN(segment.bytes, file->Size());
  absl::StatusOr<SegmentScan> scan = ScanSegment(file.get(), last);
  const bool readable = scan.ok();
  if (readable) segment.blocks = std::move(scan->blocks);
  segments_.push_back(std::move(segment));
  if (!readable || (scan->end == SegmentEnd::kCorrupt && !last)) {
    PutAside(segments_.back());
    return absl::OkStatus();
  }
  Segment& loaded = segments_.back();
  if (scan->good_bytes < loaded.bytes && !loaded.damaged) {
    MR_RETURN_IF_ERROR(file->Truncate(scan->good_bytes));
    MR_RETURN_IF_ERROR(file->Sync());
    torn_bytes_ += loaded.bytes - scan->good_bytes;
    loaded.bytes = scan->good_bytes;
  }
  if (last) open_ = std::move(file);
  return absl::OkStatus();
}

absl::Status SampleStore::StartSegment() {
  Segment segment;
  segment.number = next_number_++;
  MR_ASSIGN_OR_RETURN(open_, files_->Open(PathOf(segment), FileSystem::OpenMode::kCreate));
  segments_.push_back(std::move(segment));
  const absl::Status durable = files_->SyncDirectory(folder_);
  if (!durable.ok()) CloseSegment();
  return durable;
}

/// The next block begins another file.
void SampleStore::CloseSegment() {
  open_.reset();
  if (segments_.back().bytes == 0 && files_->Remove(PathOf(segments_.back())).ok()) {
    segments_.pop_back();
  }
}

int64_t SampleStore::Bytes() const {
  int64_t bytes = 0;
  for (const Segment& segment : segments_) bytes += segment.bytes;
  return bytes;
}

absl::Status SampleStore::RemoveSegment(std::vector<Segment>::iterator segment) {
  if (std::next(segment) == segments_.end()) open_.reset();
  MR_RETURN_IF_ERROR(files_->Remove(PathOf(*segment)));
  segments_.erase(segment);
  ++removed_;
  return absl::OkStatus();
}

absl::Status SampleStore::RemoveOldest() {
  if (segments_.empty()) {
    return absl::ResourceExhaustedError(absl::StrCat(folder_, ": nothing is left to remove"));
  }
  const auto damaged = std::ranges::find_if(segments_, &Segment::damaged);
  return RemoveSegment(damaged == segments_.end() ? segments_.begin() : damaged);
}

absl::Status SampleStore::MakeRoom(int64_t bytes) {
  if (bytes > limits_.quota_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(folder_, ": a block of ", bytes,
                                                   " bytes, the quota is ", limits_.quota_bytes));
  }
  while (Bytes() + bytes > limits_.quota_bytes) MR_RETURN_IF_ERROR(RemoveOldest());
  return absl::OkStatus();
}

absl::Status SampleStore::Write(EncodedBlock block) {
  Segment& segment = segments_.back();
  const absl::Status written = open_->WriteAt(segment.bytes, block.bytes);
  if (!written.ok()) {
    // What was written of it must not stand in front of the next one.
    if (!open_->Truncate(segment.bytes).ok()) CloseSegment();
    return written;
  }
  block.place.offset += segment.bytes;
  block.place.rows_offset += segment.bytes;
  block.place.end += segment.bytes;
  segment.bytes = block.place.end;
  segment.blocks.push_back(std::move(block.place));
  return absl::OkStatus();
}

absl::Status SampleStore::TryAppend(const EncodedBlock& block) {
  const auto bytes = static_cast<int64_t>(block.bytes.size());
  MR_RETURN_IF_ERROR(MakeRoom(bytes));
  if (open_ != nullptr && segments_.back().bytes > 0 &&
      segments_.back().bytes + bytes > limits_.segment_bytes) {
    MR_RETURN_IF_ERROR(Sync());
    CloseSegment();
  }
  if (open_ == nullptr) MR_RETURN_IF_ERROR(StartSegment());
  return Write(block);
}

absl::Status SampleStore::Append(const StoredRows& rows) {
  const auto append = [&]() -> absl::Status {
    MR_ASSIGN_OR_RETURN(const EncodedBlock block, EncodeBlock(rows));
    const absl::Status first = TryAppend(block);
    // The segment that is appended to is worth more than the one block it would make room for.
    const bool spare = open_ == nullptr ? !segments_.empty() : segments_.size() > 1;
    if (!absl::IsResourceExhausted(first) || !spare) return first;
    MR_RETURN_IF_ERROR(RemoveOldest());
    return TryAppend(block);
  };
  const absl::Status appended = append();
  if (!appended.ok()) ++dropped_;
  return appended;
}

absl::Status SampleStore::Sync() {
  if (open_ == nullptr) return absl::OkStatus();
  const absl::Status synced = open_->Sync();
  // What a failed sync leaves on the disk is not known: what comes goes into a file of its own.
  if (!synced.ok()) CloseSegment();
  return synced;
}

void SampleStore::Expire(absl::Time now) {
  std::vector<int64_t> old =
      NumbersOfOld(absl::ToUnixNanos(now - limits_.retention), absl::ToUnixNanos(now + kMostAhead));
  if (old.size() > kMostExpired) old.resize(kMostExpired);
  for (const int64_t number : old) {
    const auto segment = std::ranges::find(segments_, number, &Segment::number);
    if (!RemoveSegment(segment).ok()) return;
  }
}

/// What a wrong clock has dated ahead says nothing of a segment's age: it goes with what was
/// recorded after it.
std::vector<int64_t> SampleStore::NumbersOfOld(int64_t oldest_ns, int64_t latest_ns) const {
  std::vector<int64_t> numbers;
  bool old = false;
  for (auto segment = segments_.rbegin(); segment != segments_.rend(); ++segment) {
    int64_t newest_ns = std::numeric_limits<int64_t>::min();
    for (const BlockPlace& place : segment->blocks) {
      if (place.last_ns <= latest_ns) newest_ns = std::max(newest_ns, place.last_ns);
    }
    if (newest_ns > std::numeric_limits<int64_t>::min()) old = newest_ns < oldest_ns;
    if (old) numbers.push_back(segment->number);
  }
  std::ranges::reverse(numbers);
  return numbers;
}

void SampleStore::PutAside(Segment& segment) {
  if (segment.damaged) return;
  if (&segment == &segments_.back()) open_.reset();
  const std::string before = PathOf(segment);
  segment.damaged = true;
  // Where even this fails, the next start finds it as it is.
  if (!files_->Rename(before, PathOf(segment)).ok()) segment.damaged = false;
}

absl::StatusOr<StoredRows> SampleStore::ReadOne(int64_t number, const BlockPlace& place) {
  const auto segment = std::ranges::find(segments_, number, &Segment::number);
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                      files_->Open(PathOf(*segment), FileSystem::OpenMode::kRead));
  absl::StatusOr<StoredRows> rows = ReadBlock(file.get(), place);
  if (!rows.ok()) {
    std::erase_if(segment->blocks,
                  [&](const BlockPlace& other) { return other.offset == place.offset; });
    PutAside(*segment);
  }
  return rows;
}

void SampleStore::Read(absl::string_view machine, int64_t from_ns, int64_t to_ns,
                       const std::function<void(StoredRows)>& visit) {
  std::vector<std::pair<int64_t, BlockPlace>> found;
  for (const Segment& segment : segments_) {
    for (const BlockPlace& place : segment.blocks) {
      if (place.machine == machine && place.last_ns >= from_ns && place.first_ns < to_ns) {
        found.emplace_back(segment.number, place);
      }
    }
  }
  std::ranges::stable_sort(found, {}, [](const auto& block) { return block.second.first_ns; });
  for (const auto& [number, place] : found) {
    absl::StatusOr<StoredRows> rows = ReadOne(number, place);
    if (!rows.ok()) continue;
    rows->Trim(from_ns, to_ns);
    if (rows->rows() > 0) visit(*std::move(rows));
  }
}

int64_t SampleStore::oldest_ns() const {
  int64_t oldest_ns = std::numeric_limits<int64_t>::max();
  for (const Segment& segment : segments_) {
    for (const BlockPlace& place : segment.blocks) oldest_ns = std::min(oldest_ns, place.first_ns);
  }
  return oldest_ns;
}

SampleStore::Totals SampleStore::totals() const {
  Totals totals;
  totals.segments = std::ssize(segments_);
  for (const Segment& segment : segments_) totals.blocks += std::ssize(segment.blocks);
  totals.bytes = Bytes();
  totals.damaged = std::ranges::count_if(segments_, &Segment::damaged);
  totals.dropped = dropped_;
  totals.torn_bytes = torn_bytes_;
  totals.removed = removed_;
  return totals;
}

}  // namespace millrace
