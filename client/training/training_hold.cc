// SPDX-License-Identifier: Apache-2.0
#include "client/training/training_hold.h"

#include <signal.h>

namespace millrace {

void TrainingHold::Hold(bool held) {
  const absl::MutexLock lock(&mutex_);
  if (held_ == held) return;
  held_ = held;
  if (child_ != 0) ::kill(child_, held ? SIGSTOP : SIGCONT);
}

bool TrainingHold::held() const {
  const absl::MutexLock lock(&mutex_);
  return held_;
}

void TrainingHold::Enter(pid_t child) {
  const absl::MutexLock lock(&mutex_);
  child_ = child;
  if (held_) ::kill(child_, SIGSTOP);
}

void TrainingHold::Leave() {
  const absl::MutexLock lock(&mutex_);
  child_ = 0;
}

}  // namespace millrace
