#include "client_stub/spi/completion_request.h"

#include <ws2spi.h>

#include <atomic>

#include "client_stub/spi/library.h"
#include "client_stub/spi/loader.h"

namespace wsp {
namespace {

using CompleteFunction = decltype(&WPUCompleteOverlappedRequest);
// Of our own SPI client's, and of others that want to: TRUE or FALSE.
using HasPortFunction = int(WSPAPI*)(SOCKET);

// The SPI client outlives the provider that it has loaded.
std::atomic<CompleteFunction> g_complete{nullptr};
std::atomic<HasPortFunction> g_has_port{nullptr};

}  // namespace

void FindCompletionRequest() {
  g_complete.store(reinterpret_cast<CompleteFunction>(
                       FindExport("WPUCompleteOverlappedRequest")),
                   std::memory_order_relaxed);
  g_has_port.store(reinterpret_cast<HasPortFunction>(
                       FindExport("WspHandleHasCompletionPort")),
                   std::memory_order_relaxed);
}

bool HasCompletionPort(SOCKET s) {
  const HasPortFunction has_port = g_has_port.load(std::memory_order_relaxed);
  if (has_port == nullptr) return false;
  const UpcallScope scope;
  return has_port(s) != 0;
}

void RequestCompletion(SOCKET s, LPWSAOVERLAPPED overlapped, DWORD error,
                       DWORD bytes, bool has_event) {
  const CompleteFunction complete = g_complete.load(std::memory_order_relaxed);
  if (complete == nullptr) return;
  const bool knows = g_has_port.load(std::memory_order_relaxed) != nullptr;
  if (knows ? !HasCompletionPort(s) : has_event) return;
  const UpcallScope scope;
  int ignored;
  complete(s, overlapped, error, bytes, &ignored);
}

}  // namespace wsp
