// SPDX-License-Identifier: Apache-2.0
// A stretch of a machine's rows that is kept because something called for it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/file_system.h"
#include "client/store/stored_rows.h"

namespace millrace {

/// What called for a capture: its class.
enum class CaptureTrigger : uint8_t { kAlarm, kDrift, kLowConfidence, kButton, kRandom };
inline constexpr int kCaptureTriggers = 5;

/// "alarm", "drift", "low_confidence", "button", "random".
absl::string_view NameOf(CaptureTrigger trigger);
std::optional<CaptureTrigger> CaptureTriggerNamed(absl::string_view name);

struct CaptureEvent {
  std::string machine;
  CaptureTrigger trigger = CaptureTrigger::kButton;
  int64_t time_ns = 0;    // of the window's last row
  int64_t window_ns = 0;  // from the window's first row to its last; 0: there is no window
  int64_t from_ns = 0;    // what is kept: [from_ns, to_ns)
  int64_t to_ns = 0;
  double surprise = 0;  // among those of its class the larger ones stay longer
  std::string reason;   // one line for people
  std::string model;    // that judged; empty: none did
  int64_t version = 0;
  bool own_labels = false;  // the model learns labels: what is said of its capture is one of them

  /// Names it, and is the same for the same rows and trigger: "20261122T001500.125Z-pump-1-alarm".
  std::string Id() const;
  /// Whether a label of the capture is that of a window whose last row is at `row_ns`: both windows
  /// share half of their rows. Without a window all are.
  bool IsLabelled(int64_t row_ns) const;
};

struct Capture {
  CaptureEvent event;
  std::vector<StoredRows> rows;  // by their time
};

/// Largest capture file.
inline constexpr int64_t kMaxCaptureBytes = int64_t{256} << 20;

/// A file of it: "MRC1", the lengths of event and rows (uint32, little-endian), the SHA-256 over
/// all that and the event (its first 8 bytes), the event, the rows. INVALID_ARGUMENT beyond
/// kMaxCaptureBytes.
absl::StatusOr<std::string> CaptureBytes(const Capture& capture);
/// DATA_LOSS for anything that CaptureBytes did not give.
absl::StatusOr<Capture> ReadCapture(FileSystem* files, const std::string& path);
/// The same without reading the rows.
absl::StatusOr<CaptureEvent> ReadCaptureEvent(FileSystem* files, const std::string& path);

}  // namespace millrace
