// SPDX-License-Identifier: Apache-2.0
#include "client/data/table_reader.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/log.h"
#include "base/status.h"

namespace millrace {
namespace {

std::string Listed(std::span<const std::string> names) {
  return absl::StrJoin(names, ", ", [](std::string* out, const std::string& name) {
    absl::StrAppend(out, Shown(name));
  });
}

}  // namespace

TableReader::TableReader(const std::string& path, char separator, std::unique_ptr<LineReader> lines)
    : path_(path), splitter_(separator), lines_(std::move(lines)) {}

absl::StatusOr<std::unique_ptr<TableReader>> TableReader::Open(const std::string& path,
                                                               const Options& options) {
  MR_ASSIGN_OR_RETURN(std::unique_ptr<LineReader> lines, LineReader::Open(path, options.max_bytes));
  std::unique_ptr<TableReader> table(new TableReader(path, options.separator, std::move(lines)));
  MR_RETURN_IF_ERROR(table->ReadHeader(options));
  return table;
}

absl::Status TableReader::ReadHeader(const Options& options) {
  columns_ = options.columns;
  if (columns_.empty()) {
    absl::string_view line;
    do {
      MR_ASSIGN_OR_RETURN(const bool more, lines_->Next(&line));
      if (!more) {
        return Refusal("empty file; a header line was expected");
      }
    } while (absl::StripAsciiWhitespace(line).empty());
    std::vector<absl::string_view> names;
    if (!splitter_.Split(line, &names)) {
      return Refusal("a quote in the header does not end on its line");
    }
    for (const absl::string_view name : names) columns_.emplace_back(name);
  }
  const std::vector<std::string> original = columns_;
  for (const ColumnRename& rename : options.renames) {
    const auto found = std::find(original.begin(), original.end(), rename.column);
    if (found == original.end()) {
      return SiteMessage(Private{path_, "the data"}, ": rename of column ", Shown(rename.column),
                         ", which the file does not have",
                         Private{absl::StrCat("; it has ", Listed(original)), ""})
          .ToStatus(absl::StatusCode::kInvalidArgument);
    }
    columns_[static_cast<size_t>(found - original.begin())] = rename.name;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<size_t>> TableReader::Find(std::span<const std::string> names) const {
  std::vector<size_t> indices;
  std::vector<std::string> missing;
  for (const std::string& name : names) {
    const auto found = std::find(columns_.begin(), columns_.end(), name);
    if (found == columns_.end()) {
      missing.push_back(name);
    } else if (std::find(found + 1, columns_.end(), name) != columns_.end()) {
      return SiteMessage(Private{path_, "the data"}, ": two columns are called ", Shown(name),
                         "; rename one of them")
          .ToStatus(absl::StatusCode::kInvalidArgument);
    } else {
      indices.push_back(static_cast<size_t>(found - columns_.begin()));
    }
  }
  if (!missing.empty()) {
    return SiteMessage(Private{path_, "the data"}, ": no column ", Listed(missing),
                       Private{absl::StrCat("; the file has ", Listed(columns_)), ""},
                       " (rename maps a column of the file to a name of the plan)")
        .ToStatus(absl::StatusCode::kInvalidArgument);
  }
  return indices;
}

absl::StatusOr<bool> TableReader::Next(std::vector<absl::string_view>* fields) {
  absl::string_view line;
  while (true) {
    MR_ASSIGN_OR_RETURN(const bool more, lines_->Next(&line));
    if (!more) return false;
    const bool whole = splitter_.Split(line, fields);
    if (whole && fields->size() == columns_.size()) {
      if (!lines_->terminated()) WarnOfLastLine("last line has no end; its last field may be cut");
      return true;
    }
    if (absl::StripAsciiWhitespace(line).empty()) continue;
    if (!lines_->terminated() && (!whole || fields->size() < columns_.size())) {
      WarnOfLastLine("half-written last line dropped");
      return false;
    }
    if (!whole) return Refusal("a quote does not end, or text follows it");
    return Refusal(
        SiteMessage(fields->size(), " fields where ", columns_.size(), " columns are named"));
  }
}

absl::Status TableReader::Refusal(size_t column, const SiteMessage& reason,
                                  absl::StatusCode code) const {
  return Refusal(SiteMessage("column ", Shown(columns_[column]), ": ", reason), code);
}

absl::Status TableReader::Refusal(const SiteMessage& reason, absl::StatusCode code) const {
  return SiteMessage(Where(), ": ", reason).ToStatus(code);
}

bool TableReader::DropAsHalfWritten(size_t column) const {
  if (lines_->terminated() || column + 1 != columns_.size()) return false;
  WarnOfLastLine("half-written last line dropped");
  return true;
}

SiteMessage TableReader::Where() const {
  if (lines_->line_number() == 0) return Private{path_, "the data"};
  return SiteMessage(Private{path_ + ":", "line "}, lines_->line_number());
}

void TableReader::WarnOfLastLine(absl::string_view event) const {
  LogWarning(event, {{"at", Where().whole()}});
}

}  // namespace millrace
