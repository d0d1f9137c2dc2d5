#include "client_stub/spi/service_thread.h"

#include <algorithm>

#include "client_stub/spi/provider.h"

namespace wsp {

bool ServiceThread::Start(Waiter* waiter) {
  waiter_ = waiter;
  stopping_ = false;
  // The caller has blocked all signals already; the thread inherits that.
  running_ = thread_.Start(
      [](void* self) { static_cast<ServiceThread*>(self)->Run(); }, this);
  return running_;
}

void ServiceThread::Stop() {
  if (!running_) return;
  stopping_ = true;
  waiter_->Wake();
  g_library.mutex.Unlock();
  thread_.Join();
  g_library.mutex.Lock();
  running_ = false;
}

void ServiceThread::Run() {
  // The provider joins this thread before it goes.
  MutexLock lock(&g_library.mutex);
  while (!stopping_) {
    Provider* provider = g_library.provider;
    if (provider->has_indications()) {
      provider->Indicate();
      continue;
    }
    // A piece at a time: others wait for what has come.
    const bool worked = provider->WorkForOverlapped();
    if (stopping_) return;
    int timeout_ms = worked ? 0 : -1;
    const int64_t deadline = provider->attach_deadline();
    if (deadline != INT64_MAX && !worked) {
      timeout_ms = static_cast<int>(std::max<int64_t>(deadline - NowMs(), 0));
    }
    g_library.mutex.Unlock();
    const unsigned seen = waiter_->Wait(timeout_ms);
    g_library.mutex.Lock();
    if (stopping_) return;
    if ((seen & Waiter::kConnection) != 0) {
      provider->ReadConnection(waiter_);
    }
    provider->CheckAttachTime();
  }
}

}  // namespace wsp
