#include "client_stub/base/own_thread.h"

#include <pthread.h>
#include <sys/mman.h>

#include <cstddef>

namespace wsp {
namespace {

constexpr size_t kStackBytes = 256 << 10;
constexpr size_t kGuardBytes = 4096;

}  // namespace

bool OwnThread::Start(void (*run)(void*), void* argument) {
  void* stack = mmap(nullptr, kGuardBytes + kStackBytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED) return false;
  mprotect(stack, kGuardBytes, PROT_NONE);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstack(&attributes, static_cast<char*>(stack) + kGuardBytes,
                        kStackBytes);
  run_ = run;
  argument_ = argument;
  pthread_t thread;
  const int error = pthread_create(&thread, &attributes, Main, this);
  pthread_attr_destroy(&attributes);
  if (error != 0) {
    munmap(stack, kGuardBytes + kStackBytes);
    return false;
  }
  pthread_setname_np(thread, "wsp");
  thread_ = thread;
  stack_ = stack;
  return true;
}

void OwnThread::Join() {
  pthread_join(static_cast<pthread_t>(thread_), nullptr);
  munmap(stack_, kGuardBytes + kStackBytes);
  stack_ = nullptr;
}

void* OwnThread::Main(void* self) {
  const auto* thread = static_cast<OwnThread*>(self);
  thread->run_(thread->argument_);
  return nullptr;
}

}  // namespace wsp
