// SPDX-License-Identifier: Apache-2.0
#include "client/capture/capture.h"

#include <cmath>
#include <cstdlib>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/crypto/digest.h"
#include "base/status.h"
#include "millrace/internal/capture.pb.h"

namespace millrace {
namespace {

constexpr absl::string_view kCaptureMagic = "MRC1";
constexpr size_t kCaptureLengths = 12;  // bytes in front of the check
constexpr size_t kCaptureHeader = kCaptureLengths + 8;
constexpr int64_t kMaxEventBytes = 64 << 10;

constexpr absl::string_view kTriggerNames[] = {"alarm", "drift", "low_confidence", "button",
                                               "random"};

void AppendLength(std::string& out, size_t length) {
  for (int shift = 0; shift < 32; shift += 8) out.push_back(static_cast<char>(length >> shift));
}

int64_t LengthAt(absl::string_view bytes, size_t at) {
  int64_t length = 0;
  for (size_t i = at + 4; i-- > at;) length = length << 8 | static_cast<uint8_t>(bytes[i]);
  return length;
}

std::string EventCheck(absl::string_view lengths, absl::string_view event) {
  return Sha256Of(absl::StrCat(lengths, event)).ToBytes().substr(0, 8);
}

internal::CaptureEvent ToFile(const CaptureEvent& event, const Digest& rows) {
  internal::CaptureEvent file;
  file.set_machine(event.machine);
  file.set_trigger(std::string(NameOf(event.trigger)));
  file.set_time_ns(event.time_ns);
  file.set_window_ns(event.window_ns);
  file.set_from_ns(event.from_ns);
  file.set_to_ns(event.to_ns);
  file.set_surprise(event.surprise);
  file.set_reason(event.reason);
  file.set_model(event.model);
  file.set_version(event.version);
  file.set_own_labels(event.own_labels);
  file.set_rows_sha256(rows.ToBytes());
  return file;
}

std::optional<CaptureEvent> FromFile(const internal::CaptureEvent& file) {
  const std::optional<CaptureTrigger> trigger = CaptureTriggerNamed(file.trigger());
  for (const int64_t time_ns : {file.time_ns(), file.window_ns(), file.from_ns(), file.to_ns()}) {
    if (!IsSaneTime(time_ns)) return std::nullopt;
  }
  if (!trigger || file.machine().empty() || file.from_ns() > file.to_ns() || file.window_ns() < 0 ||
      !std::isfinite(file.surprise())) {
    return std::nullopt;
  }
  return CaptureEvent{file.machine(), *trigger,       file.time_ns(),   file.window_ns(),
                      file.from_ns(), file.to_ns(),   file.surprise(),  file.reason(),
                      file.model(),   file.version(), file.own_labels()};
}

/// What stands in front of the rows.
struct CaptureHead {
  CaptureEvent event;
  std::string rows_sha256;
  int64_t rows_offset = 0;
  int64_t rows_bytes = 0;
};

absl::Status Damaged(const std::string& path) {
  return absl::DataLossError(absl::StrCat(path, ": is damaged"));
}

absl::StatusOr<CaptureHead> ReadHead(File* file, const std::string& path) {
  MR_ASSIGN_OR_RETURN(const int64_t size, file->Size());
  std::string header(kCaptureHeader, '\0');
  if (size < static_cast<int64_t>(kCaptureHeader)) return Damaged(path);
  MR_RETURN_IF_ERROR(file->ReadAt(0, std::span(header)));
  const int64_t event_bytes = LengthAt(header, 4);
  CaptureHead head;
  head.rows_bytes = LengthAt(header, 8);
  head.rows_offset = static_cast<int64_t>(kCaptureHeader) + event_bytes;
  if (!absl::StartsWith(header, kCaptureMagic) || event_bytes > kMaxEventBytes ||
      size > kMaxCaptureBytes || head.rows_offset + head.rows_bytes != size) {
    return Damaged(path);
  }
  std::string event(event_bytes, '\0');
  MR_RETURN_IF_ERROR(file->ReadAt(kCaptureHeader, std::span(event)));
  internal::CaptureEvent message;
  if (EventCheck(header.substr(0, kCaptureLengths), event) != header.substr(kCaptureLengths) ||
      !message.ParseFromString(event)) {
    return Damaged(path);
  }
  std::optional<CaptureEvent> sound = FromFile(message);
  if (!sound) return Damaged(path);
  head.event = *std::move(sound);
  head.rows_sha256 = message.rows_sha256();
  return head;
}

}  // namespace

absl::string_view NameOf(CaptureTrigger trigger) {
  return kTriggerNames[static_cast<size_t>(trigger)];
}

std::optional<CaptureTrigger> CaptureTriggerNamed(absl::string_view name) {
  for (int i = 0; i < kCaptureTriggers; ++i) {
    if (kTriggerNames[i] == name) return static_cast<CaptureTrigger>(i);
  }
  return std::nullopt;
}

std::string CaptureEvent::Id() const {
  return absl::StrCat(
      absl::FormatTime("%Y%m%dT%H%M%E3SZ", absl::FromUnixNanos(time_ns), absl::UTCTimeZone()), "-",
      machine, "-", NameOf(trigger));
}

bool CaptureEvent::IsLabelled(int64_t row_ns) const {
  return window_ns == 0 || std::abs(row_ns - time_ns) <= window_ns / 2;
}

absl::StatusOr<std::string> CaptureBytes(const Capture& capture) {
  internal::CaptureRows blocks;
  for (const StoredRows& rows : capture.rows) {
    MR_RETURN_IF_ERROR(rows.Check());
    if (!blocks.add_blocks()->ParseFromString(rows.ToBytes())) {
      return absl::InternalError("rows that cannot be read back");
    }
  }
  const std::string rows = blocks.SerializeAsString();
  const std::string event = ToFile(capture.event, Sha256Of(rows)).SerializeAsString();
  const auto bytes = static_cast<int64_t>(kCaptureHeader + event.size() + rows.size());
  if (bytes > kMaxCaptureBytes || static_cast<int64_t>(event.size()) > kMaxEventBytes) {
    return absl::InvalidArgumentError(absl::StrCat("capture ", capture.event.Id(), ": ", bytes,
                                                   " bytes, at most ", kMaxCaptureBytes,
                                                   "; choose a shorter before_s and after_s"));
  }
  std::string file(kCaptureMagic);
  AppendLength(file, event.size());
  AppendLength(file, rows.size());
  absl::StrAppend(&file, EventCheck(file, event), event, rows);
  return file;
}

absl::StatusOr<CaptureEvent> ReadCaptureEvent(FileSystem* files, const std::string& path) {
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                      files->Open(path, FileSystem::OpenMode::kRead));
  MR_ASSIGN_OR_RETURN(CaptureHead head, ReadHead(file.get(), path));
  return std::move(head.event);
}

absl::StatusOr<Capture> ReadCapture(FileSystem* files, const std::string& path) {
  MR_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                      files->Open(path, FileSystem::OpenMode::kRead));
  MR_ASSIGN_OR_RETURN(CaptureHead head, ReadHead(file.get(), path));
  std::string bytes(head.rows_bytes, '\0');
  MR_RETURN_IF_ERROR(file->ReadAt(head.rows_offset, std::span(bytes)));
  internal::CaptureRows blocks;
  if (Sha256Of(bytes).ToBytes() != head.rows_sha256 || !blocks.ParseFromString(bytes)) {
    return Damaged(path);
  }
  Capture capture{std::move(head.event), {}};
  for (const internal::StoredRows& block : blocks.blocks()) {
    absl::StatusOr<StoredRows> rows = StoredRows::Parse(block.SerializeAsString());
    if (!rows.ok()) return Damaged(path);
    capture.rows.push_back(*std::move(rows));
  }
  return capture;
}

}  // namespace millrace
