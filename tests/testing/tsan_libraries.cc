// SPDX-License-Identifier: Apache-2.0
// Tells ThreadSanitizer of abseil's locks and of gRPC's calls. Debian builds both without it, so
// that every access under an absl::Mutex, and whatever one reaction of a call leaves to its next,
// would look like a race: these definitions stand in the program in front of those of the shared
// libraries, and pass each call on with a word to the sanitizer.
#include <dlfcn.h>
#include <grpc/grpc.h>
#include <sanitizer/tsan_interface.h>

#include "absl/synchronization/mutex.h"

/// What libraries do that were built without the sanitizer is theirs.
extern "C" const char* __tsan_default_options() { return "ignore_noninstrumented_modules=1"; }

/// gRPC hands a call that is over from one of its threads to another under locks of its library,
/// while the code is templates that were compiled here. OnDone comes after every other reaction of
/// its call has returned, as gRPC documents, and the sanitizer cannot see it where the last to let
/// go of the call is the library's own cancellation: what is left to find there is
/// AddressSanitizer's. None of the other frames calls back into the project's own code.
extern "C" const char* __tsan_default_suppressions() {
  return "race:ServerCallback*Impl::~ServerCallback*Impl\n"
         "race:ServerCallback*Impl::CallOnDone\n"
         "race:ServerCallback*Impl::Finish(\n"
         "race:ServerCallback*Impl::Write(\n"
         "race:ServerCallback*Impl::Read(\n"
         "race:CallOpSet*::FinalizeResult(\n"
         "race_top:CallbackWithSuccessTag::Run(\n";
}

/// A call is held when an operation of it starts, and let go of when the operation is over, on the
/// thread that says so: all that was before the one is before what follows the other.
extern "C" void grpc_call_ref(grpc_call* call) {
  static const auto original =
      reinterpret_cast<decltype(&grpc_call_ref)>(::dlsym(RTLD_NEXT, "grpc_call_ref"));
  __tsan_release(call);
  original(call);
}

extern "C" void grpc_call_unref(grpc_call* call) {
  static const auto original =
      reinterpret_cast<decltype(&grpc_call_unref)>(::dlsym(RTLD_NEXT, "grpc_call_unref"));
  __tsan_acquire(call);
  original(call);
}

namespace absl {
ABSL_NAMESPACE_BEGIN
namespace {

/// The library's own function of this mangled name, which is a method of Mutex or CondVar.
template <typename Result, typename... Arguments>
class Original {
 public:
  explicit Original(const char* symbol)
      : function_(reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, symbol))) {}
  Result operator()(Arguments... arguments) const { return function_(arguments...); }

 private:
  using Function = Result(Arguments...);
  Function* const function_;
};

constexpr unsigned kRead = __tsan_mutex_read_lock;
constexpr unsigned kTry = __tsan_mutex_try_lock;

void Acquired(Mutex* mutex, unsigned flags) { __tsan_mutex_post_lock(mutex, flags, 0); }

/// Between its ends the lock is not held: for what waits with it.
class Released {
 public:
  explicit Released(Mutex* mutex) : mutex_(mutex) {
    __tsan_mutex_pre_unlock(mutex_, 0);
    __tsan_mutex_post_unlock(mutex_, 0);
    __tsan_mutex_pre_lock(mutex_, 0);
  }
  ~Released() { __tsan_mutex_post_lock(mutex_, 0, 0); }

 private:
  Mutex* const mutex_;
};

}  // namespace

// absl::debian3 is Debian's inline namespace. Methods with a timeout call those with a deadline.
#define MR_MANGLED(rest) "_ZN4absl7debian3" #rest

void Mutex::Lock() {
  static const Original<void, Mutex*> original(MR_MANGLED(5Mutex4LockEv));
  __tsan_mutex_pre_lock(this, 0);
  original(this);
  Acquired(this, 0);
}

bool Mutex::TryLock() {
  static const Original<bool, Mutex*> original(MR_MANGLED(5Mutex7TryLockEv));
  __tsan_mutex_pre_lock(this, kTry);
  const bool locked = original(this);
  Acquired(this, locked ? kTry : kTry | __tsan_mutex_try_lock_failed);
  return locked;
}

void Mutex::Unlock() {
  static const Original<void, Mutex*> original(MR_MANGLED(5Mutex6UnlockEv));
  __tsan_mutex_pre_unlock(this, 0);
  original(this);
  __tsan_mutex_post_unlock(this, 0);
}

void Mutex::ReaderLock() {
  static const Original<void, Mutex*> original(MR_MANGLED(5Mutex10ReaderLockEv));
  __tsan_mutex_pre_lock(this, kRead);
  original(this);
  Acquired(this, kRead);
}

void Mutex::ReaderUnlock() {
  static const Original<void, Mutex*> original(MR_MANGLED(5Mutex12ReaderUnlockEv));
  __tsan_mutex_pre_unlock(this, kRead);
  original(this);
  __tsan_mutex_post_unlock(this, kRead);
}

void Mutex::LockWhen(const Condition& condition) {
  static const Original<void, Mutex*, const Condition&> original(
      MR_MANGLED(5Mutex8LockWhenERKNS0_9ConditionE));
  __tsan_mutex_pre_lock(this, 0);
  original(this, condition);
  Acquired(this, 0);
}

bool Mutex::LockWhenWithDeadline(const Condition& condition, Time deadline) {
  static const Original<bool, Mutex*, const Condition&, Time> original(
      MR_MANGLED(5Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE));
  __tsan_mutex_pre_lock(this, 0);
  const bool holds = original(this, condition, deadline);
  Acquired(this, 0);
  return holds;
}

void Mutex::Await(const Condition& condition) {
  static const Original<void, Mutex*, const Condition&> original(
      MR_MANGLED(5Mutex5AwaitERKNS0_9ConditionE));
  const Released released(this);
  original(this, condition);
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  static const Original<bool, Mutex*, const Condition&, Time> original(
      MR_MANGLED(5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE));
  const Released released(this);
  return original(this, condition, deadline);
}

void CondVar::Wait(Mutex* mutex) {
  static const Original<void, CondVar*, Mutex*> original(MR_MANGLED(7CondVar4WaitEPNS0_5MutexE));
  const Released released(mutex);
  original(this, mutex);
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static const Original<bool, CondVar*, Mutex*, Time> original(
      MR_MANGLED(7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE));
  const Released released(mutex);
  return original(this, mutex, deadline);
}

ABSL_NAMESPACE_END
}  // namespace absl
