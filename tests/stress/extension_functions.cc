#include "tests/stress/extension_functions.h"

#include <cstring>

#include "tests/testing/extensions.h"

namespace wspd::testing {
namespace {

// What AcceptEx wants for an address: 16 bytes more than the largest.
constexpr DWORD kNameRoom = sizeof(sockaddr_in) + 16;

template <typename Function>
WsaCode FindOne(Spi* spi, SOCKET s, GUID id, Function* function) {
  DWORD bytes = 0;
  int error = 0;
  const int result = spi->table().lpWSPIoctl(
      s, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof(id), function,
      sizeof(*function), &bytes, nullptr, nullptr, nullptr, &error);
  return result == 0 ? kOk : WsaCode{error};
}

WsaCode Update(Spi* spi, SOCKET s, int option, const char* value, int length) {
  int error = 0;
  const int result = spi->table().lpWSPSetSockOpt(s, SOL_SOCKET, option, value,
                                                  length, &error);
  return result == 0 ? kOk : WsaCode{error};
}

}  // namespace

WsaCode ExtensionFunctions::Find(SOCKET s) {
  const WsaCode code = FindOne(spi_, s, WSAID_ACCEPTEX, &accept_ex_);
  return code.ok() ? FindOne(spi_, s, WSAID_CONNECTEX, &connect_ex_) : code;
}

WsaCode ExtensionFunctions::AcceptEx(SOCKET listener, SOCKET s, size_t room,
                                     Transfer* transfer) {
  Operation* const operation = &transfer->operation;
  operation->buffer.assign(room + 2 * kNameRoom, '\0');
  DWORD received = 0;
  return CodeOfBool(accept_ex_(listener, s, &operation->buffer[0],
                               static_cast<DWORD>(room), kNameRoom, kNameRoom,
                               &received, &operation->overlapped));
}

WsaCode ExtensionFunctions::UpdateAcceptContext(SOCKET s, SOCKET listener) {
  return Update(spi_, s, SO_UPDATE_ACCEPT_CONTEXT,
                reinterpret_cast<const char*>(&listener), sizeof(listener));
}

WsaCode ExtensionFunctions::Bind(SOCKET s, uint8_t host) {
  SocketAddress address(Endpoint{Family::kIpv4, 0});
  // In the order of the network.
  const uint8_t ip[4] = {127, 0, 1, host};
  auto* const in = reinterpret_cast<sockaddr_in*>(address.get());
  static_assert(sizeof(in->sin_addr) == sizeof(ip));
  std::memcpy(&in->sin_addr, ip, sizeof(ip));
  int error = 0;
  const int result =
      spi_->table().lpWSPBind(s, address.get(), address.length, &error);
  return result == 0 ? kOk : WsaCode{error};
}

WsaCode ExtensionFunctions::ConnectEx(SOCKET s, uint16_t port,
                                      const std::string& data,
                                      Transfer* transfer) {
  Operation* const operation = &transfer->operation;
  operation->buffer = data;
  SocketAddress address(Endpoint{Family::kIpv4, port});
  DWORD sent = 0;
  return CodeOfBool(connect_ex_(
      s, address.get(), address.length, &operation->buffer[0],
      static_cast<DWORD>(data.size()), &sent, &operation->overlapped));
}

WsaCode ExtensionFunctions::UpdateConnectContext(SOCKET s) {
  return Update(spi_, s, SO_UPDATE_CONNECT_CONTEXT, nullptr, 0);
}

}  // namespace wspd::testing
