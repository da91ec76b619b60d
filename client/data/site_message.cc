// SPDX-License-Identifier: Apache-2.0
#include "client/data/site_message.h"

#include <utility>

#include "absl/strings/cord.h"

namespace millrace {
namespace {

constexpr absl::string_view kPublicText = "millrace/public-text";

}  // namespace

std::string PublicText(const absl::Status& status) {
  if (const auto text = status.GetPayload(kPublicText)) return std::string(*text);
  return absl::StrCat(absl::StatusCodeToString(status.code()), "; the site's log has the reason");
}

absl::Status WithPublicText(absl::Status status, absl::string_view text) {
  status.SetPayload(kPublicText, absl::Cord(text));
  return status;
}

absl::Status Public(absl::Status status) {
  if (status.ok() || status.GetPayload(kPublicText)) return status;
  const std::string text(status.message());
  return WithPublicText(std::move(status), text);
}

}  // namespace millrace
