// SPDX-License-Identifier: Apache-2.0
#include "client/live/file_source.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/status.h"
#include "client/live/delivery.h"

namespace millrace {
namespace {

GrowingFile::Start StartOf(const FileConfig& config) {
  if (config.from_beginning) return GrowingFile::Start::kBeginning;
  return config.rows.columns.empty() ? GrowingFile::Start::kHeaderAndEnd : GrowingFile::Start::kEnd;
}

}  // namespace

FileSource::FileSource(const std::string& name, const FileConfig& config,
                       const std::vector<ChannelRename>& renames, const SourceContext& context)
    : config_(config),
      context_(context),
      record_(name),
      channels_(context.channels, renames, &record_),
      file_(config.path, StartOf(config)),
      splitter_(config.rows.separator),
      rows_(config.rows, &channels_),
      heard_ns_(context.clock->MonotonicNs()) {}

void FileSource::Run() {
  while (!stopped_.HasBeenNotified()) {
    if (!ReadOn()) stopped_.WaitForNotificationWithTimeout(absl::Seconds(config_.poll_s));
  }
}

void FileSource::Begin() {
  record_.Connected();
  lines_.Clear();
  has_columns_ = false;
  if (config_.rows.columns.empty()) return;
  const absl::Status status = rows_.SetColumns(config_.rows.columns);
  has_columns_ = status.ok();
  if (!status.ok()) record_.Refused(status.message());
}

bool FileSource::ReadOn() {
  const absl::StatusOr<GrowingFile::News> news = file_.Next();
  if (!news.ok()) {
    record_.State(SourceState::kFailed, news.status().message());
    return false;
  }
  if (news->begins) Begin();
  SampleBatch batch;
  lines_.Feed(
      news->bytes, [&](absl::string_view line) { TakeLine(line, &batch); },
      [&](absl::string_view reason) { record_.Refused(reason); });
  RefuseFuture(batch.samples, context_, record_);
  const int64_t now_ns = context_.clock->MonotonicNs();
  if (!batch.samples.empty()) {
    heard_ns_ = now_ns;
    // The file keeps what the queue has no room for, above all when it is read from its beginning.
    DeliverPatiently(std::move(batch.samples), /*recorded=*/false, context_, stopped_, record_);
  } else if (config_.stale_s > 0 &&
             static_cast<double>(now_ns - heard_ns_) > config_.stale_s * kNsPerS) {
    record_.State(SourceState::kStale,
                  absl::StrCat("no row for more than ", config_.stale_s, " s"));
  }
  return !news->bytes.empty();
}

void FileSource::TakeLine(absl::string_view line, SampleBatch* batch) {
  if (absl::StripAsciiWhitespace(line).empty()) return;
  record_.Message();
  absl::Status status;
  if (!splitter_.Split(line, &fields_)) {
    status = absl::InvalidArgumentError("a quote does not end on its line");
  } else {
    status = TakeFields(batch);
  }
  if (!status.ok()) record_.Refused(absl::StrCat(config_.path, ": ", status.message()));
}

absl::Status FileSource::TakeFields(SampleBatch* batch) {
  if (has_columns_) return rows_.Append(fields_, context_.clock->UnixNs(), &batch->samples);
  MR_RETURN_IF_ERROR(rows_.SetColumns({fields_.begin(), fields_.end()}));
  has_columns_ = true;
  return absl::OkStatus();
}

}  // namespace millrace
