// WSPDuplicateSocket (reference, section 4.11); sockets.cc has the other half,
// the WSPSocket of the process that the duplicate is for.
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "client_stub/spi/functions.h"
#include "client_stub/spi/protocol_info.h"
#include "client_stub/spi/spi_call.h"

namespace wsp {
namespace {

// Whether there is a process of this id, as far as this process can see.
bool ProcessExists(DWORD process_id) {
  const auto pid = static_cast<pid_t>(process_id);
  return pid > 0 && (kill(pid, 0) == 0 || errno != ESRCH);
}

// As the wire has it, so that a process can name itself also where the daemon
// doesn't see its ids.
uint32_t WireProcessId(DWORD process_id) {
  return static_cast<pid_t>(process_id) == getpid() ? 0 : process_id;
}

}  // namespace

int WSPAPI SpiDuplicateSocket(SOCKET s, DWORD process_id,
                              LPWSAPROTOCOL_INFOW info, LPINT error) {
  SpiCall call(SpiFunction::kDuplicateSocket, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  if (info == nullptr) return call.Result(WSAEFAULT);
  if (!ProcessExists(process_id)) return call.Result(WSAEINVAL);
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
                           socket->catalog_entry_id);
  info->dwProviderReserved = reply.number;
  return 0;
}

}  // namespace wsp
