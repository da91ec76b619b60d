// SPDX-License-Identifier: Apache-2.0
#include "client/live/growing_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/status.h"

namespace millrace {
namespace {

constexpr int64_t kMostBytes = int64_t{1} << 18;  // at a time
constexpr int64_t kLongestLine = int64_t{1} << 20;

}  // namespace

void GrowingFile::Close() {
  if (descriptor_ >= 0) ::close(descriptor_);
  descriptor_ = -1;
}

absl::Status GrowingFile::ReadAt(int64_t offset, int64_t most, std::string* bytes) const {
  bytes->resize(static_cast<size_t>(most));
  ssize_t count = 0;
  do {
    count = ::pread(descriptor_, bytes->data(), bytes->size(), offset);
  } while (count < 0 && errno == EINTR);
  if (count < 0) return ErrnoStatus(errno, path_);
  bytes->resize(static_cast<size_t>(count));
  return absl::OkStatus();
}

absl::Status GrowingFile::Open() {
  // Not blocking, for the case that somebody puts a pipe there.
  const int descriptor = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) return ErrnoStatus(errno, path_);
  absl::StatusOr<FileVersion> version = VersionOf(path_, descriptor);
  if (!version.ok()) {
    ::close(descriptor);
    return version.status();
  }
  Close();
  descriptor_ = descriptor;
  opened_ = *version;
  offset_ = 0;
  return absl::OkStatus();
}

absl::Status GrowingFile::SkipToEnd(std::string* header) {
  std::string bytes;
  if (start_ == Start::kHeaderAndEnd) {
    MR_RETURN_IF_ERROR(ReadAt(0, kLongestLine, &bytes));
    const size_t end = bytes.find('\n');
    if (end == std::string::npos) return absl::OkStatus();  // no whole line yet: from the beginning
    *header = bytes.substr(0, end + 1);
    offset_ = static_cast<int64_t>(end) + 1;
  }
  const int64_t from = std::max(offset_, opened_.size - kLongestLine);
  MR_RETURN_IF_ERROR(ReadAt(from, std::max<int64_t>(0, opened_.size - from), &bytes));
  const size_t last = bytes.rfind('\n');
  if (last != std::string::npos) offset_ = from + static_cast<int64_t>(last) + 1;
  return absl::OkStatus();
}

absl::StatusOr<GrowingFile::News> GrowingFile::Next() {
  News news;
  if (descriptor_ < 0) {
    MR_RETURN_IF_ERROR(Open());
    news.begins = true;
    if (start_ != Start::kBeginning) {
      MR_RETURN_IF_ERROR(SkipToEnd(&news.bytes));
      start_ = Start::kBeginning;
      return news;
    }
  }
  MR_RETURN_IF_ERROR(ReadAt(offset_, kMostBytes, &news.bytes));
  if (news.bytes.empty()) {
    MR_ASSIGN_OR_RETURN(const FileVersion here, VersionOf(path_, descriptor_));
    const absl::StatusOr<FileVersion> named = VersionOf(path_);
    const bool rotated =
        named.ok() && (named->inode != opened_.inode || named->device != opened_.device);
    if (rotated) {
      MR_RETURN_IF_ERROR(Open());
    } else if (here.size < offset_) {
      offset_ = 0;
    } else {
      return news;
    }
    news.begins = true;
    MR_RETURN_IF_ERROR(ReadAt(offset_, kMostBytes, &news.bytes));
  }
  offset_ += static_cast<int64_t>(news.bytes.size());
  return news;
}

}  // namespace millrace
