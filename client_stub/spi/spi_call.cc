#include "client_stub/spi/spi_call.h"

#include <algorithm>

namespace wsp {
namespace {

// Makes the record the present provider's.
void RefreshThread() WSP_REQUIRES(g_library.mutex) {
  if (t_thread.generation == g_library.generation) return;
  const uint32_t upcalls = t_thread.upcalls;
  RunningRoutine* const routines = t_thread.routines;
  t_thread = ThreadRecord();
  t_thread.generation = g_library.generation;
  t_thread.upcalls = upcalls;
  t_thread.routines = routines;
}

uint64_t ThisThread() { return reinterpret_cast<uint64_t>(&t_thread); }

}  // namespace

SpiCall::SpiCall(SpiFunction function, SOCKET s, LPINT error)
    : error_(error != nullptr ? error : &no_error_) {
  const uint32_t code = Check(function, s);
  ok_ = code == 0;
  Result(code);
}

SpiCall::SpiCall(LPINT error)
    : error_(error != nullptr ? error : &no_error_), ok_(true) {}

SpiCall::~SpiCall() {
  if (!entered_ && !has_lifecycle_) return;
  {
    MutexLock lock(&g_library.mutex);
    if (has_lifecycle_) PassLifecycle();
    const bool watched = entered_ && StillThere() && provider_->ending;
    if (!watched) {
      Leave();
      return;
    }
  }
  LeaveWatched();
}

// A cleanup that may be the final one waits for this thread, and the library
// may be unloaded when it is done: the thread says where its very last steps
// begin. Signal handlers get their turn before, when it doesn't matter how long
// they take or whether they come back.
void SpiCall::LeaveWatched() {
  {
    MutexLock lock(&g_library.mutex);
    provider_->Release(socket_);
    socket_ = nullptr;
    BeginExposure();
  }
  shield_.Open();
  shield_.Close();
  MutexLock lock(&g_library.mutex);
  if (!StillThere()) return;
  --provider_->exposed;
  --t_thread.exposed;
  provider_->leavers.push_back(LeavingThread::ThisReturning());
  g_library.changed.SignalAll();
}

int SpiCall::Result(uint32_t error) {
  if (error == 0) return 0;
  *error_ = static_cast<int>(error);
  return SOCKET_ERROR;
}

// ------------------------------------------------------- entering, leaving

uint32_t SpiCall::Check(SpiFunction function, SOCKET s) {
  if (shield_.process() == ProcessKind::kVforked) return WSAENETDOWN;
  const SpiFunctionTraits& traits = TraitsOf(function);
  {
    MutexLock lock(&g_library.mutex);
    Provider* provider = g_library.provider;
    if (provider == nullptr || provider->ended || provider->startups == 0) {
      return WSANOTINITIALISED;
    }
    Enter();
    if (t_thread.hooks > 0 && !traits.allowed_in_hook) return WSAEINPROGRESS;
  }
  if (traits.on_socket) {
    if (const uint32_t error = FindSocket(function, s)) return error;
  }
  return traits.implemented ? 0 : WSAEOPNOTSUPP;
}

uint32_t SpiCall::FindSocket(SpiFunction function, SOCKET s) {
  uint64_t id;
  if (!QueryHandle(s, &id)) return WSAENOTSOCK;
  MutexLock lock(&g_library.mutex);
  // Cleaned up for good since Check.
  if (provider_->ended) return WSAEINTR;
  socket_ = provider_->FindSocket(id);
  if (socket_ == nullptr || socket_->handle != s) return WSAENOTSOCK;
  if (socket_->closing) return WSAENOTSOCK;
  nonblocking_ = socket_->nonblocking;
  shared_ = socket_->shared;
  lost_ = socket_->lost;
  // Closing is the one thing that can be done with it, once there is a
  // registration again.
  const bool closes = function == SpiFunction::kCloseSocket && !provider_->lost;
  return lost_ && !closes ? WSAENETDOWN : 0;
}

bool SpiCall::QueryHandle(SOCKET s, uint64_t* id) {
  if (kernel_handles_) {
    MutexLock lock(&g_library.mutex);
    if (!StillThere()) return false;
    const StubSocket* socket = provider_->FindByHandle(s);
    if (socket != nullptr) *id = socket->id;
    return socket != nullptr;
  }
  const UpcallScope scope;
  DWORD_PTR context = 0;
  int error = 0;
  if (upcalls_->lpWPUQuerySocketHandleContext(s, &context, &error) != 0) {
    return false;
  }
  *id = context;
  return true;
}

void SpiCall::Enter() {
  RefreshThread();
  entered_ = true;
  generation_ = g_library.generation;
  provider_ = g_library.provider;
  upcalls_ = &provider_->upcalls();
  catalog_entry_id_ = provider_->catalog_entry_id;
  kernel_handles_ = provider_->kernel_handles();
  ++provider_->inside;
  ++t_thread.inside;
}

void SpiCall::Leave() {
  if (!entered_) return;
  entered_ = false;
  if (!StillThere()) return;
  provider_->Release(socket_);
  --provider_->inside;
  --t_thread.inside;
  if (provider_->ending) g_library.changed.SignalAll();
}

bool SpiCall::TakeLifecycle(Lifecycle lifecycle) {
  RefreshThread();
  while (g_library.lifecycle_busy) {
    // In an upcall of our own startup or cleanup, or in application code that
    // the final cleanup of another thread waits for.
    if (g_library.lifecycle_thread == ThisThread()) return false;
    if (t_thread.inside > 0 && g_library.tearing_down) return false;
    if (lifecycle == Lifecycle::kOfNameSpace &&
        g_library.name_space == nullptr) {
      return false;
    }
    g_library.changed.Wait(&g_library.mutex);
  }
  RefreshThread();
  g_library.lifecycle_busy = true;
  g_library.lifecycle_thread = ThisThread();
  has_lifecycle_ = true;
  return true;
}

void SpiCall::PassLifecycle() {
  has_lifecycle_ = false;
  g_library.lifecycle_busy = false;
  g_library.lifecycle_thread = 0;
  g_library.changed.SignalAll();
}

void SpiCall::Vanish() {
  if (entered_ && StillThere() && provider_->ending) {
    provider_->leavers.push_back(LeavingThread::ThisUnwinding());
  }
  Leave();
}

void SpiCall::BeginExposure() {
  --provider_->inside;
  --t_thread.inside;
  ++provider_->exposed;
  ++t_thread.exposed;
  if (provider_->ending) g_library.changed.SignalAll();
}

void SpiCall::EndExposure() {
  --provider_->exposed;
  --t_thread.exposed;
  ++provider_->inside;
  ++t_thread.inside;
}

// ---------------------------------------------------------------- replies

uint32_t SpiCall::Reach() {
  // Nobody reads between calls: perhaps the registration has ended, or the
  // daemon, since the last one.
  provider_->CatchUp();
  if (provider_->ended) return WSANOTINITIALISED;
  if (provider_->lost) return WSAENETDOWN;
  if (socket_ != nullptr && socket_->lost) return WSAENETDOWN;
  // Since the call began; its handle may be gone as well.
  if (socket_ != nullptr && socket_->closed) return WSAENOTSOCK;
  return provider_->EnsureConnected();
}

uint32_t SpiCall::FinishControl(Operation* operation, int64_t deadline,
                                Reply* reply) {
  const WaitEnd end = Await(operation, deadline);
  if (end == WaitEnd::kGone) return WSAEINTR;
  if (end == WaitEnd::kTimedOut) {
    provider_->Abandon(operation);
    provider_->Flush();
    return WSAETIMEDOUT;
  }
  const uint32_t error = operation->error;
  if (reply != nullptr) {
    static_cast<Completion&>(*reply) = operation->reply;
    if (reply->whole != nullptr) reply->whole->swap(operation->reply_data);
    const size_t size =
        std::min(operation->reply_data.size(), Reply::kMostData);
    if (size > 0) {
      std::memcpy(reply->bytes, operation->reply_data.data(), size);
    }
    reply->data = {reply->bytes, size};
  }
  provider_->LetGo(operation);
  return error;
}

void SpiCall::ReenableEvents(uint32_t events) {
  MutexLock lock(&g_library.mutex);
  if (!socket_->registered) return;
  provider_->ReenableEvents(socket_, events);
  provider_->Flush();
}

void SpiCall::QueryHook() {
  LPBLOCKINGCALLBACK hook = nullptr;
  DWORD_PTR context = 0;
  int error = 0;
  const DWORD entry =
      socket_ != nullptr ? socket_->catalog_entry_id : catalog_entry_id_;
  const UpcallScope scope;
  const int result =
      upcalls_->lpWPUQueryBlockingCallback(entry, &hook, &context, &error);
  if (result != 0) return;
  hook_ = hook;
  hook_context_ = context;
}

}  // namespace wsp
