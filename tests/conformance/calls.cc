#include "tests/conformance/calls.h"

#include "client_stub/spi_client/apc.h"

namespace wspd::conformance {
namespace {

// A call's result once it has returned: `error` is looked at only then.
WsaCode CodeOf(bool failed, const int& error) {
  if (!failed) return kOk;
  return error == 0 ? kNoErrorGiven : WsaCode{error};
}

}  // namespace

WsaCode Calls::Cleanup() {
  int error = 0;
  return CodeOf(table_->lpWSPCleanup(&error) != 0, error);
}

WsaCode Calls::Socket(SOCKET* s, int family, int type, int protocol,
                      DWORD flags, LPWSAPROTOCOL_INFOW info, GROUP group) {
  int error = 0;
  *s = table_->lpWSPSocket(family, type, protocol, info, group, flags, &error);
  return CodeOf(*s == INVALID_SOCKET, error);
}

WsaCode Calls::Close(SOCKET s) {
  int error = 0;
  return CodeOf(table_->lpWSPCloseSocket(s, &error) != 0, error);
}

WsaCode Calls::Bind(SOCKET s, const SockAddr& name) {
  return Bind(s, name.get(), name.length());
}

WsaCode Calls::Bind(SOCKET s, const sockaddr* name, int length) {
  int error = 0;
  return CodeOf(table_->lpWSPBind(s, name, length, &error) != 0, error);
}

WsaCode Calls::Listen(SOCKET s, int backlog) {
  int error = 0;
  return CodeOf(table_->lpWSPListen(s, backlog, &error) != 0, error);
}

WsaCode Calls::Accept(SOCKET s, SOCKET* accepted, SockAddr* peer,
                      LPCONDITIONPROC condition, DWORD_PTR context) {
  if (peer == nullptr) {
    return AcceptRaw(s, accepted, nullptr, nullptr, condition, context);
  }
  *peer = SockAddr();
  return AcceptRaw(s, accepted, peer->get(), peer->length_pointer(), condition,
                   context);
}

WsaCode Calls::AcceptRaw(SOCKET s, SOCKET* accepted, sockaddr* name,
                         int* length, LPCONDITIONPROC condition,
                         DWORD_PTR context) {
  int error = 0;
  *accepted = table_->lpWSPAccept(s, name, length, condition, context, &error);
  return CodeOf(*accepted == INVALID_SOCKET, error);
}

WsaCode Calls::Connect(SOCKET s, const SockAddr& name) {
  return Connect(s, name.get(), name.length());
}

WsaCode Calls::Connect(SOCKET s, const sockaddr* name, int length) {
  int error = 0;
  return CodeOf(table_->lpWSPConnect(s, name, length, nullptr, nullptr, nullptr,
                                     nullptr, &error) != 0,
                error);
}

WsaCode Calls::Shutdown(SOCKET s, int how) {
  int error = 0;
  return CodeOf(table_->lpWSPShutdown(s, how, &error) != 0, error);
}

WsaCode Calls::SendDisconnect(SOCKET s, LPWSABUF data) {
  int error = 0;
  return CodeOf(table_->lpWSPSendDisconnect(s, data, &error) != 0, error);
}

WsaCode Calls::RecvDisconnect(SOCKET s, LPWSABUF data) {
  int error = 0;
  return CodeOf(table_->lpWSPRecvDisconnect(s, data, &error) != 0, error);
}

WsaCode Calls::CancelBlockingCall() {
  int error = 0;
  return CodeOf(table_->lpWSPCancelBlockingCall(&error) != 0, error);
}

WsaCode Calls::GetSockName(SOCKET s, SockAddr* name) {
  *name = SockAddr();
  return GetSockName(s, name->get(), name->length_pointer());
}

WsaCode Calls::GetSockName(SOCKET s, sockaddr* name, int* length) {
  int error = 0;
  return CodeOf(table_->lpWSPGetSockName(s, name, length, &error) != 0, error);
}

WsaCode Calls::GetPeerName(SOCKET s, SockAddr* name) {
  *name = SockAddr();
  return GetPeerName(s, name->get(), name->length_pointer());
}

WsaCode Calls::GetPeerName(SOCKET s, sockaddr* name, int* length) {
  int error = 0;
  return CodeOf(table_->lpWSPGetPeerName(s, name, length, &error) != 0, error);
}

WsaCode Calls::GetOption(SOCKET s, int level, int name, void* value,
                         int* length) {
  int error = 0;
  return CodeOf(
      table_->lpWSPGetSockOpt(s, level, name, static_cast<char*>(value), length,
                              &error) != 0,
      error);
}

WsaCode Calls::SetOption(SOCKET s, int level, int name, const void* value,
                         int length) {
  int error = 0;
  return CodeOf(
      table_->lpWSPSetSockOpt(s, level, name, static_cast<const char*>(value),
                              length, &error) != 0,
      error);
}

WsaCode Calls::GetInt(SOCKET s, int level, int name, int* value) {
  int length = sizeof(*value);
  *value = 0;
  return GetOption(s, level, name, value, &length);
}

WsaCode Calls::SetInt(SOCKET s, int level, int name, int value) {
  return SetOption(s, level, name, &value, sizeof(value));
}

WsaCode Calls::Ioctl(SOCKET s, DWORD code, void* in, DWORD in_size, void* out,
                     DWORD out_size, DWORD* returned, const Overlap& overlap) {
  int error = 0;
  WSATHREADID thread = spi_client::CurrentThreadId();
  return CodeOf(table_->lpWSPIoctl(s, code, in, in_size, out, out_size,
                                   returned, overlap.overlapped,
                                   overlap.routine, &thread, &error) != 0,
                error);
}

WsaCode Calls::SetNonBlocking(SOCKET s, bool on) {
  u_long flag = on;
  DWORD returned = 0;
  return Ioctl(s, FIONBIO, &flag, sizeof(flag), nullptr, 0, &returned);
}

WsaCode Calls::BytesReadable(SOCKET s, u_long* bytes) {
  DWORD returned = 0;
  return Ioctl(s, FIONREAD, nullptr, 0, bytes, sizeof(*bytes), &returned);
}

void* Calls::FindExtension(SOCKET s, GUID guid, WsaCode* code) {
  void* function = nullptr;
  DWORD returned = 0;
  const WsaCode result =
      Ioctl(s, SIO_GET_EXTENSION_FUNCTION_POINTER, &guid, sizeof(guid),
            &function, sizeof(function), &returned);
  if (code != nullptr) *code = result;
  return result.ok() ? function : nullptr;
}

WsaCode Calls::Send(SOCKET s, WSABUF* buffers, DWORD count, DWORD* sent,
                    DWORD flags, const Overlap& overlap) {
  int error = 0;
  WSATHREADID thread = spi_client::CurrentThreadId();
  return CodeOf(
      table_->lpWSPSend(s, buffers, count, sent, flags, overlap.overlapped,
                        overlap.routine, &thread, &error) != 0,
      error);
}

WsaCode Calls::Recv(SOCKET s, WSABUF* buffers, DWORD count, DWORD* received,
                    DWORD* flags, const Overlap& overlap) {
  int error = 0;
  WSATHREADID thread = spi_client::CurrentThreadId();
  return CodeOf(
      table_->lpWSPRecv(s, buffers, count, received, flags, overlap.overlapped,
                        overlap.routine, &thread, &error) != 0,
      error);
}

WsaCode Calls::SendTo(SOCKET s, WSABUF* buffers, DWORD count, DWORD* sent,
                      DWORD flags, const sockaddr* to, int to_length,
                      const Overlap& overlap) {
  int error = 0;
  WSATHREADID thread = spi_client::CurrentThreadId();
  return CodeOf(table_->lpWSPSendTo(s, buffers, count, sent, flags, to,
                                    to_length, overlap.overlapped,
                                    overlap.routine, &thread, &error) != 0,
                error);
}

WsaCode Calls::RecvFrom(SOCKET s, WSABUF* buffers, DWORD count, DWORD* received,
                        DWORD* flags, sockaddr* from, int* from_length,
                        const Overlap& overlap) {
  int error = 0;
  WSATHREADID thread = spi_client::CurrentThreadId();
  return CodeOf(table_->lpWSPRecvFrom(s, buffers, count, received, flags, from,
                                      from_length, overlap.overlapped,
                                      overlap.routine, &thread, &error) != 0,
                error);
}

WsaCode Calls::GetOverlappedResult(SOCKET s, LPWSAOVERLAPPED overlapped,
                                   DWORD* bytes, bool wait, DWORD* flags) {
  int error = 0;
  return CodeOf(!table_->lpWSPGetOverlappedResult(s, overlapped, bytes, wait,
                                                  flags, &error),
                error);
}

WsaCode Calls::SendText(SOCKET s, const std::string& data, DWORD flags,
                        DWORD* sent) {
  WSABUF buffer = {static_cast<u_long>(data.size()),
                   const_cast<char*>(data.data())};
  DWORD count = 0;
  return Send(s, &buffer, 1, sent != nullptr ? sent : &count, flags);
}

WsaCode Calls::RecvText(SOCKET s, size_t size, std::string* data, DWORD flags) {
  data->assign(size, '\0');
  WSABUF buffer = {static_cast<u_long>(size), &(*data)[0]};
  DWORD count = 0;
  const WsaCode code = Recv(s, &buffer, 1, &count, &flags);
  data->resize(code.ok() ? count : 0);
  return code;
}

WsaCode Calls::RecvExactly(SOCKET s, size_t size, std::string* data) {
  data->clear();
  std::string part;
  while (data->size() < size) {
    const WsaCode code = RecvText(s, size - data->size(), &part);
    if (!code.ok() || part.empty()) return code;
    *data += part;
  }
  return kOk;
}

WsaCode Calls::Select(fd_set* read, fd_set* write, fd_set* except,
                      const TIMEVAL* timeout, int* ready) {
  int error = 0;
  *ready = table_->lpWSPSelect(0, read, write, except,
                               const_cast<TIMEVAL*>(timeout), &error);
  return CodeOf(*ready == SOCKET_ERROR, error);
}

WsaCode Calls::EventSelect(SOCKET s, WSAEVENT event, LONG events) {
  int error = 0;
  return CodeOf(table_->lpWSPEventSelect(s, event, events, &error) != 0, error);
}

WsaCode Calls::EnumNetworkEvents(SOCKET s, WSAEVENT event,
                                 WSANETWORKEVENTS* events) {
  int error = 0;
  return CodeOf(table_->lpWSPEnumNetworkEvents(s, event, events, &error) != 0,
                error);
}

WsaCode Calls::AsyncSelect(SOCKET s, HWND window, unsigned message,
                           LONG events) {
  int error = 0;
  return CodeOf(
      table_->lpWSPAsyncSelect(s, window, message, events, &error) != 0, error);
}

WsaCode Calls::DuplicateSocket(SOCKET s, DWORD process,
                               LPWSAPROTOCOL_INFOW info) {
  int error = 0;
  return CodeOf(table_->lpWSPDuplicateSocket(s, process, info, &error) != 0,
                error);
}

WsaCode Calls::JoinLeaf(SOCKET s, SOCKET* joined, const sockaddr* name,
                        int length, DWORD flags) {
  int error = 0;
  *joined = table_->lpWSPJoinLeaf(s, name, length, nullptr, nullptr, nullptr,
                                  nullptr, flags, &error);
  return CodeOf(*joined == INVALID_SOCKET, error);
}

WsaCode Calls::GetQosByName(SOCKET s, LPWSABUF name, LPQOS qos) {
  int error = 0;
  return CodeOf(!table_->lpWSPGetQOSByName(s, name, qos, &error), error);
}

WsaCode Calls::AddressToString(sockaddr* address, DWORD address_length,
                               LPWSAPROTOCOL_INFOW info, WCHAR* text,
                               DWORD* text_length) {
  int error = 0;
  return CodeOf(table_->lpWSPAddressToString(address, address_length, info,
                                             text, text_length, &error) != 0,
                error);
}

WsaCode Calls::StringToAddress(WCHAR* text, int family,
                               LPWSAPROTOCOL_INFOW info, sockaddr* address,
                               int* address_length) {
  int error = 0;
  return CodeOf(table_->lpWSPStringToAddress(text, family, info, address,
                                             address_length, &error) != 0,
                error);
}

}  // namespace wspd::conformance
