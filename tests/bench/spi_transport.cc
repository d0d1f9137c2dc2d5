#include "tests/bench/spi_transport.h"

#include <winsock2.h>
#include <ws2spi.h>
#include <ws2tcpip.h>

#include "client_stub/spi_client/apc.h"
#include "client_stub/spi_client/catalog.h"
#include "client_stub/spi_client/event.h"
#include "client_stub/spi_client/spi_client.h"
#include "client_stub/spi_client/wsa_error_name.h"
#include "tests/bench/clock.h"
#include "tests/bench/die.h"

namespace wspd::bench {
namespace {

using spi_client::SpiClient;

[[noreturn]] void DieOf(const char* call, int code) {
  Die(std::string(call) + ": " + spi_client::WsaErrorName(code));
}

void Check(int result, const char* call, int code) {
  if (result != 0) DieOf(call, code);
}

std::unique_ptr<SpiClient> Load(const std::string& provider) {
  std::string error;
  auto client = SpiClient::Load(provider, &error);
  if (client == nullptr) Die(error);
  return client;
}

void StartUp(SpiClient* client) {
  const int code = client->Startup();
  Check(code, "WSPStartup", code);
}

void CleanUp(const SpiClient& client) {
  int code = 0;
  const int result = client.table().lpWSPCleanup(&code);
  Check(result, "WSPCleanup", code);
}

SOCKET Connect(const WSPPROC_TABLE& table, uint16_t port) {
  WSAPROTOCOL_INFOW entry = *spi_client::FindCatalogEntry(AF_INET, SOCK_STREAM);
  int code = 0;
  const SOCKET s = table.lpWSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP, &entry,
                                     0, WSA_FLAG_OVERLAPPED, &code);
  if (s == INVALID_SOCKET) DieOf("WSPSocket", code);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int result = table.lpWSPConnect(
      s, reinterpret_cast<sockaddr*>(&address), sizeof(address), nullptr,
      nullptr, nullptr, nullptr, &code);
  Check(result, "WSPConnect", code);
  return s;
}

}  // namespace

struct SpiTransport::Library {
  std::unique_ptr<SpiClient> client;
  const WSPPROC_TABLE* table;
};

SpiTransport::SpiTransport(const std::string& provider)
    : library_(std::make_unique<Library>()) {
  library_->client = Load(provider);
  StartUp(library_->client.get());
  library_->table = &library_->client->table();
}

SpiTransport::~SpiTransport() { CleanUp(*library_->client); }

std::unique_ptr<SpiStream> SpiTransport::ConnectSpi(uint16_t port) {
  return std::make_unique<SpiStream>(*library_, port);
}

std::unique_ptr<Stream> SpiTransport::Connect(uint16_t port) {
  return ConnectSpi(port);
}

struct Operation::State {
  WSAOVERLAPPED overlapped = {};
  WSABUF buffer = {};
  bool is_send = false;
};

Operation::Operation() : state_(std::make_unique<State>()) {
  int code = 0;
  state_->overlapped.hEvent = spi_client::OpenEventObject(&code);
  if (state_->overlapped.hEvent == WSA_INVALID_EVENT) {
    DieOf("OpenEventObject", code);
  }
}

Operation::~Operation() {
  int code = 0;
  spi_client::CloseEventObject(state_->overlapped.hEvent, &code);
}

bool Operation::completed() const {
  return __atomic_load_n(&state_->overlapped.Internal, __ATOMIC_ACQUIRE) !=
         WSS_OPERATION_IN_PROGRESS;
}

SpiStream::SpiStream(const SpiTransport::Library& library, uint16_t port)
    : library_(library), socket_(bench::Connect(*library.table, port)) {}

SpiStream::~SpiStream() {
  int code = 0;
  const int result = library_.table->lpWSPCloseSocket(socket_, &code);
  Check(result, "WSPCloseSocket", code);
}

void SpiStream::Send(const char* data, size_t size) {
  WSABUF buffer = {};
  buffer.buf = const_cast<char*>(data);
  buffer.len = static_cast<u_long>(size);
  WSATHREADID thread = spi_client::CurrentThreadId();
  DWORD sent = 0;
  int code = 0;
  const int result = library_.table->lpWSPSend(
      socket_, &buffer, 1, &sent, 0, nullptr, nullptr, &thread, &code);
  Check(result, "WSPSend", code);
  if (sent != size) Die("WSPSend sent a part");
}

void SpiStream::Receive(char* data, size_t size) {
  WSATHREADID thread = spi_client::CurrentThreadId();
  while (size > 0) {
    WSABUF buffer = {};
    buffer.buf = data;
    buffer.len = static_cast<u_long>(size);
    DWORD received = 0;
    DWORD flags = 0;
    int code = 0;
    const int result =
        library_.table->lpWSPRecv(socket_, &buffer, 1, &received, &flags,
                                  nullptr, nullptr, &thread, &code);
    Check(result, "WSPRecv", code);
    if (received == 0) Die("WSPRecv: end of stream");
    data += received;
    size -= received;
  }
}

namespace {

WSABUF* Prepare(Operation::State* state, char* data, size_t size) {
  int code = 0;
  spi_client::ResetEventObject(state->overlapped.hEvent, &code);
  state->buffer.buf = data;
  state->buffer.len = static_cast<u_long>(size);
  return &state->buffer;
}

void CheckPosted(int result, const char* call, int code) {
  if (result != 0 && code != WSA_IO_PENDING) DieOf(call, code);
}

}  // namespace

void SpiStream::PostSend(Operation* operation, const char* data, size_t size) {
  Operation::State* const state = operation->state();
  WSABUF* const buffer = Prepare(state, const_cast<char*>(data), size);
  state->is_send = true;
  WSATHREADID thread = spi_client::CurrentThreadId();
  int code = 0;
  const int result =
      library_.table->lpWSPSend(socket_, buffer, 1, nullptr, 0,
                                &state->overlapped, nullptr, &thread, &code);
  CheckPosted(result, "WSPSend", code);
}

void SpiStream::PostReceive(Operation* operation, char* data, size_t size) {
  Operation::State* const state = operation->state();
  WSABUF* const buffer = Prepare(state, data, size);
  state->is_send = false;
  WSATHREADID thread = spi_client::CurrentThreadId();
  DWORD flags = 0;
  int code = 0;
  const int result =
      library_.table->lpWSPRecv(socket_, buffer, 1, nullptr, &flags,
                                &state->overlapped, nullptr, &thread, &code);
  CheckPosted(result, "WSPRecv", code);
}

void SpiStream::Wait(Operation* operation) {
  Operation::State* const state = operation->state();
  spi_client::WaitForEvents(&state->overlapped.hEvent, 1, true, WSA_INFINITE,
                            false);
  DWORD transferred = 0;
  DWORD flags = 0;
  int code = 0;
  if (!library_.table->lpWSPGetOverlappedResult(
          socket_, &state->overlapped, &transferred, FALSE, &flags, &code)) {
    DieOf("WSPGetOverlappedResult", code);
  }
  if (transferred == 0 ||
      (state->is_send && transferred != state->buffer.len)) {
    Die("an overlapped operation did a part");
  }
}

StartupTimes MeasureStartup(const std::string& provider) {
  StartupTimes times;
  const double begin = Now();
  const std::unique_ptr<SpiClient> client = Load(provider);
  const double loaded = Now();
  StartUp(client.get());
  const double started = Now();
  CleanUp(*client);
  times.load = loaded - begin;
  times.startup = started - loaded;
  return times;
}

}  // namespace wspd::bench
