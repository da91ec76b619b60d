// SPDX-License-Identifier: Apache-2.0
#include "client/data/line_reader.h"

#include <zlib.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "client/data/site_message.h"

namespace millrace {
namespace {

constexpr size_t kChunkBytes = size_t{256} << 10;

}  // namespace

void LineReader::Close::operator()(gzFile_s* file) const { gzclose(file); }

LineReader::LineReader(const std::string& path, int64_t max_bytes, gzFile_s* file)
    : path_(path), max_bytes_(max_bytes), file_(file) {}

absl::StatusOr<std::unique_ptr<LineReader>> LineReader::Open(const std::string& path,
                                                             int64_t max_bytes) {
  errno = 0;
  gzFile_s* const file = gzopen(path.c_str(), "rb");
  if (file == nullptr) return ErrnoStatus(errno == 0 ? ENOMEM : errno, path);
  gzbuffer(file, kChunkBytes);
  return std::unique_ptr<LineReader>(new LineReader(path, max_bytes, file));
}

absl::Status LineReader::Fill() {
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  begin_ = 0;
  if (buffer_.size() < end_ + kChunkBytes) buffer_.resize(end_ + kChunkBytes);
  errno = 0;
  const int count = gzread(file_.get(), buffer_.data() + end_, kChunkBytes);
  int error = Z_OK;
  const char* const what = gzerror(file_.get(), &error);
  if (error == Z_ERRNO) return ErrnoStatus(errno, path_);
  if (error == Z_BUF_ERROR) {
    return SiteMessage(Private{path_, "the data"},
                       ": the gzip stream ends early; copy the file again")
        .ToStatus(absl::StatusCode::kInvalidArgument);
  }
  if (count < 0 || error != Z_OK) {
    return SiteMessage(Private{path_, "the data"}, ": damaged gzip stream",
                       Private{absl::StrCat(" (", what, ")"), ""})
        .ToStatus(absl::StatusCode::kInvalidArgument);
  }
  bytes_read_ += count;
  if (bytes_read_ > max_bytes_) {
    return SiteMessage(Private{path_, "the data"}, ": more than ", max_bytes_,
                       " bytes of text; raise max_bytes or split the file")
        .ToStatus(absl::StatusCode::kResourceExhausted);
  }
  end_ += static_cast<size_t>(count);
  at_end_ = count == 0;
  return absl::OkStatus();
}

absl::StatusOr<bool> LineReader::Next(absl::string_view* line) {
  size_t searched = 0;
  const char* newline = nullptr;
  while (true) {
    const char* const from = buffer_.data() + begin_ + searched;
    newline = static_cast<const char*>(std::memchr(from, '\n', end_ - begin_ - searched));
    if (newline != nullptr || at_end_) break;
    searched = end_ - begin_;
    if (searched > kMaxLineBytes) break;
    MR_RETURN_IF_ERROR(Fill());
  }
  if (newline == nullptr && begin_ == end_) return false;
  const char* const start = buffer_.data() + begin_;
  const char* const stop = newline == nullptr ? buffer_.data() + end_ : newline;
  absl::string_view text(start, static_cast<size_t>(stop - start));
  begin_ += text.size() + (newline == nullptr ? 0 : 1);
  terminated_ = newline != nullptr;
  ++line_number_;
  if (text.size() > kMaxLineBytes) {
    return SiteMessage(Private{path_ + ":", "line "}, line_number_, ": line of more than ",
                       kMaxLineBytes, " bytes; is this a text file?")
        .ToStatus(absl::StatusCode::kInvalidArgument);
  }
  if (line_number_ == 1) {
    if (absl::StartsWith(text, "\xff\xfe") || absl::StartsWith(text, "\xfe\xff")) {
      return SiteMessage(Private{path_, "the data"}, ": UTF-16 text; export the file as UTF-8")
          .ToStatus(absl::StatusCode::kInvalidArgument);
    }
    if (absl::StartsWith(text, "\xef\xbb\xbf")) text.remove_prefix(3);
  }
  if (!text.empty() && text.back() == '\r') text.remove_suffix(1);
  *line = text;
  return true;
}

}  // namespace millrace
