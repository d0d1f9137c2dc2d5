#include "tests/conformance/extension_fixture.h"

namespace wspd::conformance {
namespace {

WsaCode CodeOf(BOOL result) {
  if (result) return kOk;
  const int error = WSAGetLastError();
  return error == 0 ? kNoErrorGiven : WsaCode{error};
}

}  // namespace

template <typename Function>
Function ExtensionTest::Find(SOCKET s, GUID guid) {
  WsaCode code;
  void* function = FindExtension(s, guid, &code);
  if (function == nullptr) {
    // The handle may be the bad one.
    function = FindExtension(New(), guid, &code);
  }
  EXPECT_NE(function, nullptr) << "no such function: " << code;
  WSASetLastError(0);
  return reinterpret_cast<Function>(function);
}

WsaCode ExtensionTest::AcceptEx(SOCKET listener, SOCKET s, Overlapped* accept,
                                DWORD data_room) {
  accept->buffer.assign(data_room + 2 * kNameRoom, '\0');
  return AcceptExRaw(listener, s, &accept->buffer[0], data_room, kNameRoom,
                     kNameRoom, accept->WithEvent().overlapped);
}

WsaCode ExtensionTest::AcceptExRaw(SOCKET listener, SOCKET s, void* buffer,
                                   DWORD data_room, DWORD local_room,
                                   DWORD remote_room, LPOVERLAPPED overlapped) {
  const auto function = Find<LPFN_ACCEPTEX>(listener, WSAID_ACCEPTEX);
  if (function == nullptr) return kNoErrorGiven;
  DWORD received = 0;
  return CodeOf(function(listener, s, buffer, data_room, local_room,
                         remote_room, &received, overlapped));
}

WsaCode ExtensionTest::UpdateAcceptContext(SOCKET s, SOCKET listener) {
  return SetOption(s, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, &listener,
                   sizeof(listener));
}

WsaCode ExtensionTest::ConnectEx(SOCKET s, const SockAddr& name,
                                 LPOVERLAPPED overlapped,
                                 const std::string& data) {
  const auto function = Find<LPFN_CONNECTEX>(s, WSAID_CONNECTEX);
  if (function == nullptr) return kNoErrorGiven;
  DWORD sent = 0;
  return CodeOf(
      function(s, name.get(), name.length(),
               data.empty() ? nullptr : const_cast<char*>(data.data()),
               static_cast<DWORD>(data.size()), &sent, overlapped));
}

WsaCode ExtensionTest::UpdateConnectContext(SOCKET s) {
  return SetOption(s, SOL_SOCKET, SO_UPDATE_CONNECT_CONTEXT, nullptr, 0);
}

WsaCode ExtensionTest::DisconnectEx(SOCKET s, LPOVERLAPPED overlapped,
                                    DWORD flags) {
  const auto function = Find<LPFN_DISCONNECTEX>(s, WSAID_DISCONNECTEX);
  if (function == nullptr) return kNoErrorGiven;
  return CodeOf(function(s, overlapped, flags, 0));
}

WsaCode ExtensionTest::TransmitFile(SOCKET s, int file, DWORD size,
                                    LPOVERLAPPED overlapped,
                                    LPTRANSMIT_FILE_BUFFERS buffers,
                                    DWORD flags) {
  const auto function = Find<LPFN_TRANSMITFILE>(s, WSAID_TRANSMITFILE);
  if (function == nullptr) return kNoErrorGiven;
  const HANDLE handle =
      file < 0 ? nullptr : reinterpret_cast<HANDLE>(static_cast<INT_PTR>(file));
  return CodeOf(function(s, handle, size, 0, overlapped, buffers, flags));
}

WsaCode ExtensionTest::TransmitPackets(SOCKET s,
                                       LPTRANSMIT_PACKETS_ELEMENT elements,
                                       DWORD count, LPOVERLAPPED overlapped,
                                       DWORD flags) {
  const auto function = Find<LPFN_TRANSMITPACKETS>(s, WSAID_TRANSMITPACKETS);
  if (function == nullptr) return kNoErrorGiven;
  return CodeOf(function(s, elements, count, 0, overlapped, flags));
}

}  // namespace wspd::conformance
