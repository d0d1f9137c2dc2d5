// The functions of the table that are answered without the daemon.
#include "client_stub/spi/address_strings.h"
#include "client_stub/spi/functions.h"
#include "client_stub/spi/spi_call.h"

namespace wsp {

INT WSPAPI SpiAddressToString(LPSOCKADDR address, DWORD address_length,
                              LPWSAPROTOCOL_INFOW info, LPWSTR text,
                              LPDWORD text_length, LPINT error) {
  SpiCall call(SpiFunction::kAddressToString, INVALID_SOCKET, error);
  if (!call.ok()) return SOCKET_ERROR;
  return call.Result(
      AddressToString(address, address_length, info, text, text_length));
}

INT WSPAPI SpiStringToAddress(LPWSTR text, INT family, LPWSAPROTOCOL_INFOW info,
                              LPSOCKADDR address, LPINT address_length,
                              LPINT error) {
  SpiCall call(SpiFunction::kStringToAddress, INVALID_SOCKET, error);
  if (!call.ok()) return SOCKET_ERROR;
  return call.Result(
      StringToAddress(text, family, info, address, address_length));
}

// TCP/IP has no templates for the quality of service: nothing that is a name is
// one of them (reference, sections 1.4 and 2).
BOOL WSPAPI SpiGetQosByName(SOCKET s, LPWSABUF name, LPQOS qos, LPINT error) {
  SpiCall call(SpiFunction::kGetQosByName, s, error);
  if (!call.ok()) return FALSE;
  if (name == nullptr || name->buf == nullptr || qos == nullptr) {
    call.Result(WSAEFAULT);
  } else if (name->len == 0) {
    call.Result(WSAEINVAL);
  } else {
    call.Result(WSAEOPNOTSUPP);
  }
  return FALSE;
}

}  // namespace wsp
