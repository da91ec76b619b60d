// SPDX-License-Identifier: Apache-2.0
#include "coordinator/model_drift.h"

#include <cmath>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/name.h"
#include "base/status.h"

namespace millrace {
namespace {

constexpr int kMostDriftingModels = 64;               // of a site
constexpr int64_t kMostWatchedChannels = 10'000'000;  // of a site
constexpr int64_t kMostDriftSeconds = int64_t{100} * 365 * 86400;

absl::Status CheckDriftNumber(absl::string_view field, int64_t value, int64_t most,
                              absl::string_view why_most = "") {
  if (value >= 0 && value <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(field, " = ", value, ": must be from 0 to ", most, why_most));
}

absl::StatusOr<ModelDrift> ParseModelDrift(const v1::ModelDrift& told) {
  ModelDrift drift;
  drift.model = told.name();
  const absl::StatusOr<Digest> digest = Digest::FromBytes(told.parameters_sha256());
  if (!digest.ok()) return Annotate(digest.status(), "parameters_sha256");
  drift.parameters = *digest;
  drift.channels_watched = told.channels_watched();
  drift.channels_in_drift = told.channels_in_drift();
  drift.score_in_drift = told.score_in_drift();
  drift.level = told.level();
  drift.lasts = absl::Seconds(told.lasts_s());
  MR_RETURN_IF_ERROR(
      CheckDriftNumber("channels_watched", told.channels_watched(), kMostWatchedChannels));
  MR_RETURN_IF_ERROR(CheckDriftNumber("channels_in_drift", told.channels_in_drift(),
                                      told.channels_watched(), ", channels_watched"));
  MR_RETURN_IF_ERROR(CheckDriftNumber("lasts_s", told.lasts_s(), kMostDriftSeconds));
  if (!std::isfinite(told.level()) || told.level() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("level = ", told.level(), ": must be a finite number, 0 or more"));
  }
  if (!drift.in_drift() && (told.lasts_s() != 0 || told.level() != 0)) {
    return absl::InvalidArgumentError(absl::StrCat(told.lasts_s() != 0 ? "lasts_s" : "level",
                                                   ": must be 0 where nothing is in drift"));
  }
  return drift;
}

}  // namespace

absl::StatusOr<std::vector<ModelDrift>> ParseDrift(
    const std::string& site, const google::protobuf::RepeatedPtrField<v1::ModelDrift>& told) {
  const std::string who = absl::StrCat("site ", site, ": drift of ");
  if (told.size() > kMostDriftingModels) {
    return absl::InvalidArgumentError(
        absl::StrCat(who, told.size(), " models, of at most ", kMostDriftingModels));
  }
  std::set<std::string> names;
  std::vector<ModelDrift> all;
  for (const v1::ModelDrift& one : told) {
    MR_RETURN_IF_ERROR(Annotate(CheckName("model", one.name()), absl::StrCat(who, "a model")));
    const std::string which = absl::StrCat(who, "model ", one.name());
    if (!names.insert(one.name()).second) {
      return absl::InvalidArgumentError(absl::StrCat(which, ": comes twice"));
    }
    absl::StatusOr<ModelDrift> drift = ParseModelDrift(one);
    if (!drift.ok()) return Annotate(drift.status(), which);
    all.push_back(*std::move(drift));
  }
  return all;
}

v1::ModelDrift ToProto(const ModelDrift& drift) {
  v1::ModelDrift proto;
  proto.set_name(drift.model);
  proto.set_parameters_sha256(drift.parameters.ToBytes());
  proto.set_channels_watched(drift.channels_watched);
  proto.set_channels_in_drift(drift.channels_in_drift);
  proto.set_score_in_drift(drift.score_in_drift);
  proto.set_level(drift.level);
  proto.set_lasts_s(absl::ToInt64Seconds(drift.lasts));
  return proto;
}

}  // namespace millrace
