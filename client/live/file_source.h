// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/steady_notification.h"
#include "client/data/fields.h"
#include "client/live/file_config.h"
#include "client/live/growing_file.h"
#include "client/live/source.h"
#include "client/live/source_record.h"
#include "client/live/stream_channels.h"
#include "client/live/table_rows.h"

namespace millrace {

/// Follows a file that grows.
class FileSource final : public Source {
 public:
  /// `config` has passed ReadSourceConfigs.
  FileSource(const std::string& name, const FileConfig& config,
             const std::vector<ChannelRename>& renames, const SourceContext& context);

  void Run() override;
  void Stop() override { stopped_.Notify(); }
  SourceStatus Status() const override { return record_.Status(); }

 private:
  /// Whether there was anything to read.
  bool ReadOn();
  void TakeLine(absl::string_view line, SampleBatch* batch);
  absl::Status TakeFields(SampleBatch* batch);
  void Begin();

  const FileConfig config_;
  const SourceContext context_;
  SourceRecord record_;
  StreamChannels channels_;
  GrowingFile file_;
  LineAssembler lines_;
  FieldSplitter splitter_;
  TableRows rows_;
  bool has_columns_ = false;
  int64_t heard_ns_;  // when the last row came
  std::vector<absl::string_view> fields_;
  SteadyNotification stopped_;
};

}  // namespace millrace
