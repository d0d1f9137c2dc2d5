#include "client_stub/spi/extension_call.h"

#include <atomic>

#include "client_stub/spi/name_space.h"

namespace wsp {
namespace {

// Whoever has an extension function asked for it in this process, so that this
// is set. The SPI client outlives the provider that it has loaded.
std::atomic<SetLastErrorFunction> g_set_last_error{nullptr};

}  // namespace

void FindLastError() {
  g_set_last_error.store(FindSetLastError(), std::memory_order_relaxed);
}

void ReportLastError(int error) {
  const SetLastErrorFunction set_last_error =
      g_set_last_error.load(std::memory_order_relaxed);
  if (set_last_error != nullptr) set_last_error(error);
}

ExtensionCall::ExtensionCall(SOCKET s)
    : call_(SpiFunction::kExtension, s, &error_), thread_(call_) {}

ExtensionCall::OpenedThread::~OpenedThread() {
  if (!is_open || passed_on) return;
  const UpcallScope scope;
  int ignored;
  call.upcalls().lpWPUCloseThread(&id, &ignored);
}

uint32_t ExtensionCall::OpenThread(Indication* indication) {
  if (indication->overlapped == nullptr || indication->routine == nullptr) {
    return 0;
  }
  const UpcallScope scope;
  int error = 0;
  if (call_.upcalls().lpWPUOpenCurrentThread(&thread_.id, &error) != 0) {
    return WSAENOBUFS;
  }
  thread_.is_open = true;
  indication->thread = &thread_.id;
  indication->passes_thread_on = &thread_.passed_on;
  return 0;
}

int ExtensionCall::Return(int result) {
  if (result == 0) return 0;
  ReportLastError(error_);
  return SOCKET_ERROR;
}

}  // namespace wsp
