// SpiCall: how a thread waits, and what happens if it vanishes meanwhile.
//
// A waiting thread holds nothing, but for a startup or cleanup, which nothing
// interrupts. All its signals are blocked, but its epoll
// set says when one is pending; then the thread makes itself dispensable
// (passes the baton on, detaches its operation from its memory), opens its
// mask, so that the handlers run, and goes on if they return. If a handler
// jumps out instead, the thread's next call finds the operation and drops it.
// pthread_cancel and pthread_exit run the Vanish handlers.
#include <algorithm>

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

SpiCall::WaitEnd SpiCall::Await(Operation* operation, int64_t deadline) {
  Waiter* waiter = provider_->AcquireWaiter(has_lifecycle_);
  if (waiter == nullptr) {
    // No descriptors are left to wait with.
    provider_->Abandon(operation);
    return WaitEnd::kGone;
  }
  operation->waiter = waiter;
  Operation* const outer = t_thread.blocking;
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
    bool poll = false;
    if (!hook_declined && operation->pending) {
      if (!RunHook(operation, waiter, &hook_declined)) return WaitEnd::kGone;
      poll = !hook_declined;
      if (IsOver(*operation)) break;
    }
    WaitFrame frame = {this, operation, waiter, 0, 0, 0};
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
  t_thread.blocking = outer;
  operation->waiter = nullptr;
  provider_->baton().EndWaiting(waiter);
  provider_->ReleaseWaiter(waiter);
  if (provider_->has_indications()) provider_->Indicate();
  return timed_out ? WaitEnd::kTimedOut : WaitEnd::kDone;
}

// A startup and a cleanup are over in seconds, so that signals, and
// cancellation, can wait for their end: they always come to one, and the count
// is what they say it is.
sigset_t SpiCall::SignalsToWatch() const {
  if (!has_lifecycle_) return shield_.HeldBack();
  sigset_t none;
  sigemptyset(&none);
  return none;
}

// ------------------------------------------------- cancellation, the frames
// below hold nothing that a destructor would have to free.

void SpiCall::WaitCancellably(WaitFrame* frame) {
  if (frame->call->has_lifecycle_) {
    frame->seen = frame->waiter->WaitBriefly(frame->timeout_ms);
    return;
  }
  pthread_cleanup_push(&SpiCall::VanishInWait, frame);
  frame->call->shield_.AllowCancel();
  frame->seen = frame->waiter->WaitBriefly(frame->timeout_ms);
  frame->call->shield_.ForbidCancel();
  pthread_cleanup_pop(0);
}

void SpiCall::VanishInWait(void* argument) {
  auto* frame = static_cast<WaitFrame*>(argument);
  SpiCall* call = frame->call;
  {
    MutexLock lock(&g_library.mutex);
    Provider* provider = call->provider_;
    t_thread.blocking = nullptr;
    provider->baton().EndWaiting(frame->waiter);
    provider->Abandon(frame->operation);
    provider->ReleaseWaiter(frame->waiter);
    provider->Flush();
  }
  call->Vanish();
}

// ------------------------------------------------------------------ signals

bool SpiCall::Expose(WaitFrame* frame) {
  frame->exposure = provider_->next_exposure++;
  provider_->baton().EndWaiting(frame->waiter);
  provider_->Detach(frame->operation);
  t_thread.exposed = frame->operation;
  t_thread.exposed_waiter = frame->waiter;
  t_thread.exposure = frame->exposure;
  // The operation has a reference of its own; this one would be lost with us.
  StubSocket* const socket = socket_;
  provider_->Release(socket_);
  socket_ = nullptr;
  --provider_->inside;
  ++provider_->exposed;
  if (provider_->ending) g_library.changed.SignalAll();
  g_library.mutex.Unlock();
  RunHandlers(frame);
  g_library.mutex.Lock();
  // Cleaned up for good meanwhile, by a handler or without waiting for it.
  if (!StillThere()) return false;
  ++provider_->inside;
  // A handler made calls of its own, which took this one for left.
  if (t_thread.exposure != frame->exposure) return false;
  --provider_->exposed;
  t_thread.exposed = nullptr;
  t_thread.exposed_waiter = nullptr;
  t_thread.exposure = 0;
  socket_ = socket;
  if (socket_ != nullptr) ++socket_->references;
  provider_->Reattach(frame->operation);
  provider_->Flush();
  provider_->baton().BeginWaiting(frame->waiter);
  return true;
}

void SpiCall::RunHandlers(WaitFrame* frame) {
  pthread_cleanup_push(&SpiCall::VanishInHandler, frame);
  frame->call->shield_.Open();
  frame->call->shield_.Close();
  pthread_cleanup_pop(0);
}

void SpiCall::VanishInHandler(void* argument) {
  auto* frame = static_cast<WaitFrame*>(argument);
  SpiCall* call = frame->call;
  call->shield_.Close();
  {
    MutexLock lock(&g_library.mutex);
    if (call->StillThere()) {
      Provider* provider = call->provider_;
      if (t_thread.exposure == frame->exposure) {
        t_thread.exposed = nullptr;
        t_thread.exposure = 0;
        --provider->exposed;
        provider->Abandon(frame->operation);
        provider->ReleaseWaiter(frame->waiter);
        provider->Flush();
      }
      // Leaving takes it off again.
      ++provider->inside;
    }
  }
  call->Vanish();
}

// -------------------------------------------------------- application code

bool SpiCall::RunHook(Operation* operation, Waiter* waiter, bool* declined) {
  HookRun run = {hook_, hook_context_, FALSE};
  Callback callback = {};
  callback.run = [](void* argument) {
    auto* hook = static_cast<HookRun*>(argument);
    hook->again = hook->callback(hook->context);
  };
  callback.argument = &run;
  provider_->baton().EndWaiting(waiter);
  // The operation is in the hands of the callback's frame meanwhile.
  callback_operation_ = operation;
  callback_waiter_ = waiter;
  ++t_thread.hooks;
  g_library.mutex.Unlock();
  RunCallback(callback);
  g_library.mutex.Lock();
  callback_operation_ = nullptr;
  if (!StillThere()) return false;
  --t_thread.hooks;
  provider_->baton().BeginWaiting(waiter);
  *declined = !run.again;
  return true;
}

namespace {

struct CallbackFrame {
  SpiCall* call;
  const SpiCall::Callback* callback;
};

}  // namespace

void SpiCall::RunCallback(const Callback& callback) {
  CallbackFrame frame = {this, &callback};
  pthread_cleanup_push(&SpiCall::VanishInCallback, &frame);
  shield_.Open();
  callback.run(callback.argument);
  shield_.Close();
  pthread_cleanup_pop(0);
}

void SpiCall::VanishInCallback(void* argument) {
  const auto* frame = static_cast<CallbackFrame*>(argument);
  SpiCall* call = frame->call;
  const Callback& callback = *frame->callback;
  call->shield_.Close();
  {
    MutexLock lock(&g_library.mutex);
    if (call->StillThere()) {
      Provider* provider = call->provider_;
      t_thread.hooks = 0;
      t_thread.blocking = nullptr;
      if (call->callback_operation_ != nullptr) {
        provider->Abandon(call->callback_operation_);
        provider->ReleaseWaiter(call->callback_waiter_);
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
    }
  }
  call->Vanish();
}

}  // namespace wsp
