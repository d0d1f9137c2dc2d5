// WSPIoctl's codes that end when the network changes: SIO_ADDRESS_LIST_CHANGE
// and SIO_ROUTING_INTERFACE_CHANGE (reference, section 4.9).
#include "client_stub/spi/ioctls.h"

namespace wsp {
namespace {

uint32_t AwaitSynchronously(SpiCall* call, const IoctlParams& params,
                            bool waits) {
  CallHeader header;
  // To the daemon: whether non-blocking mode doesn't apply.
  header.overlapped = waits && call->nonblocking();
  if (waits) call->QueryHook();
  header.report_pending = call->has_hook();
  const uint32_t error = call->Invoke(
      header, [&](Call* request) { AppendIoctl(&request->bytes, params); },
      nullptr);
  // What it says of an overlapped one.
  return error == WSA_OPERATION_ABORTED ? WSAEINTR : error;
}

uint32_t BeginWaiting(SpiCall* call, const IoctlParams& params,
                      const Indication& indication) {
  ResetEvent(*call, indication);
  MutexLock lock(&g_library.mutex);
  if (const uint32_t error = call->Reach()) return error;
  Provider* provider = call->provider();
  if (!provider->EnsureService()) return WSAENOBUFS;
  Operation* operation =
      provider->NewOperation(Operation::Kind::kControl, call->socket());
  if (const uint32_t error = call->PrepareToWait(operation)) return error;
  BeginOverlapped(provider, operation, indication);
  CallHeader header;
  header.overlapped = true;
  header.report_pending = true;
  Call* request = provider->NewCall(operation, header);
  AppendIoctl(&request->bytes, params);
  provider->attachment().Submit(request);
  // Until it has begun, or failed to.
  if (call->Await(operation, INT64_MAX) == SpiCall::WaitEnd::kGone) {
    return WSAEINTR;
  }
  const uint32_t result = provider->EndStarting(operation);
  provider->LetGo(operation);
  provider->Indicate();
  return result;
}

}  // namespace

uint32_t AwaitNetworkChange(SpiCall* call, DWORD code,
                            const IoctlBuffers& buffers,
                            const Indication& indication, bool blocks) {
  IoctlParams params;
  params.code = code;
  if (code == SIO_ROUTING_INTERFACE_CHANGE) {
    if (const uint32_t error =
            ReadDestination(*call, buffers, &params.address)) {
      return error;
    }
  }
  return indication.overlapped == nullptr
             ? AwaitSynchronously(call, params, blocks)
             : BeginWaiting(call, params, indication);
}

}  // namespace wsp
