#include "tests/testing/spi.h"

#include <cstring>
#include <sstream>
#include <utility>

#include "client_stub/spi_client/apc.h"
#include "client_stub/spi_client/catalog.h"
#include "client_stub/spi_client/event.h"
#include "client_stub/spi_client/wsa_error_name.h"
#include "gtest/gtest.h"

namespace wspd::testing {
namespace {

WORD SwapBytes(WORD value) {
  return static_cast<WORD>(value << 8 | value >> 8);
}

struct Address {
  union {
    sockaddr_in in;
    sockaddr_in6 in6;
  };
  int length;

  Address() : in6(), length(sizeof(in6)) {}

  explicit Address(const Endpoint& endpoint) : Address() {
    in6.sin6_port = SwapBytes(endpoint.port);  // at the same place in both
    if (endpoint.family == Family::kIpv4) {
      const unsigned char loopback[4] = {127, 0, 0, 1};
      in.sin_family = AF_INET;
      std::memcpy(&in.sin_addr, loopback, sizeof(loopback));
      length = sizeof(in);
    } else {
      in6.sin6_family = AF_INET6;
      reinterpret_cast<unsigned char*>(&in6.sin6_addr)[15] = 1;
    }
  }

  Endpoint ToEndpoint() const {
    return {in.sin_family == AF_INET ? Family::kIpv4 : Family::kIpv6,
            SwapBytes(in.sin_port)};
  }

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&in); }
};

// The code of a call. `error` is looked at only here, after the call, which may
// be made later than the other arguments of this are evaluated.
WsaCode CodeOf(bool failed, const int& error) {
  if (!failed) return kOk;
  return error == 0 ? kNoErrorGiven : WsaCode{error};
}

}  // namespace

const char kProviderPath[] = "client_stub/libwsp.so";

std::string ToString(WsaCode code) {
  std::ostringstream text;
  text << code;
  return text.str();
}

std::ostream& operator<<(std::ostream& out, WsaCode code) {
  if (code.ok()) return out << "success";
  if (code == kNoErrorGiven) return out << "failure without an error code";
  return out << spi_client::WsaErrorName(code.code);
}

std::unique_ptr<Spi> Spi::Load(const std::string& path) {
  std::string error;
  std::unique_ptr<spi_client::SpiClient> client =
      spi_client::SpiClient::Load(path, &error);
  if (client == nullptr) {
    ADD_FAILURE() << error;
    return nullptr;
  }
  return std::unique_ptr<Spi>(new Spi(std::move(client)));
}

WsaCode Spi::Startup(WORD version, WSPDATA* data) {
  return {client_->Startup(version, data)};
}

WsaCode Spi::StartupWith(const WSPUPCALLTABLE& upcalls) {
  WSPDATA data = {};
  WSPPROC_TABLE table = {};
  WSAPROTOCOL_INFOW info = spi_client::CatalogEntries()[0];
  return {client_->startup_function()(MAKEWORD(2, 2), &data, &info, upcalls,
                                      &table)};
}

WsaCode Spi::Cleanup() {
  int error = 0;
  const int result = table().lpWSPCleanup(&error);
  return CodeOf(result != 0, error);
}

int Spi::CleanupAll() {
  int count = 0;
  if (!loaded_ || table().lpWSPCleanup == nullptr) return count;
  while (Cleanup() != WsaCode{WSANOTINITIALISED}) ++count;
  return count;
}

WsaCode Spi::Socket(SOCKET* s, Family family, DWORD flags) {
  int error = 0;
  *s = table().lpWSPSocket(family == Family::kIpv4 ? AF_INET : AF_INET6,
                           SOCK_STREAM, IPPROTO_TCP, nullptr, 0, flags, &error);
  return CodeOf(*s == INVALID_SOCKET, error);
}

WsaCode Spi::DatagramSocket(SOCKET* s, Family family, DWORD flags) {
  int error = 0;
  *s = table().lpWSPSocket(family == Family::kIpv4 ? AF_INET : AF_INET6,
                           SOCK_DGRAM, IPPROTO_UDP, nullptr, 0, flags, &error);
  return CodeOf(*s == INVALID_SOCKET, error);
}

WsaCode Spi::Duplicate(SOCKET s, DWORD process_id, LPWSAPROTOCOL_INFOW info) {
  int error = 0;
  return CodeOf(table().lpWSPDuplicateSocket(s, process_id, info, &error) != 0,
                error);
}

WsaCode Spi::SocketFrom(LPWSAPROTOCOL_INFOW info, SOCKET* s) {
  int error = 0;
  *s = table().lpWSPSocket(FROM_PROTOCOL_INFO, FROM_PROTOCOL_INFO,
                           FROM_PROTOCOL_INFO, info, 0, WSA_FLAG_OVERLAPPED,
                           &error);
  return CodeOf(*s == INVALID_SOCKET, error);
}

WsaCode Spi::Bind(SOCKET s, const Endpoint& endpoint) {
  int error = 0;
  Address address(endpoint);
  return CodeOf(table().lpWSPBind(s, address.get(), address.length, &error),
                error);
}

WsaCode Spi::Listen(SOCKET s, int backlog) {
  int error = 0;
  return CodeOf(table().lpWSPListen(s, backlog, &error), error);
}

WsaCode Spi::Accept(SOCKET listener, SOCKET* accepted,
                    LPCONDITIONPROC condition, DWORD_PTR context) {
  int error = 0;
  *accepted = table().lpWSPAccept(listener, nullptr, nullptr, condition,
                                  context, &error);
  return CodeOf(*accepted == INVALID_SOCKET, error);
}

WsaCode Spi::Connect(SOCKET s, const Endpoint& endpoint) {
  int error = 0;
  Address address(endpoint);
  return CodeOf(table().lpWSPConnect(s, address.get(), address.length, nullptr,
                                     nullptr, nullptr, nullptr, &error),
                error);
}

WsaCode Spi::Close(SOCKET s) {
  int error = 0;
  return CodeOf(table().lpWSPCloseSocket(s, &error), error);
}

WsaCode Spi::Shutdown(SOCKET s, int how) {
  int error = 0;
  return CodeOf(table().lpWSPShutdown(s, how, &error), error);
}

WsaCode Spi::GetSockName(SOCKET s, Endpoint* endpoint) {
  int error = 0;
  Address address;
  const int result =
      table().lpWSPGetSockName(s, address.get(), &address.length, &error);
  *endpoint = address.ToEndpoint();
  return CodeOf(result, error);
}

WsaCode Spi::GetPeerName(SOCKET s, Endpoint* endpoint) {
  int error = 0;
  Address address;
  const int result =
      table().lpWSPGetPeerName(s, address.get(), &address.length, &error);
  *endpoint = address.ToEndpoint();
  return CodeOf(result, error);
}

WsaCode Spi::ConnectNew(const Endpoint& endpoint, SOCKET* s) {
  const WsaCode code = Socket(s, endpoint.family);
  return code.ok() ? Connect(*s, endpoint) : code;
}

WsaCode Spi::ListenNew(SOCKET* s, Endpoint* endpoint, Family family) {
  WsaCode code = Socket(s, family);
  if (code.ok()) code = Bind(*s, {family, 0});
  if (code.ok()) code = Listen(*s);
  if (code.ok()) code = GetSockName(*s, endpoint);
  return code;
}

WsaCode Spi::Send(SOCKET s, const std::string& data, size_t* sent) {
  int error = 0;
  DWORD count = 0;
  WSABUF buffer = {static_cast<ULONG>(data.size()),
                   const_cast<char*>(data.data())};
  const int result = table().lpWSPSend(s, &buffer, 1, &count, 0, nullptr,
                                       nullptr, nullptr, &error);
  if (sent != nullptr) *sent = count;
  return CodeOf(result, error);
}

WsaCode Spi::SendTo(SOCKET s, const std::string& data, const Endpoint& to,
                    DWORD flags) {
  int error = 0;
  DWORD count = 0;
  Address address(to);
  WSABUF buffer = {static_cast<ULONG>(data.size()),
                   const_cast<char*>(data.data())};
  return CodeOf(
      table().lpWSPSendTo(s, &buffer, 1, &count, flags, address.get(),
                          address.length, nullptr, nullptr, nullptr, &error),
      error);
}

WsaCode Spi::RecvFrom(SOCKET s, size_t size, std::string* data, Endpoint* from,
                      DWORD flags) {
  int error = 0;
  DWORD count = 0;
  Address address;
  data->resize(size);
  WSABUF buffer = {static_cast<ULONG>(size), &(*data)[0]};
  const int result =
      table().lpWSPRecvFrom(s, &buffer, 1, &count, &flags, address.get(),
                            &address.length, nullptr, nullptr, nullptr, &error);
  data->resize(count);
  *from = address.ToEndpoint();
  return CodeOf(result, error);
}

WsaCode Spi::Recv(SOCKET s, size_t size, std::string* data, DWORD flags) {
  int error = 0;
  DWORD count = 0;
  data->resize(size);
  WSABUF buffer = {static_cast<ULONG>(size), &(*data)[0]};
  const int result = table().lpWSPRecv(s, &buffer, 1, &count, &flags, nullptr,
                                       nullptr, nullptr, &error);
  data->resize(result == 0 ? count : 0);
  return CodeOf(result, error);
}

WsaCode Spi::RecvExactly(SOCKET s, size_t size, std::string* data) {
  data->clear();
  std::string part;
  while (data->size() < size) {
    const WsaCode code = Recv(s, size - data->size(), &part);
    if (!code.ok() || part.empty()) return code;
    *data += part;
  }
  return kOk;
}

WsaCode Spi::StartSend(SOCKET s, Operation* operation, const std::string& data,
                       LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) {
  int error = 0;
  operation->buffer = data;
  operation->wsabuf = {static_cast<ULONG>(data.size()), &operation->buffer[0]};
  WSATHREADID thread = spi_client::CurrentThreadId();
  DWORD count = 0;
  return CodeOf(
      table().lpWSPSend(s, &operation->wsabuf, 1, &count, 0,
                        &operation->overlapped, routine, &thread, &error),
      error);
}

WsaCode Spi::StartRecv(SOCKET s, Operation* operation, size_t size,
                       LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) {
  int error = 0;
  operation->buffer.resize(size);
  operation->wsabuf = {static_cast<ULONG>(size), &operation->buffer[0]};
  WSATHREADID thread = spi_client::CurrentThreadId();
  DWORD count = 0;
  return CodeOf(
      table().lpWSPRecv(s, &operation->wsabuf, 1, &count, &operation->flags,
                        &operation->overlapped, routine, &thread, &error),
      error);
}

WsaCode Spi::GetResult(SOCKET s, Operation* operation, bool wait,
                       DWORD* bytes) {
  int error = 0;
  DWORD flags = 0;
  const BOOL done = table().lpWSPGetOverlappedResult(
      s, &operation->overlapped, bytes, wait, &flags, &error);
  return CodeOf(!done, error);
}

WsaCode Spi::CancelBlocking() {
  int error = 0;
  return CodeOf(table().lpWSPCancelBlockingCall(&error), error);
}

WsaCode Spi::Select(fd_set* read, fd_set* write, fd_set* except,
                    const timeval* timeout, int* ready) {
  int error = 0;
  *ready = table().lpWSPSelect(0, read, write, except,
                               const_cast<timeval*>(timeout), &error);
  return CodeOf(*ready == SOCKET_ERROR, error);
}

WsaCode Spi::EventSelect(SOCKET s, WSAEVENT event, LONG events) {
  int error = 0;
  return CodeOf(table().lpWSPEventSelect(s, event, events, &error), error);
}

WsaCode Spi::AsyncSelect(SOCKET s, HWND window, UINT message, LONG events) {
  int error = 0;
  return CodeOf(table().lpWSPAsyncSelect(s, window, message, events, &error),
                error);
}

WsaCode Spi::EnumNetworkEvents(SOCKET s, WSAEVENT event,
                               WSANETWORKEVENTS* occurred) {
  int error = 0;
  return CodeOf(table().lpWSPEnumNetworkEvents(s, event, occurred, &error),
                error);
}

WsaCode Spi::SetNonBlocking(SOCKET s, bool on) {
  int error = 0;
  u_long flag = on;
  DWORD count = 0;
  return CodeOf(table().lpWSPIoctl(s, FIONBIO, &flag, sizeof(flag), nullptr, 0,
                                   &count, nullptr, nullptr, nullptr, &error),
                error);
}

WsaCode Spi::BytesReadable(SOCKET s, u_long* bytes) {
  int error = 0;
  DWORD count = 0;
  return CodeOf(
      table().lpWSPIoctl(s, FIONREAD, nullptr, 0, bytes, sizeof(*bytes), &count,
                         nullptr, nullptr, nullptr, &error),
      error);
}

WsaCode Spi::SetOption(SOCKET s, int level, int option, int value) {
  int error = 0;
  return CodeOf(
      table().lpWSPSetSockOpt(s, level, option, reinterpret_cast<char*>(&value),
                              sizeof(value), &error),
      error);
}

WsaCode Spi::GetOption(SOCKET s, int level, int option, int* value) {
  int error = 0;
  int length = sizeof(*value);
  *value = 0;
  return CodeOf(
      table().lpWSPGetSockOpt(s, level, option, reinterpret_cast<char*>(value),
                              &length, &error),
      error);
}

WsaCode Spi::SetLinger(SOCKET s, bool on, int seconds) {
  int error = 0;
  linger value = {static_cast<u_short>(on), static_cast<u_short>(seconds)};
  return CodeOf(table().lpWSPSetSockOpt(s, SOL_SOCKET, SO_LINGER,
                                        reinterpret_cast<char*>(&value),
                                        sizeof(value), &error),
                error);
}

Event::Event() {
  int error = 0;
  event_ = spi_client::OpenEventObject(&error);
}

Event::~Event() {
  int error = 0;
  spi_client::CloseEventObject(event_, &error);
}

bool Event::Wait(DWORD timeout_ms) const {
  return spi_client::WaitForEvents(&event_, 1, false, timeout_ms, false) ==
         WSA_WAIT_EVENT_0;
}

}  // namespace wspd::testing
