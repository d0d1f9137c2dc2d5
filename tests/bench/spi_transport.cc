#include "tests/bench/spi_transport.h"

#include "client_stub/spi_client/apc.h"
#include "client_stub/spi_client/catalog.h"
#include "tests/bench/clock.h"
#include "tests/bench/die.h"
#include "tests/bench/spi_library.h"

namespace wspd::bench {
namespace {

using spi_client::SpiClient;

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
  sockaddr_in address = LoopbackAddress(port);
  const int result = table.lpWSPConnect(
      s, reinterpret_cast<sockaddr*>(&address), sizeof(address), nullptr,
      nullptr, nullptr, nullptr, &code);
  Check(result, "WSPConnect", code);
  return s;
}

}  // namespace

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

std::unique_ptr<SpiDatagrams> SpiTransport::OpenSpiDatagrams(uint16_t port) {
  return std::make_unique<SpiDatagrams>(*library_, port);
}

std::unique_ptr<Datagrams> SpiTransport::OpenDatagrams(uint16_t port) {
  return OpenSpiDatagrams(port);
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

void SpiStream::PostSend(Operation* operation, const char* data, size_t size) {
  Operation::State* const state =
      PrepareOperation(operation, const_cast<char*>(data), size, true);
  WSATHREADID thread = spi_client::CurrentThreadId();
  int code = 0;
  const int result =
      library_.table->lpWSPSend(socket_, &state->buffer, 1, nullptr, 0,
                                &state->overlapped, nullptr, &thread, &code);
  CheckPosted(result, "WSPSend", code);
}

void SpiStream::PostReceive(Operation* operation, char* data, size_t size) {
  Operation::State* const state =
      PrepareOperation(operation, data, size, false);
  WSATHREADID thread = spi_client::CurrentThreadId();
  DWORD flags = 0;
  int code = 0;
  const int result =
      library_.table->lpWSPRecv(socket_, &state->buffer, 1, nullptr, &flags,
                                &state->overlapped, nullptr, &thread, &code);
  CheckPosted(result, "WSPRecv", code);
}

void SpiStream::Wait(Operation* operation) {
  AwaitOperation(library_, socket_, operation);
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
