// WSPSend, WSPSendTo, WSPRecv and WSPRecvFrom.
#include "client_stub/spi/functions.h"
#include "client_stub/spi/spi_call.h"
#include "client_stub/spi/transfer.h"

namespace wsp {
namespace {

Transfer MakeTransfer(LPWSABUF buffers, DWORD buffer_count, LPDWORD bytes,
                      LPWSAOVERLAPPED overlapped,
                      LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
                      LPWSATHREADID thread) {
  Transfer transfer;
  transfer.overlapped = overlapped;
  transfer.routine = routine;
  transfer.thread = thread;
  transfer.buffers = buffers;
  transfer.buffer_count = buffer_count;
  transfer.bytes = bytes;
  return transfer;
}

}  // namespace

int WSPAPI SpiRecv(SOCKET s, LPWSABUF buffers, DWORD buffer_count,
                   LPDWORD bytes_received, LPDWORD flags,
                   LPWSAOVERLAPPED overlapped,
                   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
                   LPWSATHREADID thread, LPINT error) {
  SpiCall call(SpiFunction::kRecv, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  return ReceiveInto(&call,
                     MakeTransfer(buffers, buffer_count, bytes_received,
                                  overlapped, routine, thread),
                     flags);
}

int WSPAPI SpiRecvFrom(SOCKET s, LPWSABUF buffers, DWORD buffer_count,
                       LPDWORD bytes_received, LPDWORD flags, sockaddr* from,
                       LPINT from_length, LPWSAOVERLAPPED overlapped,
                       LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
                       LPWSATHREADID thread, LPINT error) {
  SpiCall call(SpiFunction::kRecvFrom, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  Transfer transfer = MakeTransfer(buffers, buffer_count, bytes_received,
                                   overlapped, routine, thread);
  transfer.from = from;
  transfer.from_length = from_length;
  return ReceiveInto(&call, transfer, flags);
}

int WSPAPI SpiSend(SOCKET s, LPWSABUF buffers, DWORD buffer_count,
                   LPDWORD bytes_sent, DWORD flags, LPWSAOVERLAPPED overlapped,
                   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
                   LPWSATHREADID thread, LPINT error) {
  SpiCall call(SpiFunction::kSend, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  return SendFrom(&call,
                  MakeTransfer(buffers, buffer_count, bytes_sent, overlapped,
                               routine, thread),
                  nullptr, 0, flags);
}

int WSPAPI SpiSendTo(SOCKET s, LPWSABUF buffers, DWORD buffer_count,
                     LPDWORD bytes_sent, DWORD flags, const sockaddr* to,
                     int to_length, LPWSAOVERLAPPED overlapped,
                     LPWSAOVERLAPPED_COMPLETION_ROUTINE routine,
                     LPWSATHREADID thread, LPINT error) {
  SpiCall call(SpiFunction::kSendTo, s, error);
  if (!call.ok()) return SOCKET_ERROR;
  Transfer transfer = MakeTransfer(buffers, buffer_count, bytes_sent,
                                   overlapped, routine, thread);
  transfer.asks_for_address = true;
  return SendFrom(&call, transfer, to, to_length, flags);
}

}  // namespace wsp
