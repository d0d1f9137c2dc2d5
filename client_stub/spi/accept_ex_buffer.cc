#include "client_stub/spi/accept_ex_buffer.h"

#include <cstring>

#include "client_stub/spi/socket_addresses.h"

namespace wsp {
namespace {

constexpr size_t kLengthBytes = 4;

struct Record {
  uint8_t* memory;
  DWORD bytes;
};

Record LocalRecord(const AcceptExBuffer& buffer) {
  return {static_cast<uint8_t*>(buffer.memory) + buffer.data_bytes,
          buffer.local_bytes};
}

Record RemoteRecord(const AcceptExBuffer& buffer) {
  const Record local = LocalRecord(buffer);
  return {local.memory + local.bytes, buffer.remote_bytes};
}

bool HasRoom(DWORD bytes, int address_length) {
  return bytes >= kAcceptExRecordOverhead + static_cast<DWORD>(address_length);
}

int LengthOf(const Address& address) {
  return SocketAddressLength(address.family == Address::kIpv4 ? AF_INET
                                                              : AF_INET6);
}

void Write(const Record& record, const Address& address) {
  int length = LengthOf(address);
  auto* name = reinterpret_cast<sockaddr*>(record.memory + kLengthBytes);
  WriteSocketAddress(address, name, &length);
  const auto stored = static_cast<uint32_t>(length);
  std::memcpy(record.memory, &stored, kLengthBytes);
}

void Find(const Record& record, LPSOCKADDR* address, LPINT length) {
  uint32_t stored = 0;
  if (record.bytes >= kLengthBytes) {
    std::memcpy(&stored, record.memory, kLengthBytes);
    if (stored > record.bytes - kLengthBytes) stored = 0;
  }
  if (address != nullptr) {
    *address = stored == 0
                   ? nullptr
                   : reinterpret_cast<LPSOCKADDR>(record.memory + kLengthBytes);
  }
  if (length != nullptr) *length = static_cast<INT>(stored);
}

}  // namespace

bool HasRoomForAddresses(const AcceptExBuffer& buffer, int family) {
  const int length = SocketAddressLength(family);
  return (buffer.local_bytes == 0 || HasRoom(buffer.local_bytes, length)) &&
         HasRoom(buffer.remote_bytes, length);
}

uint32_t WriteAcceptExAddresses(const AcceptExBuffer& buffer,
                                const Address& local, const Address& remote) {
  const bool wants_local = buffer.local_bytes != 0;
  if (wants_local && !HasRoom(buffer.local_bytes, LengthOf(local))) {
    return WSAEFAULT;
  }
  if (!HasRoom(buffer.remote_bytes, LengthOf(remote))) return WSAEFAULT;
  if (wants_local) Write(LocalRecord(buffer), local);
  Write(RemoteRecord(buffer), remote);
  return 0;
}

void WSPAPI SpiGetAcceptExSockaddrs(
    PVOID output_buffer, DWORD receive_data_length, DWORD local_address_length,
    DWORD remote_address_length, LPSOCKADDR* local_sockaddr,
    LPINT local_sockaddr_length, LPSOCKADDR* remote_sockaddr,
    LPINT remote_sockaddr_length) {
  const AcceptExBuffer buffer = {output_buffer, receive_data_length,
                                 local_address_length, remote_address_length};
  Find(LocalRecord(buffer), local_sockaddr, local_sockaddr_length);
  Find(RemoteRecord(buffer), remote_sockaddr, remote_sockaddr_length);
}

}  // namespace wsp
