// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/format_run.h"

#include <algorithm>
#include <map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/text.h"
#include "coordinator/cli/table.h"
#include "coordinator/cli/units.h"

namespace millrace {
namespace {

constexpr int kBarWidth = 24;
constexpr size_t kNoteWidth = 60;  // of a note in a table; `run show` and JSON have all of it

/// `end_ms`, or `now` for what is still going on.
absl::Duration Took(int64_t begin_ms, int64_t end_ms, absl::Time now) {
  if (begin_ms == 0) return absl::ZeroDuration();
  return (end_ms == 0 ? now : absl::FromUnixMillis(end_ms)) - absl::FromUnixMillis(begin_ms);
}

/// "4 sites", "1 site".
std::string Sites(int64_t count) { return absl::StrCat(count, count == 1 ? " site" : " sites"); }

/// Of training. An evaluation has a loss too, in another unit: what is validated says more.
const double* LossOf(const v1::Round& round) {
  const auto found = round.metrics().find("train_loss");
  return found == round.metrics().end() ? nullptr : &found->second;
}

/// `note` without the reasons of the sites, which stand on lines of their own; the coordinator adds
/// "; site <name>: <reason>" for each.
std::string WithoutFailures(std::string note, const v1::Round& round) {
  for (const auto& [site, reason] : round.failures()) {
    const std::string part = absl::StrCat("; site ", site, ": ", reason);
    if (const size_t at = note.find(part); at != std::string::npos) note.erase(at, part.size());
  }
  return Printable(note);
}

/// Of a run: a failed one quotes its last round.
std::string NoteOf(const v1::Run& run) {
  return run.history().empty() ? Printable(run.note())
                               : WithoutFailures(run.note(), *run.history().rbegin());
}

/// "rmse 14.2": the model on held-back data. A training round measures the model it starts from.
std::string ValidationText(const v1::Round& round) {
  std::vector<std::string> parts;
  for (const char* name : {"rmse", "accuracy", "mse"}) {
    const auto found = round.metrics().find(name);
    if (found != round.metrics().end()) {
      parts.push_back(absl::StrCat(name, " ", HumanNumber(found->second)));
    }
  }
  return absl::StrJoin(parts, "  ");
}

std::string OrNothing(std::string text) { return text.empty() ? kNothing : text; }

std::string RoundsText(const v1::Run& run, absl::Time now) {
  Table table({"ROUND", ">TRY", "STATE", ">SITES", ">FAILED", ">LOSS", "VALIDATION", ">TOOK", ">UP",
               ">DOWN", "NOTE"});
  for (const v1::Round& round : run.history()) {
    const double* loss = LossOf(round);
    table.AddRow({RoundLabel(run, round), absl::StrCat(round.attempt()),
                  std::string(Name(round.phase())),
                  absl::StrCat(round.received_size(), "/", round.target()),
                  absl::StrCat(round.failures_size()),
                  loss == nullptr ? kNothing : HumanNumber(*loss), OrNothing(ValidationText(round)),
                  HumanDuration(Took(round.opened_ms(), round.ended_ms(), now)),
                  HumanBytes(round.bytes_up()), HumanBytes(round.bytes_down()),
                  Fit(WithoutFailures(round.note(), round), kNoteWidth)});
  }
  return table.empty() ? "" : absl::StrCat("\n", table.Text());
}

std::string FailuresText(const v1::Run& run) {
  Table table({"ROUND", ">TRY", "SITE", "FAILED BECAUSE"});
  RunProgress progress;
  for (const RunNews& news : progress.Take(run)) {
    if (const auto* failed = std::get_if<SiteFailure>(&news)) {
      table.AddRow({RoundLabel(run, failed->round), absl::StrCat(failed->round.attempt()),
                    failed->site, failed->reason});
    }
  }
  return table.empty() ? "" : absl::StrCat("\n", table.Text());
}

std::string Bar(int64_t done, int64_t target) {
  const int64_t filled =
      target <= 0 ? 0 : std::clamp<int64_t>(kBarWidth * done / target, 0, kBarWidth);
  return absl::StrCat("[", std::string(filled, '#'), std::string(kBarWidth - filled, '.'), "]");
}

template <typename Map>
Json SortedJson(const Map& map) {
  return std::map<std::string, typename Map::mapped_type>(map.begin(), map.end());
}

}  // namespace

absl::string_view Name(v1::RunPhase phase) {
  switch (phase) {
    case v1::RUN_PHASE_RUNNING:
      return "running";
    case v1::RUN_PHASE_FINISHED:
      return "finished";
    case v1::RUN_PHASE_FAILED:
      return "failed";
    case v1::RUN_PHASE_STOPPED:
      return "stopped";
    default:
      return "unknown";
  }
}

absl::string_view Name(v1::RoundPhase phase) {
  switch (phase) {
    case v1::ROUND_PHASE_OPEN:
      return "open";
    case v1::ROUND_PHASE_CLOSED:
      return "aggregating";
    case v1::ROUND_PHASE_COMMITTED:
      return "committed";
    case v1::ROUND_PHASE_ABANDONED:
      return "abandoned";
    default:
      return "unknown";
  }
}

absl::string_view Name(v1::TaskKind task) {
  switch (task) {
    case v1::TASK_KIND_STATISTICS:
      return "scaling";
    case v1::TASK_KIND_TRAINING:
      return "training";
    case v1::TASK_KIND_EVALUATION:
      return "evaluation";
    default:
      return "unknown";
  }
}

std::string RunsText(const v1::ListRunsResponse& runs, absl::Time now, absl::TimeZone zone) {
  Table table({"RUN", "STATE", ">ROUNDS", ">VERSION", "STARTED", ">TOOK", "NOTE"});
  for (const v1::Run& run : runs.runs()) {
    table.AddRow({run.id(), std::string(Name(run.phase())),
                  absl::StrCat(run.rounds_done(), "/", run.rounds()), absl::StrCat(run.version()),
                  HumanTime(run.created_ms(), zone),
                  HumanDuration(Took(run.created_ms(), run.ended_ms(), now)),
                  Fit(Printable(run.held_up().empty() ? run.note() : run.held_up()), kNoteWidth)});
  }
  return table.empty() ? "no runs yet; start one with: millrace run start PLAN.toml\n"
                       : table.Text();
}

/// Who can read a site's update.
std::string UpdatesText(const std::string& secure_aggregation) {
  if (secure_aggregation.empty()) return "";
  if (secure_aggregation == "off") return "in the clear: the coordinator can read each site's";
  return absl::StrCat("masked: the coordinator learns their sum alone (", secure_aggregation, ")");
}

std::string RunText(const v1::Run& run, absl::Time now, absl::TimeZone zone) {
  int64_t up = 0;
  int64_t down = 0;
  for (const v1::Round& round : run.history()) {
    up += round.bytes_up();
    down += round.bytes_down();
  }
  const std::string head = KeyValueText(
      {{"run", run.id()},
       {"state", std::string(Name(run.phase()))},
       {"held up", Printable(run.held_up())},
       {"note", NoteOf(run)},
       {"started by", Printable(run.started_by())},
       {"rounds", absl::StrCat(run.rounds_done(), " of ", run.rounds())},
       {"version", absl::StrCat(run.version())},
       {"updates", UpdatesText(run.secure_aggregation())},
       {"started", HumanTime(run.created_ms(), zone)},
       {"ended", run.ended_ms() == 0 ? "" : HumanTime(run.ended_ms(), zone)},
       {"took", HumanDuration(Took(run.created_ms(), run.ended_ms(), now))},
       {"transfer", absl::StrCat(HumanBytes(up), " up, ", HumanBytes(down), " down")}});
  return absl::StrCat(head, RoundsText(run, now), FailuresText(run));
}

std::string RoundLabel(const v1::Run& run, const v1::Round& round) {
  if (round.task() == v1::TASK_KIND_STATISTICS || round.task() == v1::TASK_KIND_EVALUATION) {
    return std::string(Name(round.task()));
  }
  const std::string rounds = absl::StrCat(run.rounds());
  return absl::StrFormat("round %*d/%s", rounds.size(), round.round(), rounds);
}

std::string RoundEndedText(const v1::Run& run, const v1::Round& round) {
  const std::string label = RoundLabel(run, round);
  const std::string took = HumanDuration(
      Took(round.opened_ms(), round.ended_ms(), absl::FromUnixMillis(round.opened_ms())));
  if (round.phase() == v1::ROUND_PHASE_ABANDONED) {
    return absl::StrCat(label, "  attempt ", round.attempt(), " given up after ", took, ": ",
                        WithoutFailures(round.note(), round));
  }
  // As wide as "round 30/30" of this run, so that the lines of all tasks align.
  const size_t width = std::max<size_t>(
      DisplayWidth("evaluation"), DisplayWidth("round /") + 2 * absl::StrCat(run.rounds()).size());
  std::vector<std::string> parts = {
      absl::StrCat(label, std::string(width - std::min(width, label.size()), ' ')),
      Sites(round.received_size())};
  if (const double* loss = LossOf(round)) parts.push_back("loss " + HumanNumber(*loss));
  if (std::string score = ValidationText(round); !score.empty()) parts.push_back(std::move(score));
  parts.push_back(took);
  return absl::StrJoin(parts, "  ");
}

std::string SiteFailureText(const v1::Run& run, const SiteFailure& failed) {
  return absl::StrCat(RoundLabel(run, failed.round), "  site ", Printable(failed.site),
                      " failed: ", Printable(failed.reason));
}

std::string HeldUpText(const v1::Run& run) {
  return absl::StrCat("run ", run.id(), " ", Printable(run.held_up()));
}

std::string RunEndedText(const v1::Run& run) {
  const absl::Duration took =
      Took(run.created_ms(), run.ended_ms(), absl::FromUnixMillis(run.created_ms()));
  return absl::StrCat("run ", run.id(), " ", std::string(Name(run.phase())), ": ", NoteOf(run),
                      " (version ", run.version(), ", ", HumanDuration(took), ")");
}

std::string LiveText(const v1::Run& run, std::optional<absl::Duration> deadline, absl::Time now,
                     size_t columns) {
  const v1::Round* round = OpenRound(run);
  if (round == nullptr) {
    const std::string& why = run.held_up().empty() ? run.note() : run.held_up();
    return Fit(
        absl::StrCat("waiting to open the next round", why.empty() ? "" : ": ", Printable(why)),
        columns);
  }
  std::string text =
      absl::StrCat(RoundLabel(run, *round), "  ", Bar(round->received_size(), round->target()), " ",
                   round->received_size(), "/", Sites(round->target()));
  if (!run.held_up().empty()) {
    absl::StrAppend(&text, "  ", Printable(run.held_up()));
  } else if (round->phase() == v1::ROUND_PHASE_CLOSED) {
    absl::StrAppend(&text, "  aggregating");
  } else if (!round->secure_phase().empty() && round->secure_phase() != "mask") {
    absl::StrAppend(&text, "  ", round->secure_phase());
  } else if (deadline) {
    const absl::Duration left = absl::FromUnixMillis(round->opened_ms()) + *deadline - now;
    absl::StrAppend(&text, "  ", std::max<int64_t>(0, absl::ToInt64Seconds(left)),
                    " s to the deadline");
  }
  return Fit(text, columns);
}

Json RoundJson(const v1::Round& round) {
  return {{"round", round.round()},
          {"attempt", round.attempt()},
          {"task", std::string(Name(round.task()))},
          {"state", std::string(Name(round.phase()))},
          {"cohort", std::vector<std::string>(round.cohort().begin(), round.cohort().end())},
          {"received", std::vector<std::string>(round.received().begin(), round.received().end())},
          {"failures", SortedJson(round.failures())},
          {"target", round.target()},
          {"minimum", round.minimum()},
          {"opened", JsonTime(round.opened_ms())},
          {"ended", JsonTime(round.ended_ms())},
          {"seconds", JsonSeconds(round.opened_ms(), round.ended_ms())},
          {"metrics", SortedJson(round.metrics())},
          {"note", round.note()},
          {"bytes_up", round.bytes_up()},
          {"bytes_down", round.bytes_down()}};
}

Json RunSummaryJson(const v1::Run& run) {
  return {{"run", run.id()},
          {"state", std::string(Name(run.phase()))},
          {"note", run.note()},
          {"held_up", run.held_up()},
          {"started_by", run.started_by()},
          {"rounds", run.rounds()},
          {"rounds_done", run.rounds_done()},
          {"version", run.version()},
          {"secure_aggregation", run.secure_aggregation()},
          {"created", JsonTime(run.created_ms())},
          {"ended", JsonTime(run.ended_ms())},
          {"seconds", JsonSeconds(run.created_ms(), run.ended_ms())}};
}

Json RunJson(const v1::Run& run) {
  Json json = RunSummaryJson(run);
  json["plan"] = run.plan();
  json["history"] = Json::array();
  for (const v1::Round& round : run.history()) json["history"].push_back(RoundJson(round));
  return json;
}

Json RunsJson(const v1::ListRunsResponse& runs) {
  Json list = Json::array();
  for (const v1::Run& run : runs.runs()) list.push_back(RunSummaryJson(run));
  return {{"runs", std::move(list)}};
}

}  // namespace millrace
