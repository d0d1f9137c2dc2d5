// WSARecvMsg and WSASendMsg (reference, section 4.9).
#include <mswsock.h>

#include "client_stub/spi/control_data.h"
#include "client_stub/spi/extension_call.h"
#include "client_stub/spi/extensions.h"
#include "client_stub/spi/transfer.h"

namespace wsp {
namespace {

Transfer MakeTransfer(LPWSAMSG message, LPDWORD bytes,
                      LPWSAOVERLAPPED overlapped,
                      LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) {
  Transfer transfer;
  transfer.overlapped = overlapped;
  transfer.routine = routine;
  transfer.buffers = message->lpBuffers;
  transfer.buffer_count = message->dwBufferCount;
  transfer.bytes = bytes;
  return transfer;
}

uint32_t CheckReceive(const SpiCall& call, const WSAMSG* message) {
  if (message == nullptr) return WSAEFAULT;
  // Both are for messages only.
  if (!call.socket()->datagrams) return WSAEOPNOTSUPP;
  if (message->name == nullptr && message->namelen != 0) return WSAEFAULT;
  if (message->Control.buf == nullptr && message->Control.len != 0) {
    return WSAEFAULT;
  }
  return (message->dwFlags & ~uint32_t{MSG_PEEK}) != 0 ? WSAEOPNOTSUPP : 0;
}

}  // namespace

INT WSPAPI SpiRecvMsg(SOCKET s, LPWSAMSG message, LPDWORD bytes_received,
                      LPWSAOVERLAPPED overlapped,
                      LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) {
  ExtensionCall extension(s);
  if (!extension.ok()) return extension.Return(SOCKET_ERROR);
  SpiCall& call = extension.call();
  if (const uint32_t error = CheckReceive(call, message)) {
    return extension.Return(call.Result(error));
  }
  Transfer transfer =
      MakeTransfer(message, bytes_received, overlapped, routine);
  transfer.message = message;
  transfer.from = message->name;
  transfer.from_length = &message->namelen;
  if (const uint32_t error = extension.OpenThread(&transfer)) {
    return extension.Return(call.Result(error));
  }
  DWORD flags = message->dwFlags;
  return extension.Return(ReceiveInto(&call, transfer, &flags));
}

INT WSPAPI SpiSendMsg(SOCKET s, LPWSAMSG message, DWORD flags,
                      LPDWORD bytes_sent, LPWSAOVERLAPPED overlapped,
                      LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) {
  ExtensionCall extension(s);
  if (!extension.ok()) return extension.Return(SOCKET_ERROR);
  SpiCall& call = extension.call();
  if (message == nullptr) return extension.Return(call.Result(WSAEFAULT));
  if (!call.socket()->datagrams) {
    return extension.Return(call.Result(WSAEOPNOTSUPP));
  }
  ByteBuffer control;
  if (const uint32_t error = ReadControl(message->Control, &control)) {
    return extension.Return(call.Result(error));
  }
  Transfer transfer = MakeTransfer(message, bytes_sent, overlapped, routine);
  transfer.asks_for_address = true;
  transfer.control = &control;
  if (const uint32_t error = extension.OpenThread(&transfer)) {
    return extension.Return(call.Result(error));
  }
  return extension.Return(
      SendFrom(&call, transfer, message->name, message->namelen, flags));
}

}  // namespace wsp
