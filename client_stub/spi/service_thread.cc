#include "client_stub/spi/service_thread.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>

#include "client_stub/spi/provider.h"

namespace wsp {
namespace {

constexpr size_t kGuardBytes = 4096;

}  // namespace

bool ServiceThread::Start(Waiter* waiter) {
  void* stack = mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return false;
  mprotect(stack, kGuardBytes, PROT_NONE);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, static_cast<char*>(stack) + kGuardBytes,
                        kStackBytes);
  waiter_ = waiter;
  stopping_ = false;
  // The caller has blocked all signals already; the thread inherits that.
  const int error = pthread_create(&thread_, &attributes, Main, this);
  pthread_attr_destroy(&attributes);
  if (error != 0) {
    munmap(stack, kGuardBytes + kStackBytes);
    return false;
  }
  pthread_setname_np(thread_, "wsp");
  stack_ = stack;
  running_ = true;
  return true;
}

void ServiceThread::Stop() {
  if (!running_) return;
  stopping_ = true;
  waiter_->Wake();
  const pthread_t thread = thread_;
  g_library.mutex.Unlock();
  pthread_join(thread, nullptr);
  g_library.mutex.Lock();
  munmap(stack_, kGuardBytes + kStackBytes);
  stack_ = nullptr;
  running_ = false;
}

void* ServiceThread::Main(void* self) {
  static_cast<ServiceThread*>(self)->Run();
  return nullptr;
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
