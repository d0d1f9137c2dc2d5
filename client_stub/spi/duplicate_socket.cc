// WSPDuplicateSocket (reference, section 4.11); sockets.cc has the other half,
// the WSPSocket of the process that the duplicate is for.
#include "client_stub/spi/functions.h"
#include "client_stub/spi/process.h"
#include "client_stub/spi/protocol_info.h"
#include "client_stub/spi/spi_call.h"

namespace wsp {
namespace {

// As the wire has it, so that a process can name itself also where the daemon
// doesn't see its ids.
uint32_t WireProcessId(DWORD process_id) {
  return process_id == OwnProcessId() ? 0 : process_id;
}

}  // namespace

int WSPAPI SpiDuplicateSocket(SOCKET s, DWORD process_id,
                              LPWSAPROTOCOL_INFOW info, LPINT error) {
  SpiCall call(SpiFunction::kDuplicateSocket, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  if (info == nullptr) return call.Result(WSAEFAULT);
  if (!ProcessExists(process_id)) return call.Result(WSAEINVAL);
  {
    MutexLock lock(&g_library.mutex);
    call.provider()->StopNativeTransfers(call.socket());
  }
  Reply reply;
  const uint32_t result = call.Invoke(
      CallHeader(),
      [process_id](Call* request) {
        AppendDuplicateSocket(&request->bytes, WireProcessId(process_id));
      },
      &reply);
  if (result != 0) return call.Result(result);
  MutexLock lock(&g_library.mutex);
  if (!call.StillThere()) return call.Result(WSAEINTR);
  StubSocket* socket = call.socket();
  socket->shared = true;
  *info = MakeProtocolInfo(socket->family, socket->datagrams,
                           socket->catalog_entry_id, call.kernel_handles());
  info->dwProviderReserved = reply.number;
  return 0;
}

}  // namespace wsp
