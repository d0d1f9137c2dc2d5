#include "client_stub/spi/name_space_call.h"

#include "client_stub/spi/startup_cleanup.h"

namespace wsp {

NameSpaceCall::NameSpaceCall() : call_(nullptr) {
  if (call_.shield().process() == ProcessKind::kVforked) {
    error_ = WSAENETDOWN;
  } else {
    MutexLock lock(&g_library.mutex);
    if (g_library.name_space != nullptr) {
      set_last_error_ = g_library.name_space->set_last_error;
      ++g_library.name_space_inside;
      counted_ = true;
      return;
    }
    error_ = WSANOTINITIALISED;
  }
  set_last_error_ = FindSetLastError();
}

NameSpaceCall::~NameSpaceCall() {
  if (!counted_) return;
  MutexLock lock(&g_library.mutex);
  --g_library.name_space_inside;
  if (g_library.name_space_leavers == nullptr) return;
  g_library.name_space_leavers->push_back(LeavingThread::ThisReturning());
  g_library.changed.SignalAll();
}

void NameSpaceCall::Join() {
  call_.Enter();
  counted_ = false;
  --g_library.name_space_inside;
  g_library.changed.SignalAll();
}

bool NameSpaceCall::JoinPresentProvider() {
  const Provider* provider = g_library.provider;
  if (provider == nullptr || g_library.tearing_down) return false;
  Join();
  return true;
}

uint32_t NameSpaceCall::JoinProvider() {
  for (;;) {
    Provider* provider = g_library.provider;
    if (provider != nullptr && !g_library.tearing_down) {
      // Nobody reads between calls: perhaps another attachment has ended this
      // one's registration, which takes its provider away, too.
      provider->CatchUp();
      if (!provider->ended) break;
    }
    if (t_thread.upcalls > 0) return WSAEINPROGRESS;
    if (!call_.TakeLifecycle(SpiCall::Lifecycle::kOfNameSpace)) {
      return g_library.name_space == nullptr ? WSANOTINITIALISED
                                             : WSAEINPROGRESS;
    }
    const bool made = g_library.name_space != nullptr && EnsureProvider();
    call_.PassLifecycle();
    if (g_library.name_space == nullptr) return WSANOTINITIALISED;
    if (!made) return WSA_NOT_ENOUGH_MEMORY;
  }
  Join();
  return 0;
}

int NameSpaceCall::Return(uint32_t error) {
  if (error == 0) return 0;
  if (set_last_error_ != nullptr) set_last_error_(static_cast<int>(error));
  return SOCKET_ERROR;
}

}  // namespace wsp
