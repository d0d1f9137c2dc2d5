// WSPGetOverlappedResult and WSPCancelBlockingCall.
#include <atomic>

#include "client_stub/spi/event_objects.h"
#include "client_stub/spi/functions.h"
#include "client_stub/spi/nt_status.h"
#include "client_stub/spi/overlapped.h"
#include "client_stub/spi/spi_call.h"

namespace wsp {

BOOL WSPAPI SpiGetOverlappedResult(SOCKET s, LPWSAOVERLAPPED overlapped,
                                   LPDWORD bytes, BOOL wait, LPDWORD flags,
                                   LPINT error) {
  SpiCall call(SpiFunction::kGetOverlappedResult, s, error);
  if (!call.ok()) return FALSE;
  if (overlapped == nullptr || bytes == nullptr || flags == nullptr) {
    call.Result(WSAEFAULT);
    return FALSE;
  }
  const auto* internal =
      reinterpret_cast<const std::atomic<ULONG_PTR>*>(&overlapped->Internal);
  if (internal->load(std::memory_order_acquire) == kStatusPending) {
    if (!wait) {
      call.Result(WSA_IO_INCOMPLETE);
      return FALSE;
    }
    // Only what ends with an event can be waited for (reference, section 4.2).
    const WSAEVENT event = EventOf(*overlapped);
    if (event == nullptr || !IsOpenEvent(event)) {
      call.Result(WSA_INVALID_HANDLE);
      return FALSE;
    }
    MutexLock lock(&g_library.mutex);
    if (const Operation* pending = call.provider()->FindPending(overlapped)) {
      // hEvent is the application's own then.
      if (pending->routine != nullptr) {
        call.Result(WSA_INVALID_HANDLE);
        return FALSE;
      }
      Operation* watch = call.provider()->Watch(overlapped);
      uint32_t result = call.PrepareToWait(watch);
      if (result == 0) result = call.FinishControl(watch, INT64_MAX, nullptr);
      if (result != 0) {
        call.Result(result);
        return FALSE;
      }
    }
  }
  const ULONG_PTR status = internal->load(std::memory_order_acquire);
  if (status == kStatusPending) {
    call.Result(WSA_IO_INCOMPLETE);
    return FALSE;
  }
  *bytes = static_cast<DWORD>(overlapped->InternalHigh);
  *flags = overlapped->Offset;
  const uint32_t result = WsaErrorFromNtStatus(static_cast<uint32_t>(status));
  if (result == 0) return TRUE;
  // The exact code, where the status is one that we wrote for it.
  const bool ours = NtStatusFromWsaError(overlapped->OffsetHigh) ==
                    static_cast<uint32_t>(status);
  call.Result(ours ? overlapped->OffsetHigh : result);
  return FALSE;
}

int WSPAPI SpiCancelBlockingCall(LPINT error) {
  SpiCall call(SpiFunction::kCancelBlockingCall, INVALID_SOCKET, error);
  if (!call.ok()) return SOCKET_ERROR;
  MutexLock lock(&g_library.mutex);
  if (t_thread.blocking == nullptr) return call.Result(WSAEINVAL);
  call.provider()->Cancel(t_thread.blocking);
  call.provider()->Flush();
  return 0;
}

}  // namespace wsp
