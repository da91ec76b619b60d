// SPDX-License-Identifier: Apache-2.0
#include "coordinator/enrollment/audit_chain.h"

#include "absl/strings/str_cat.h"
#include "base/status.h"

namespace millrace {

Digest AuditHash(const Digest& previous, const AuditEntry& entry) {
  std::string bytes = previous.ToBytes();
  absl::StrAppend(&bytes, entry.sequence, "\n", absl::ToUnixMicros(entry.time), "\n");
  for (const std::string* field : {&entry.actor, &entry.action, &entry.object, &entry.result}) {
    absl::StrAppend(&bytes, field->size(), ":", *field, "\n");
  }
  return Sha256Of(bytes);
}

absl::Status AuditVerifier::Take(const AuditEntry& entry) {
  if (entry.sequence != entries_ + 1) {
    return absl::DataLossError(absl::StrCat(
        "audit entry ", entries_ + 1, ": is missing; the next one there is ", entry.sequence));
  }
  if (entry.hash != AuditHash(head_, entry)) {
    return absl::DataLossError(absl::StrCat("audit entry ", entry.sequence,
                                            ": is not what was written, or follows another one"));
  }
  entries_ = entry.sequence;
  head_ = entry.hash;
  return absl::OkStatus();
}

v1::AuditEntry ToProto(const AuditEntry& entry) {
  v1::AuditEntry proto;
  proto.set_sequence(entry.sequence);
  proto.set_time_us(absl::ToUnixMicros(entry.time));
  proto.set_actor(entry.actor);
  proto.set_action(entry.action);
  proto.set_object(entry.object);
  proto.set_result(entry.result);
  proto.set_hash(entry.hash.ToBytes());
  return proto;
}

absl::StatusOr<AuditEntry> FromProto(const v1::AuditEntry& proto) {
  absl::StatusOr<Digest> hash = Digest::FromBytes(proto.hash());
  if (!hash.ok()) return Annotate(hash.status(), absl::StrCat("audit entry ", proto.sequence()));
  return AuditEntry{proto.sequence(),
                    absl::FromUnixMicros(proto.time_us()),
                    proto.actor(),
                    proto.action(),
                    proto.object(),
                    proto.result(),
                    *hash};
}

}  // namespace millrace
