// SpiCall: how a thread waits, and what happens if it vanishes meanwhile.
//
// A waiting thread holds nothing, but for a startup or cleanup, which nothing
// interrupts. All its signals are blocked, but its epoll set says when one is
// pending; then the thread makes itself dispensable (passes the baton on,
// detaches its operation from its memory), opens its mask, so that the handlers
// run, and goes on if they return. Handlers may make calls of their own. If the
// thread goes elsewhere instead, out of a handler, a hook or a condition
// function, the Vanish handlers see it off.
#include <algorithm>

#include "client_stub/spi/departure.h"
#include "client_stub/spi/spi_call.h"
#include "proto/wire_fields.h"

namespace wsp {
namespace {

bool IsOver(const Operation& operation) {
  return operation.done ||
         (operation.overlapped != nullptr && operation.pending);
}

int TimeoutUntil(int64_t deadline) {
  if (deadline == INT64_MAX) return -1;
  return static_cast<int>(
      std::clamp<int64_t>(deadline - NowMs(), 0, 1000 * 1000));
}

// How long a blocking send may take before the hook counts it as blocking; the
// daemon doesn't say so by itself, as it does for other calls.
constexpr int kSendBeforeHookMs = 1;

}  // namespace

uint32_t SpiCall::PrepareToWait(Operation* operation) {
  operation->waiter = provider_->AcquireWaiter(has_lifecycle_);
  if (operation->waiter != nullptr) return 0;
  provider_->Abandon(operation);
  return WSAENOBUFS;
}

SpiCall::WaitEnd SpiCall::Await(Operation* operation, int64_t deadline) {
  Waiter* const waiter = operation->waiter;
  outer_blocking_ = t_thread.blocking;
  t_thread.blocking = operation;
  provider_->Flush();
  if (!IsOver(*operation)) {
    waiter->WatchSignals(SignalsToWatch());
    provider_->baton().BeginWaiting(waiter);
  }
  bool hook_declined = hook_ == nullptr;
  bool timed_out = false;
  while (!IsOver(*operation)) {
    if (provider_->has_indications()) {
      provider_->Indicate();
      continue;
    }
    if (operation->overlapped == nullptr && Provider::HasWork(*operation)) {
      provider_->baton().EndWaiting(waiter);
      provider_->Work(operation);
      provider_->baton().BeginWaiting(waiter);
      continue;
    }
    bool poll = false;
    if (!hook_declined && operation->pending) {
      if (!RunHook(operation, &hook_declined)) return WaitEnd::kGone;
      poll = !hook_declined;
      if (IsOver(*operation)) break;
    }
    WaitFrame frame = {this, operation, 0, 0};
    frame.timeout_ms =
        TimeoutUntil(std::min(deadline, provider_->attach_deadline()));
    const bool send_with_hook = !hook_declined && !operation->pending &&
                                operation->kind == Operation::Kind::kSend;
    if (send_with_hook) frame.timeout_ms = kSendBeforeHookMs;
    if (poll) frame.timeout_ms = 0;
    g_library.mutex.Unlock();
    WaitCancellably(&frame);
    g_library.mutex.Lock();
    if ((frame.seen & Waiter::kConnection) != 0) {
      provider_->ReadConnection(waiter);
    }
    if ((frame.seen & Waiter::kSocket) != 0 && !IsOver(*operation)) {
      provider_->ContinueTransfer(operation);
    }
    if ((frame.seen & Waiter::kSignal) != 0 && !IsOver(*operation) &&
        !Expose(&frame)) {
      return WaitEnd::kGone;
    }
    if (send_with_hook && frame.seen == 0) operation->pending = true;
    provider_->CheckAttachTime();
    if (deadline != INT64_MAX && NowMs() >= deadline && !IsOver(*operation)) {
      timed_out = true;
      break;
    }
  }
  t_thread.blocking = outer_blocking_;
  provider_->baton().EndWaiting(waiter);
  if (timed_out) return WaitEnd::kTimedOut;
  operation->waiter = nullptr;
  provider_->ReleaseWaiter(waiter);
  if (provider_->has_indications()) provider_->Indicate();
  return WaitEnd::kDone;
}

// A startup and a cleanup are over in seconds, so that signals, and
// cancellation, can wait for their end: they always come to one, and the count
// is what they say it is.
SignalMask SpiCall::SignalsToWatch() const {
  return has_lifecycle_ ? 0 : shield_.HeldBack();
}

// ---------------------------------------------- cancellation (see also
// posix/), the frames below hold nothing that a destructor would have to free.

void SpiCall::VanishInWait(void* argument) {
  auto* frame = static_cast<WaitFrame*>(argument);
  SpiCall* call = frame->call;
  {
    MutexLock lock(&g_library.mutex);
    t_thread.blocking = call->outer_blocking_;
    call->provider_->Abandon(frame->operation);
    call->provider_->Flush();
    call->Vanish();
  }
  call->shield_.GiveUp();
}

// ------------------------------------------------------------------ signals

bool SpiCall::Expose(WaitFrame* frame) {
  provider_->baton().EndWaiting(frame->operation->waiter);
  provider_->Detach(frame->operation);
  BeginExposure();
  g_library.mutex.Unlock();
  RunWatched(
      [](void* argument) {
        SpiCall* call = static_cast<WaitFrame*>(argument)->call;
        call->shield_.Open();
        call->shield_.Close();
      },
      &SpiCall::VanishInHandler, frame);
  g_library.mutex.Lock();
  // Cleaned up for good meanwhile, by a handler or without waiting for it.
  if (!StillThere()) return false;
  EndExposure();
  provider_->Reattach(frame->operation);
  provider_->Flush();
  provider_->baton().BeginWaiting(frame->operation->waiter);
  return true;
}

void SpiCall::VanishInHandler(void* argument) {
  const auto* frame = static_cast<WaitFrame*>(argument);
  SpiCall* call = frame->call;
  const ThreadShield shield;
  MutexLock lock(&g_library.mutex);
  if (!call->StillThere()) return;
  call->EndExposure();
  t_thread.blocking = call->outer_blocking_;
  call->provider_->Abandon(frame->operation);
  call->provider_->Flush();
  call->Vanish();
}

// -------------------------------------------------------- application code

bool SpiCall::RunHook(Operation* operation, bool* declined) {
  HookRun run = {hook_, hook_context_, FALSE};
  Callback callback = {};
  callback.run = [](void* argument) {
    auto* hook = static_cast<HookRun*>(argument);
    hook->again = hook->callback(hook->context);
  };
  callback.argument = &run;
  provider_->baton().EndWaiting(operation->waiter);
  // The operation is in the hands of the callback's frame meanwhile.
  hooked_ = operation;
  ++t_thread.hooks;
  g_library.mutex.Unlock();
  RunCallback(callback);
  g_library.mutex.Lock();
  hooked_ = nullptr;
  if (!StillThere()) return false;
  --t_thread.hooks;
  provider_->baton().BeginWaiting(operation->waiter);
  *declined = !run.again;
  return true;
}

void SpiCall::RunCallback(const Callback& callback) {
  CallbackFrame frame = {this, &callback};
  RunWatched(
      [](void* argument) {
        const auto* frame = static_cast<CallbackFrame*>(argument);
        frame->call->shield_.Open();
        frame->callback->run(frame->callback->argument);
        frame->call->shield_.Close();
      },
      &SpiCall::VanishInCallback, &frame);
}

void SpiCall::VanishInCallback(void* argument) {
  const auto* frame = static_cast<CallbackFrame*>(argument);
  SpiCall* call = frame->call;
  const Callback& callback = *frame->callback;
  const ThreadShield shield;
  MutexLock lock(&g_library.mutex);
  if (!call->StillThere()) return;
  Provider* provider = call->provider_;
  if (call->hooked_ != nullptr) {
    --t_thread.hooks;
    t_thread.blocking = call->outer_blocking_;
    provider->Abandon(call->hooked_);
  }
  if (callback.offer_id != 0 && !provider->ended) {
    CallHeader header;
    header.socket_id = call->socket_->id;
    Call* decision = provider->attachment().NewCall(nullptr, header);
    AppendAcceptDecision(&decision->bytes, callback.offer_id,
                         wire::AcceptDecisionRequest::DECISION_DEFER,
                         callback.offered_socket);
    provider->attachment().Submit(decision);
  }
  provider->Flush();
  call->Vanish();
}

}  // namespace wsp
