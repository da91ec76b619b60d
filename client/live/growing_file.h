// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/live/file_version.h"

namespace millrace {

/// What is appended to a file that another program writes, over rotations (another file takes the
/// name, and the old one is read to its end first) and truncations. Not thread-safe.
class GrowingFile {
 public:
  enum class Start {
    kBeginning,
    kEnd,           // of the last whole line
    kHeaderAndEnd,  // the first line, then from the end on
  };
  struct News {
    std::string bytes;
    bool begins = false;  // they are a file's first; what was half-read of the last is void
  };

  /// `start` is for the file that is there first: later ones are read from their beginning.
  GrowingFile(std::string path, Start start) : path_(std::move(path)), start_(start) {}
  ~GrowingFile() { Close(); }
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  /// What has come since the last call, a part of it at a time; nothing if there is nothing. Errors
  /// name the path, and the next call tries again.
  absl::StatusOr<News> Next();

 private:
  absl::Status Open();
  absl::Status SkipToEnd(std::string* header);
  absl::Status ReadAt(int64_t offset, int64_t most, std::string* bytes) const;
  void Close();

  const std::string path_;
  Start start_;
  int descriptor_ = -1;
  FileVersion opened_;
  int64_t offset_ = 0;
};

/// Puts lines together from pieces. Not thread-safe.
class LineAssembler {
 public:
  /// Calls `take(line)` for each line that `bytes` ends, without its line end; what follows waits.
  /// A line of more than LineReader::kMaxLineBytes goes to `refuse(reason)`.
  template <typename Take, typename Refuse>
  void Feed(absl::string_view bytes, const Take& take, const Refuse& refuse);
  void Clear() {
    half_.clear();
    skipping_ = false;
  }

 private:
  static constexpr size_t kMostBytes = size_t{1} << 20;

  std::string half_;
  bool skipping_ = false;  // a line that is too long
};

template <typename Take, typename Refuse>
void LineAssembler::Feed(absl::string_view bytes, const Take& take, const Refuse& refuse) {
  while (!bytes.empty()) {
    const size_t end = bytes.find('\n');
    const absl::string_view piece = bytes.substr(0, end);
    if (!skipping_ && half_.size() + piece.size() > kMostBytes) {
      refuse("a line of more than 1 MiB");
      half_.clear();
      skipping_ = true;
    }
    if (!skipping_) half_.append(piece.data(), piece.size());
    if (end == absl::string_view::npos) return;
    bytes.remove_prefix(end + 1);
    if (!half_.empty() && half_.back() == '\r') half_.pop_back();
    if (!skipping_) take(absl::string_view(half_));
    Clear();
  }
}

}  // namespace millrace
