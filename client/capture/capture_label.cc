// SPDX-License-Identifier: Apache-2.0
#include "client/capture/capture_label.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace millrace {

std::string LabelJson(const CaptureLabel& label) {
  nlohmann::ordered_json json = {{"label", label.value}};
  if (!label.note.empty()) json["note"] = label.note;
  if (!label.by.empty()) json["by"] = label.by;
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

absl::StatusOr<CaptureLabel> ParseLabelJson(absl::string_view text) {
  const nlohmann::json json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("label") || !json["label"].is_number()) {
    return absl::InvalidArgumentError("a label is written as {\"label\": 3, \"note\": \"why\"}");
  }
  CaptureLabel label;
  label.value = json["label"].get<double>();
  if (!std::isfinite(label.value)) return absl::InvalidArgumentError("its label is not finite");
  const auto text_of = [&](const char* key, std::string* out) {
    if (!json.contains(key)) return true;
    if (!json[key].is_string()) return false;
    *out = json[key].get<std::string>();
    return true;
  };
  if (!text_of("note", &label.note) || !text_of("by", &label.by)) {
    return absl::InvalidArgumentError("its note and by are text");
  }
  return label;
}

}  // namespace millrace
