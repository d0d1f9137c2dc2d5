#include "client_stub/spi_client/apc.h"
#include "client_stub/spi_client/catalog.h"
#include "tests/bench/die.h"
#include "tests/bench/spi_library.h"
#include "tests/bench/spi_transport.h"

namespace wspd::bench {
namespace {

SOCKET OpenSocket(const WSPPROC_TABLE& table) {
  WSAPROTOCOL_INFOW entry = *spi_client::FindCatalogEntry(AF_INET, SOCK_DGRAM);
  int code = 0;
  const SOCKET s = table.lpWSPSocket(AF_INET, SOCK_DGRAM, IPPROTO_UDP, &entry,
                                     0, WSA_FLAG_OVERLAPPED, &code);
  if (s == INVALID_SOCKET) DieOf("WSPSocket", code);
  // So that receives may begin before the first send.
  sockaddr_in any = LoopbackAddress(0);
  const int result =
      table.lpWSPBind(s, reinterpret_cast<sockaddr*>(&any), sizeof(any), &code);
  Check(result, "WSPBind", code);
  return s;
}

}  // namespace

SpiDatagrams::SpiDatagrams(const SpiTransport::Library& library, uint16_t port)
    : library_(library), port_(port), socket_(OpenSocket(*library.table)) {}

SpiDatagrams::~SpiDatagrams() {
  int code = 0;
  const int result = library_.table->lpWSPCloseSocket(socket_, &code);
  Check(result, "WSPCloseSocket", code);
}

void SpiDatagrams::Send(const char* data, size_t size) {
  const sockaddr_in to = LoopbackAddress(port_);
  WSABUF buffer = {};
  buffer.buf = const_cast<char*>(data);
  buffer.len = static_cast<u_long>(size);
  WSATHREADID thread = spi_client::CurrentThreadId();
  DWORD sent = 0;
  int code = 0;
  const int result = library_.table->lpWSPSendTo(
      socket_, &buffer, 1, &sent, 0, reinterpret_cast<const sockaddr*>(&to),
      sizeof(to), nullptr, nullptr, &thread, &code);
  Check(result, "WSPSendTo", code);
  if (sent != size) Die("WSPSendTo sent a part");
}

size_t SpiDatagrams::Receive(char* data, size_t size) {
  sockaddr_in from = {};
  int from_length = sizeof(from);
  WSABUF buffer = {};
  buffer.buf = data;
  buffer.len = static_cast<u_long>(size);
  WSATHREADID thread = spi_client::CurrentThreadId();
  DWORD received = 0;
  DWORD flags = 0;
  int code = 0;
  const int result = library_.table->lpWSPRecvFrom(
      socket_, &buffer, 1, &received, &flags,
      reinterpret_cast<sockaddr*>(&from), &from_length, nullptr, nullptr,
      &thread, &code);
  Check(result, "WSPRecvFrom", code);
  return received;
}

void SpiDatagrams::PostSend(Operation* operation, const char* data,
                            size_t size) {
  Operation::State* const state =
      PrepareOperation(operation, const_cast<char*>(data), size, true);
  const sockaddr_in to = LoopbackAddress(port_);
  WSATHREADID thread = spi_client::CurrentThreadId();
  int code = 0;
  const int result = library_.table->lpWSPSendTo(
      socket_, &state->buffer, 1, nullptr, 0,
      reinterpret_cast<const sockaddr*>(&to), sizeof(to), &state->overlapped,
      nullptr, &thread, &code);
  CheckPosted(result, "WSPSendTo", code);
}

void SpiDatagrams::PostReceive(Operation* operation, char* data, size_t size) {
  Operation::State* const state =
      PrepareOperation(operation, data, size, false);
  state->from_length = sizeof(state->from);
  WSATHREADID thread = spi_client::CurrentThreadId();
  DWORD flags = 0;
  int code = 0;
  const int result = library_.table->lpWSPRecvFrom(
      socket_, &state->buffer, 1, nullptr, &flags,
      reinterpret_cast<sockaddr*>(&state->from), &state->from_length,
      &state->overlapped, nullptr, &thread, &code);
  CheckPosted(result, "WSPRecvFrom", code);
}

void SpiDatagrams::Wait(Operation* operation) {
  AwaitOperation(library_, socket_, operation);
}

}  // namespace wspd::bench
