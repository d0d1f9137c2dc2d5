#ifndef WSPD_CLIENT_STUB_SPI_TRANSFER_H_
#define WSPD_CLIENT_STUB_SPI_TRANSFER_H_

#include <winsock2.h>
#include <ws2spi.h>

#include "client_stub/spi/overlapped.h"
#include "client_stub/spi/spi_call.h"

namespace wsp {

// The arguments that the functions which send and receive have in common.
struct Transfer : Indication {
  LPWSABUF buffers = nullptr;
  DWORD buffer_count = 0;
  LPDWORD bytes = nullptr;

  // Receiving: where the sender's address goes; of an overlapped call at its
  // completion. Null: nowhere.
  sockaddr* from = nullptr;
  LPINT from_length = nullptr;
  // Sending: the function has an argument for the address.
  bool asks_for_address = false;
  // WSARecvMsg: what else there is to know goes there. WSASendMsg: its
  // ancillary data, encoded as requests.h wants them.
  LPWSAMSG message = nullptr;
  ByteBuffer* control = nullptr;

  // ---- found out by the transfer itself
  // Synchronous, and waits as long as it takes; of a shared socket, if the
  // daemon says so.
  bool blocks = false;
  // Synchronous, and waits whatever the socket's mode.
  bool waits = false;
  // Where a datagram goes; kNone: to the peer.
  Address to;
};

// Does the receive or send that `call` has been entered for; what the function
// returns. The rules are those of the reference, sections 2 and 4.1 to 4.3.
int ReceiveInto(SpiCall* call, Transfer transfer, LPDWORD flags);
// `to` may be null; on a stream it is ignored.
int SendFrom(SpiCall* call, Transfer transfer, const sockaddr* to,
             int to_length, DWORD flags);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_TRANSFER_H_
