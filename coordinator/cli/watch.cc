// SPDX-License-Identifier: Apache-2.0
#include "coordinator/cli/watch.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "coordinator/cli/format_run.h"
#include "coordinator/cli/json.h"
#include "coordinator/cli/run_progress.h"
#include "coordinator/cli/units.h"
#include "plan/plan.h"

namespace millrace {
namespace {

constexpr absl::Duration kTick = absl::Seconds(1);
constexpr absl::Duration kFirstBackoff = absl::Milliseconds(500);
constexpr absl::Duration kMaxBackoff = absl::Seconds(2);

/// A link that broke, or a coordinator that is going down.
bool MayPass(const absl::Status& status) { return ExitCodeOf(status) == ExitCode::kUnreachable; }

Json TypedJson(const char* type, const v1::Run& run) {
  return {{"type", type}, {"run", run.id()}, {"rounds", run.rounds()}};
}

class RunWatch {
 public:
  RunWatch(std::string run, const WatchOptions& options, Connection* connection, Console* console,
           Clock* clock)
      : id_(std::move(run)),
        options_(options),
        connection_(connection),
        console_(console),
        clock_(clock) {}

  absl::StatusOr<ExitCode> Follow() {
    while (!HasEnded(run_)) {
      const absl::Status status = connection_->WatchRun(
          id_, kTick, [this](const v1::Run& run) { return Show(run); }, [this] { Redraw(); });
      if (HasEnded(run_)) break;
      if (status.ok()) {
        // Renewed every few minutes; the pause keeps a coordinator that ends watches early from
        // being called without end.
        clock_->Sleep(kFirstBackoff);
        continue;
      }
      if (!MayPass(status) || !seen_) return status;
      MR_RETURN_IF_ERROR(WaitOut(status));
    }
    console_->Live("");
    if (options_.json) {
      Json end = {{"type", "end"}};
      end.update(RunSummaryJson(run_));
      console_->Print(JsonLine(end));
    } else {
      console_->Print(RunEndedText(run_));
    }
    return ExitCodeOf(run_.phase());
  }

 private:
  /// Whether there is more to come.
  bool Show(const v1::Run& run) {
    if (!seen_) {
      // A newer coordinator's plan may say what this program does not know: then no countdown.
      if (const auto plan = ParsePlan(run.plan()); plan.ok()) {
        deadline_ = absl::Seconds(plan->cohort.deadline_s);
      }
    }
    seen_ = true;
    lost_since_.reset();
    run_ = run;
    for (const RunNews& news : progress_.Take(run)) {
      console_->Live("");
      Print(news);
    }
    if (run.held_up() != held_up_) {
      held_up_ = run.held_up();
      if (!held_up_.empty()) PrintHeldUp();
    }
    Redraw();
    return !HasEnded(run);
  }

  /// The live line says it too.
  void PrintHeldUp() {
    if (options_.json) {
      Json line = TypedJson("held_up", run_);
      line["held_up"] = held_up_;
      console_->Print(JsonLine(line));
    } else if (!console_->has_live_line()) {
      console_->Print(HeldUpText(run_));
    }
  }

  void Print(const RunNews& news) {
    const auto* ended = std::get_if<RoundEnded>(&news);
    if (options_.json) {
      if (ended == nullptr) return;  // the round's line has its failures
      Json line = TypedJson("round", run_);
      line.update(RoundJson(ended->round));
      console_->Print(JsonLine(line));
    } else {
      console_->Print(ended != nullptr ? RoundEndedText(run_, ended->round)
                                       : SiteFailureText(run_, std::get<SiteFailure>(news)));
    }
  }

  void Redraw() {
    if (options_.json || !console_->has_live_line()) return;
    if (lost_since_) {
      console_->Live(
          Fit(absl::StrCat("connection lost for ", HumanDuration(clock_->Now() - *lost_since_),
                           " of at most ", HumanDuration(options_.patience), ", trying again"),
              LiveColumns()));
    } else if (seen_ && !HasEnded(run_)) {
      console_->Live(LiveText(run_, deadline_, clock_->Now(), LiveColumns()));
    }
  }

  /// One less than the terminal has: a full line would wrap and could not be erased.
  size_t LiveColumns() const { return console_->columns() - 1; }

  /// Sleeps before the next try, or says why there is none.
  absl::Status WaitOut(const absl::Status& broken) {
    const absl::Time now = clock_->Now();
    if (!lost_since_) {
      lost_since_ = now;
      backoff_ = kFirstBackoff;
      console_->Complain(
          absl::StrCat(broken.message(), "; trying again for ", HumanDuration(options_.patience)));
    }
    const absl::Duration left = *lost_since_ + options_.patience - now;
    if (left <= absl::ZeroDuration()) {
      return Annotate(broken, absl::StrCat("run ", id_, ": watch given up after ",
                                           HumanDuration(options_.patience),
                                           "; the run may well go on: "
                                           "watch again with a longer --patience"));
    }
    Redraw();
    clock_->Sleep(std::min(backoff_, left));
    backoff_ = std::min(backoff_ * 2, kMaxBackoff);
    return absl::OkStatus();
  }

  const std::string id_;
  const WatchOptions options_;
  Connection* const connection_;
  Console* const console_;
  Clock* const clock_;

  RunProgress progress_;
  v1::Run run_;
  std::string held_up_;  // as it was last said
  bool seen_ = false;
  std::optional<absl::Duration> deadline_;  // from a round's opening
  std::optional<absl::Time> lost_since_;
  absl::Duration backoff_;
};

}  // namespace

absl::StatusOr<ExitCode> WatchRun(const std::string& run, const WatchOptions& options,
                                  Connection* connection, Console* console, Clock* clock) {
  return RunWatch(run, options, connection, console, clock).Follow();
}

}  // namespace millrace
