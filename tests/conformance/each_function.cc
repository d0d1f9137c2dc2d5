#include "tests/conformance/each_function.h"

#include <unistd.h>

#include "client_stub/spi_client/event.h"
#include "client_stub/spi_client/message_window.h"

namespace wspd::conformance {
namespace {

SockAddr SomeName() { return SockAddr::Loopback(testing::Family::kIpv4, 9); }

WsaCode CallAccept(Calls& calls, SOCKET s) {
  SOCKET accepted;
  return calls.Accept(s, &accepted);
}

WsaCode CallAsyncSelect(Calls& calls, SOCKET s) {
  spi_client::MessageWindow window;
  return calls.AsyncSelect(s, window.handle(), 0x400, FD_READ);
}

WsaCode CallBind(Calls& calls, SOCKET s) {
  return calls.Bind(s, SockAddr::Loopback(testing::Family::kIpv4));
}

WsaCode CallClose(Calls& calls, SOCKET s) { return calls.Close(s); }

WsaCode CallConnect(Calls& calls, SOCKET s) {
  return calls.Connect(s, SomeName());
}

WsaCode CallDuplicate(Calls& calls, SOCKET s) {
  WSAPROTOCOL_INFOW info = {};
  return calls.DuplicateSocket(s, static_cast<DWORD>(getpid()), &info);
}

WsaCode CallEnumNetworkEvents(Calls& calls, SOCKET s) {
  WSANETWORKEVENTS events = {};
  return calls.EnumNetworkEvents(s, nullptr, &events);
}

WsaCode CallEventSelect(Calls& calls, SOCKET s) {
  testing::Event event;
  return calls.EventSelect(s, event.get(), FD_READ);
}

WsaCode CallGetOverlappedResult(Calls& calls, SOCKET s) {
  WSAOVERLAPPED done = {};
  DWORD bytes, flags;
  return calls.GetOverlappedResult(s, &done, &bytes, false, &flags);
}

WsaCode CallGetPeerName(Calls& calls, SOCKET s) {
  SockAddr name;
  return calls.GetPeerName(s, &name);
}

WsaCode CallGetSockName(Calls& calls, SOCKET s) {
  SockAddr name;
  return calls.GetSockName(s, &name);
}

WsaCode CallGetOption(Calls& calls, SOCKET s) {
  int value;
  return calls.GetInt(s, SOL_SOCKET, SO_TYPE, &value);
}

WsaCode CallGetQosByName(Calls& calls, SOCKET s) {
  char text[] = "name";
  WSABUF name = {sizeof(text), text};
  QOS qos = {};
  return calls.GetQosByName(s, &name, &qos);
}

WsaCode CallIoctl(Calls& calls, SOCKET s) {
  u_long bytes;
  return calls.BytesReadable(s, &bytes);
}

WsaCode CallJoinLeaf(Calls& calls, SOCKET s) {
  const SockAddr name = SomeName();
  SOCKET joined;
  return calls.JoinLeaf(s, &joined, name.get(), name.length(), JL_BOTH);
}

WsaCode CallListen(Calls& calls, SOCKET s) { return calls.Listen(s); }

WsaCode CallRecv(Calls& calls, SOCKET s) {
  std::string data;
  return calls.RecvText(s, 1, &data);
}

WsaCode CallRecvDisconnect(Calls& calls, SOCKET s) {
  return calls.RecvDisconnect(s);
}

WsaCode CallRecvFrom(Calls& calls, SOCKET s) {
  char byte;
  WSABUF buffer = {1, &byte};
  DWORD received, flags = 0;
  SockAddr from;
  return calls.RecvFrom(s, &buffer, 1, &received, &flags, from.get(),
                        from.length_pointer());
}

WsaCode CallSelect(Calls& calls, SOCKET s) {
  fd_set set = {};
  FD_SET(s, &set);
  const TIMEVAL at_once = {};
  int ready;
  return calls.Select(&set, nullptr, nullptr, &at_once, &ready);
}

WsaCode CallSend(Calls& calls, SOCKET s) { return calls.SendText(s, "x"); }

WsaCode CallSendDisconnect(Calls& calls, SOCKET s) {
  return calls.SendDisconnect(s);
}

WsaCode CallSendTo(Calls& calls, SOCKET s) {
  char byte = 'x';
  WSABUF buffer = {1, &byte};
  DWORD sent;
  const SockAddr to = SomeName();
  return calls.SendTo(s, &buffer, 1, &sent, 0, to.get(), to.length());
}

WsaCode CallSetOption(Calls& calls, SOCKET s) {
  return calls.SetInt(s, SOL_SOCKET, SO_KEEPALIVE, 1);
}

WsaCode CallShutdown(Calls& calls, SOCKET s) {
  return calls.Shutdown(s, SD_SEND);
}

WsaCode CallAddressToString(Calls& calls, SOCKET) {
  SockAddr name = SomeName();
  WCHAR text[100];
  DWORD length = 100;
  return calls.AddressToString(name.get(), name.length(), nullptr, text,
                               &length);
}

WsaCode CallStringToAddress(Calls& calls, SOCKET) {
  WCHAR text[] = u"127.0.0.1:9";
  SockAddr name;
  return calls.StringToAddress(text, AF_INET, nullptr, name.get(),
                               name.length_pointer());
}

WsaCode CallSocket(Calls& calls, SOCKET) {
  SOCKET s;
  return calls.Socket(&s, AF_INET, SOCK_STREAM, IPPROTO_TCP);
}

WsaCode CallCancelBlockingCall(Calls& calls, SOCKET) {
  return calls.CancelBlockingCall();
}

}  // namespace

const std::vector<FunctionCall>& SocketFunctions() {
  static const auto* const functions = new std::vector<FunctionCall>{
      {"WSPAccept", CallAccept},
      {"WSPAsyncSelect", CallAsyncSelect},
      {"WSPBind", CallBind},
      {"WSPCloseSocket", CallClose},
      {"WSPConnect", CallConnect},
      {"WSPDuplicateSocket", CallDuplicate},
      {"WSPEnumNetworkEvents", CallEnumNetworkEvents},
      {"WSPEventSelect", CallEventSelect},
      {"WSPGetOverlappedResult", CallGetOverlappedResult},
      {"WSPGetPeerName", CallGetPeerName},
      {"WSPGetQOSByName", CallGetQosByName},
      {"WSPGetSockName", CallGetSockName},
      {"WSPGetSockOpt", CallGetOption},
      {"WSPIoctl", CallIoctl},
      {"WSPJoinLeaf", CallJoinLeaf},
      {"WSPListen", CallListen},
      {"WSPRecv", CallRecv},
      {"WSPRecvDisconnect", CallRecvDisconnect},
      {"WSPRecvFrom", CallRecvFrom},
      {"WSPSelect", CallSelect},
      {"WSPSend", CallSend},
      {"WSPSendDisconnect", CallSendDisconnect},
      {"WSPSendTo", CallSendTo},
      {"WSPSetSockOpt", CallSetOption},
      {"WSPShutdown", CallShutdown},
  };
  return *functions;
}

const std::vector<FunctionCall>& OtherFunctions() {
  static const auto* const functions = new std::vector<FunctionCall>{
      {"WSPAddressToString", CallAddressToString},
      {"WSPCancelBlockingCall", CallCancelBlockingCall},
      {"WSPSocket", CallSocket},
      {"WSPStringToAddress", CallStringToAddress},
  };
  return *functions;
}

}  // namespace wspd::conformance
