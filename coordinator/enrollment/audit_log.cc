// SPDX-License-Identifier: Apache-2.0
#include "coordinator/enrollment/audit_log.h"

#include "absl/strings/str_cat.h"
#include "base/log.h"
#include "base/status.h"
#include "base/text.h"

namespace millrace {
namespace {

constexpr size_t kMaxText = 1000;  // bytes of a field that come from outside

std::string ResultOf(const absl::Status& status) {
  if (status.ok()) return "ok";
  return absl::StrCat(absl::StatusCodeToString(status.code()), ": ",
                      Utf8(status.message(), kMaxText));
}

}  // namespace

absl::Status AuditLog::Record(AuditedChange asked,
                              const std::function<absl::Status(std::string* object)>& change) {
  MR_RETURN_IF_ERROR(Append(asked, "asked"));
  const absl::Status result = change(&asked.object);
  // The change is made whatever becomes of this entry; "asked" stands for it.
  if (const absl::Status written = Append(asked, ResultOf(result)); !written.ok()) {
    LogError("audit entry lost", {{"action", asked.action}, {"error", written.message()}});
  }
  return result;
}

void AuditLog::Refused(const AuditedChange& asked, const absl::Status& why) {
  if (const absl::Status written = Append(asked, ResultOf(why)); !written.ok()) {
    LogError("audit entry lost", {{"action", asked.action}, {"error", written.message()}});
  }
}

absl::Status AuditLog::Append(const AuditedChange& change, const std::string& result) {
  return store_->AppendAudit(
      {0, clock_->Now(), change.actor, change.action, Utf8(change.object, kMaxText), result, {}});
}

}  // namespace millrace
