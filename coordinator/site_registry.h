// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "coordinator/model_drift.h"
#include "coordinator/round/types.h"
#include "coordinator/store/store.h"
#include "millrace/v1/admin.pb.h"
#include "millrace/v1/telemetry.pb.h"

namespace millrace {

/// The sites a coordinator knows: who may take part, who is there, what each one does. Not
/// thread-safe; the engine guards it.
class SiteRegistry {
 public:
  /// With a non-empty `allowed` every other site is refused; with an empty one each site that the
  /// federation authority certified is admitted. A site counts as present for `presence` after its
  /// last check-in, by `steady`, which nobody sets; `clock` says what is written down. All of them
  /// outlive the registry.
  SiteRegistry(Store* store, Clock* clock, Clock* steady, std::vector<std::string> allowed,
               absl::Duration presence);

  absl::Status Load();

  /// PERMISSION_DENIED, naming the site and the way in, if it may not take part; the log has each
  /// such site once.
  absl::Status Admit(const std::string& site);

  /// The site asks for work, or says why it takes none now. Remembers a new site durably.
  absl::Status CheckIn(const std::string& site, const std::string& version,
                       const std::string& objection);
  /// The models that judge the site's machines, as its check-in has them.
  void Serve(const std::string& site, std::vector<v1::ServedModel> models);
  /// What it says of their drift. True if other models drift now than before.
  bool NoteDrift(const std::string& site, std::vector<ModelDrift> drift);
  /// The site's certificate counts no longer: it is not here, and was not, until it checks in
  /// again.
  void PutOut(const std::string& site);
  /// The site hung up: it is not present until it checks in again.
  void Leave(const std::string& site);
  void Report(const std::string& site, const v1::ReportRequest& report);
  /// Counts an accepted update.
  absl::Status CountUpdate(const std::string& site);

  /// True for a present site that takes work.
  bool TakesWork(const std::string& site) const;
  /// Those, sorted.
  std::vector<std::string> Present() const;
  std::vector<v1::Site> List() const;
  /// Of the sites that may take part and were seen as lately as the plan asks, present or not: how
  /// many report drift of its model. Those `at_work` count as seen: who sends an update says
  /// nothing else meanwhile. So does every known site for a while after a start, so that the first
  /// ones to come back are not taken for all.
  DriftCount CountDrift(const Plan& plan, const std::set<std::string>& at_work) const;

 private:
  struct Entry {
    SiteRecord record;
    // Of the steady clock.
    absl::Time last_check_in = absl::InfinitePast();
    absl::Time last_heard = absl::InfinitePast();
    v1::ReportRequest report;
    std::string objection;
    std::vector<v1::ServedModel> serving;
    std::vector<ModelDrift> drift;
    bool put_out = false;
  };

  bool IsAllowed(const std::string& site) const;
  /// The site was heard of.
  void Heard(Entry& entry);

  Store* const store_;
  Clock* const clock_;
  Clock* const steady_;
  const std::set<std::string> allowed_;
  const absl::Duration presence_;
  absl::Time loaded_ = absl::InfinitePast();  // of the steady clock
  std::map<std::string, Entry> sites_;
  std::set<std::string> refused_;
};

}  // namespace millrace
