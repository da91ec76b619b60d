// SPDX-License-Identifier: Apache-2.0
#include "coordinator/store/event_json.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"

namespace millrace {

using nlohmann::json;

// Hooks that nlohmann's library finds by name. They throw json::exception on a bad document, which
// EventFromJson turns into a status.

static void to_json(json& out, const Digest& digest) { out = digest.Hex(); }
static void from_json(const json& in, Digest& digest) {
  absl::StatusOr<Digest> parsed = Digest::FromHex(in.get<std::string>());
  if (!parsed.ok()) throw json::other_error::create(501, "not a digest", nullptr);
  digest = *parsed;
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Scaling::Mode, cell, mean, deviation, count)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Scaling, channels, modes, overall)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Contribution, site, digest, weight, bytes)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RunStarted, plan_text, parameters)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(DriftReached, sites, drifting, needed)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RoundOpened, round, attempt, cohort, target)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(UpdateAccepted, contribution)
static void to_json(json& out, const CoordinatorReturned&) { out = json::object(); }
static void from_json(const json&, CoordinatorReturned&) {}
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SiteAdvanced, site)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PhaseClosed, reason)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(SiteFailed, site, reason)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RoundClosed, reason)

static void to_json(json& out, const RoundCommitted& event) {
  out = {{"optimizer_state", event.optimizer_state},
         {"examples", event.examples},
         {"metrics", event.metrics},
         {"bytes_down", event.bytes_down}};
  if (event.parameters) out["parameters"] = *event.parameters;
  if (event.scaling) out["scaling"] = *event.scaling;
}
static void from_json(const json& in, RoundCommitted& event) {
  in.at("optimizer_state").get_to(event.optimizer_state);
  in.at("examples").get_to(event.examples);
  in.at("metrics").get_to(event.metrics);
  in.at("bytes_down").get_to(event.bytes_down);
  if (in.contains("parameters")) event.parameters = in["parameters"].get<Digest>();
  if (in.contains("scaling")) event.scaling = in["scaling"].get<Scaling>();
}

static void to_json(json& out, const RoundAbandoned& event) {
  out = {{"reason", event.reason}, {"retry_at_us", absl::ToUnixMicros(event.retry_at)}};
}
static void from_json(const json& in, RoundAbandoned& event) {
  in.at("reason").get_to(event.reason);
  event.retry_at = absl::FromUnixMicros(in.at("retry_at_us").get<int64_t>());
}

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RunRestored, attempt_base)
NLOHMANN_JSON_SERIALIZE_ENUM(RunPhase, {{RunPhase::kRunning, "running"},
                                        {RunPhase::kFinished, "finished"},
                                        {RunPhase::kFailed, "failed"},
                                        {RunPhase::kStopped, "stopped"}})
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(RunEnded, phase, reason)

namespace {

struct KindName {
  const char* operator()(const RunStarted&) const { return "run_started"; }
  const char* operator()(const DriftReached&) const { return "drift_reached"; }
  const char* operator()(const RoundOpened&) const { return "round_opened"; }
  const char* operator()(const CoordinatorReturned&) const { return "coordinator_returned"; }
  const char* operator()(const SiteAdvanced&) const { return "site_advanced"; }
  const char* operator()(const PhaseClosed&) const { return "phase_closed"; }
  const char* operator()(const UpdateAccepted&) const { return "update_accepted"; }
  const char* operator()(const SiteFailed&) const { return "site_failed"; }
  const char* operator()(const RoundClosed&) const { return "round_closed"; }
  const char* operator()(const RoundCommitted&) const { return "round_committed"; }
  const char* operator()(const RoundAbandoned&) const { return "round_abandoned"; }
  const char* operator()(const RunRestored&) const { return "run_restored"; }
  const char* operator()(const RunEnded&) const { return "run_ended"; }
};

/// Sets `event.body` to the alternative called `kind`, read from `document`; false if none is.
template <size_t kIndex = 0>
bool ReadBody(const std::string& kind, const json& document, Event& event) {
  using Body = decltype(event.body);
  if constexpr (kIndex < std::variant_size_v<Body>) {
    using Alternative = std::variant_alternative_t<kIndex, Body>;
    if (kind != KindName{}(Alternative{})) return ReadBody<kIndex + 1>(kind, document, event);
    event.body = document.get<Alternative>();
    return true;
  }
  return false;
}

}  // namespace

std::string EventKind(const Event& event) { return std::visit(KindName{}, event.body); }

std::string EventToJson(const Event& event) {
  // A peer's text that is no UTF-8 is kept with marks in place of what cannot be read.
  return std::visit(
      [](const auto& body) {
        return json(body).dump(-1, ' ', false, json::error_handler_t::replace);
      },
      event.body);
}

absl::StatusOr<Event> EventFromJson(absl::Time time, const std::string& kind,
                                    const std::string& text) {
  Event event;
  event.time = time;
  try {
    if (!ReadBody(kind, json::parse(text), event)) {
      return absl::InvalidArgumentError(absl::StrCat("unknown kind of event: ", kind));
    }
  } catch (const json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("event ", kind, ": ", error.what()));
  }
  return event;
}

}  // namespace millrace
