// SPDX-License-Identifier: Apache-2.0
// Whatever happens to whichever call of the disk under the tables of who belongs to the federation:
// what was acknowledged is there, and whoever tries again gets to the same end.
#include <gmock/gmock.h>

#include <algorithm>
#include <tuple>

#include "base/crypto/renewal.h"
#include "base/crypto/revocation_list.h"
#include "base/crypto/signing_request.h"
#include "base/memory_file_system.h"
#include "base/status.h"
#include "coordinator/enrollment/audit_log.h"
#include "coordinator/enrollment/enrollment.h"
#include "coordinator/storage/storage_health.h"
#include "tests/testing/faulty_file_system.h"
#include "tests/testing/simulated_clock.h"
#include "tests/testing/sqlite_file_system.h"
#include "tests/testing/status_matchers.h"

namespace millrace {
namespace {

using testing::DiskFault;

constexpr int kMostTries = 6;

// The release build takes every call of the disk; under sanitizers that would be minutes.
#ifdef MILLRACE_SANITIZED
constexpr int64_t kStride = 7;
#else
constexpr int64_t kStride = 1;
#endif

/// What the two sites and the authority bring, the same in every turn of the sweep.
struct EnrollmentScript {
  testing::SimulatedClock clock;
  KeyAndCertificate authority = CreateAuthority("acme", clock.Now()).value();
  std::string first = NewRequest();   // press-7's
  std::string second = NewRequest();  // press-8's
  std::string next = NewRequest();    // press-7's renewal
  KeyAndCertificate present = IssueCertificate(authority, Certified()).value();
  std::string certificate =
      CertificateDer(CertifySigningRequest(authority, first, Certified()).value()).value();
  std::string revocations =
      SignRevocationList(authority, {1, {{"ab12", clock.Now()}}}, clock.Now()).value();

  static std::string NewRequest() { return MakeSigningRequest(NewPrivateKey().value()).value(); }
  CertificateRequest Certified() {
    CertificateRequest certified;
    certified.identity = {Role::kSite, "press-7"};
    certified.not_before = clock.Now() - absl::Hours(1);
    certified.not_after = clock.Now() + absl::Hours(24);
    return certified;
  }
};

/// A coordinator's side of it, on a disk of its own.
class EnrollmentRig {
 public:
  explicit EnrollmentRig(EnrollmentScript* script) : script_(script) {}

  testing::FaultyFileSystem& disk() { return disk_; }
  void CutPowerOnDeath() { power_cut_ = true; }

  /// Everything from the first start on; each step until it is acknowledged, and then never again.
  void Play() {
    const auto& s = *script_;
    // Who was told of a failure asks with a new token.
    std::string token;
    const auto invite = [&](const std::string& site) {
      Step("site.invite", site, [&, tries = 0]() mutable {
        token = absl::StrCat(site, " ", ++tries);
        return enrollment_->Invite(site, Sha256Of(token), absl::Hours(1)).status();
      });
    };
    invite("press-7");
    Step("", "redeem", [&] { return enrollment_->Redeem(token, s.first, proof_).status(); });
    Step("site.approve", "press-7", [&] {
      return enrollment_->Approve(VerifySigningRequest(s.first).value(), s.certificate).status();
    });
    invite("press-8");
    Step("", "redeem", [&] { return enrollment_->Redeem(token, s.second, proof_).status(); });
    Step("site.reject", "press-8", [&] {
      const absl::Status rejected = enrollment_->Reject("press-8", "nobody knows it");
      // It was, and the answer got lost.
      return absl::IsNotFound(rejected) ? absl::OkStatus() : rejected;
    });
    Step("", "renew", [&] {
      return enrollment_
          ->Renew("press-7", CertificateDer(s.present.certificate_pem).value(), s.next,
                  SignRenewal(s.present.key_pem, s.next).value())
          .status();
    });
    Step("site.revoke", "list",
         [&] { return membership_->PublishRevocations(s.revocations).status(); });
    invite("press-9");  // which nobody redeems
    last_token_ = token;
    EndIfDead();
    disk_.Heal();  // the fault may have been to come yet
    MR_ASSERT_OK(StartIfEnded());
  }

  using Case = std::tuple<std::string, RequestState, std::string, std::string>;
  struct Outcome {
    std::vector<Case> cases;
    std::string revocations;
    bool invited = false;
    bool operator==(const Outcome&) const = default;
  };
  Outcome Read() {
    Outcome outcome;
    const auto cases = enrollment_->Cases();
    MR_EXPECT_OK(cases);
    if (cases.ok()) {
      for (const CertificateCase& found : *cases) {
        outcome.cases.emplace_back(found.site, found.state, found.certificate, found.reason);
      }
    }
    std::ranges::sort(outcome.cases);
    outcome.revocations = store_->LoadRevocationList().value();
    outcome.invited = store_->FindInvitation(Sha256Of(last_token_)).value().has_value();
    return outcome;
  }

  /// The chain holds, and no change that was acknowledged lacks its entry.
  void ExpectAudited() {
    MR_ASSERT_OK_AND_ASSIGN(const std::vector<AuditEntry> entries, audit_->Load(0, 1000));
    AuditVerifier verifier;
    for (const AuditEntry& entry : entries) MR_EXPECT_OK(verifier.Take(entry));
    for (const auto& change : acknowledged_) {
      EXPECT_TRUE(std::ranges::any_of(entries,
                                      [&](const AuditEntry& entry) {
                                        return entry.action == change.first &&
                                               entry.object == change.second &&
                                               entry.result == "asked";
                                      }))
          << change.first << " " << change.second;
    }
  }

 private:
  absl::Status StartIfEnded() {
    if (audit_.has_value()) return absl::OkStatus();
    const absl::Status started = Start();
    if (!started.ok()) Stop();
    return started;
  }

  absl::Status Start() {
    MR_ASSIGN_OR_RETURN(
        store_, OpenSqliteEnrollmentStore(
                    "store.sqlite", [this](const absl::Status& fault) { storage_.Note(fault); }));
    MR_ASSIGN_OR_RETURN(membership_, Membership::Create(script_->authority.certificate_pem,
                                                        store_.get(), &script_->clock));
    enrollment_.emplace(store_.get(), membership_.get(), &script_->clock);
    audit_.emplace(store_.get(), &script_->clock);
    return absl::OkStatus();
  }

  void Stop() {
    audit_.reset();
    enrollment_.reset();
    membership_.reset();
    store_.reset();  // closes its files, while the disk still is dead
  }

  void EndIfDead() {
    if (!disk_.dead()) return;
    Stop();
    disk_.Heal();
    if (power_cut_) disk_.LosePower();
  }

  /// An `action` that people ask for is audited; "" for one of a site's.
  void Step(const std::string& action, const std::string& object,
            std::function<absl::Status()> change) {
    absl::Status done;
    for (int i = 0; i < kMostTries; ++i) {
      done = TryOnce(action, object, change);
      EndIfDead();
      if (done.ok()) break;
    }
    MR_ASSERT_OK(done) << action << " " << object;
    if (!action.empty()) acknowledged_.emplace_back(action, object);
  }

  absl::Status TryOnce(const std::string& action, const std::string& object,
                       const std::function<absl::Status()>& change) {
    MR_RETURN_IF_ERROR(StartIfEnded());
    if (action.empty()) return change();
    return audit_->Record({"operator ada", action, object}, [&](std::string*) { return change(); });
  }

  EnrollmentScript* const script_;
  const std::string proof_ = std::string(32, 'p');
  bool power_cut_ = false;
  MemoryFileSystem memory_;
  testing::FaultyFileSystem disk_{&memory_};
  const testing::SqliteOnFileSystem sqlite_{&disk_};
  StorageHealth storage_{&disk_, ".", 0};
  std::unique_ptr<EnrollmentStore> store_;
  std::unique_ptr<Membership> membership_;
  std::optional<Enrollment> enrollment_;
  std::optional<AuditLog> audit_;
  std::vector<std::pair<std::string, std::string>> acknowledged_;
  std::string last_token_;
};

class EnrollmentSweep : public ::testing::Test {
 protected:
  EnrollmentSweep() {
    EnrollmentRig rig(&script_);
    rig.Play();
    calls_ = rig.disk().AllCalls();
    undisturbed_ = rig.Read();
    rig.ExpectAudited();
    EXPECT_GT(calls_, 50);
    EXPECT_EQ(undisturbed_.cases.size(), 3U);
    EXPECT_TRUE(undisturbed_.invited);
  }

  void ExpectSameEnd(EnrollmentRig& rig) {
    rig.Play();
    EXPECT_EQ(rig.Read(), undisturbed_);
    rig.ExpectAudited();
  }

  EnrollmentScript script_;
  int64_t calls_ = 0;
  EnrollmentRig::Outcome undisturbed_;
};

TEST_F(EnrollmentSweep, AnyCallThatFailsOnceCostsATryAtMost) {
  for (const DiskFault fault :
       {DiskFault::kIoError, DiskFault::kDiskFull, DiskFault::kShortWrite}) {
    for (int64_t call = 0; call < calls_; call += kStride) {
      SCOPED_TRACE(absl::StrCat("call ", call, ", fault ", static_cast<int>(fault)));
      EnrollmentRig rig(&script_);
      rig.disk().FailAnyCall(call, fault);
      ExpectSameEnd(rig);
      if (HasFailure()) return;
    }
  }
}

TEST_F(EnrollmentSweep, DeathAtAnyCallLosesNothingAcknowledged) {
  for (const bool power_cut : {false, true}) {
    for (int64_t call = 0; call < calls_; call += kStride) {
      SCOPED_TRACE(absl::StrCat("call ", call, power_cut ? ", power cut" : ""));
      EnrollmentRig rig(&script_);
      if (power_cut) rig.CutPowerOnDeath();
      rig.disk().DieAt(call);
      ExpectSameEnd(rig);
      if (HasFailure()) return;
    }
  }
}

TEST_F(EnrollmentSweep, PowerCutRightAfterAnyFailedCallLosesNothingAcknowledged) {
  for (int64_t call = 0; call < calls_; call += kStride) {
    SCOPED_TRACE(call);
    EnrollmentRig rig(&script_);
    rig.CutPowerOnDeath();
    rig.disk().FailAnyCall(call, DiskFault::kIoError);
    rig.disk().DieAt(call + 1);
    ExpectSameEnd(rig);
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace millrace
