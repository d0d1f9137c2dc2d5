#ifndef WSPD_CLIENT_STUB_SPI_IOCTLS_H_
#define WSPD_CLIENT_STUB_SPI_IOCTLS_H_

#include <winsock2.h>

#include <cstdint>

#include "client_stub/spi/overlapped.h"
#include "client_stub/spi/spi_call.h"

namespace wsp {

// What the files that answer WSPIoctl's codes have in common (reference,
// section 4.9).

struct IoctlBuffers {
  const void* in;
  DWORD in_bytes;
  void* out;
  DWORD out_bytes;
};

enum class AnsweredBy : uint8_t {
  // At once, by `answer`.
  kStub,
  // `answer` asks it.
  kDaemon,
  // By the daemon, when the network has changed.
  kChange,
  // It isn't there: `refusal` says how.
  kNobody,
};

struct IoctlTraits;
// Answers a call whose buffers are as large as its traits say, and stores how
// many bytes it wrote; with WSAEFAULT, how many it would, if that was asked
// for. 0 or the error.
using IoctlFunction = uint32_t (*)(SpiCall* call, const IoctlTraits& traits,
                                   const IoctlBuffers& buffers,
                                   DWORD* returned);

struct IoctlTraits {
  DWORD code;
  AnsweredBy by;
  // What the buffers have to hold, else WSAEFAULT; 0: that is for `answer` to
  // look at. Whether there is one at all is a matter of the code (IOC_IN,
  // IOC_OUT).
  DWORD in_bytes;
  DWORD out_bytes;
  IoctlFunction answer;
  uint32_t refusal;
};

// ioctl_addresses.cc: what has addresses in it.
uint32_t QueryRoutingInterface(SpiCall* call, const IoctlTraits& traits,
                               const IoctlBuffers& buffers, DWORD* returned);
uint32_t QueryAddressList(SpiCall* call, const IoctlTraits& traits,
                          const IoctlBuffers& buffers, DWORD* returned);
uint32_t SortAddressList(SpiCall* call, const IoctlTraits& traits,
                         const IoctlBuffers& buffers, DWORD* returned);
uint32_t GetInterfaceList(SpiCall* call, const IoctlTraits& traits,
                          const IoctlBuffers& buffers, DWORD* returned);
uint32_t GetBroadcastAddress(SpiCall* call, const IoctlTraits& traits,
                             const IoctlBuffers& buffers, DWORD* returned);

// The destination that SIO_ROUTING_INTERFACE_QUERY and _CHANGE are about.
uint32_t ReadDestination(const SpiCall& call, const IoctlBuffers& buffers,
                         Address* address);

// ioctl_changes.cc: does one that is answered by a change. A synchronous one is
// one without an OVERLAPPED, and `blocks` or is answered WSAEWOULDBLOCK; what
// the other says is the SPI call's verdict, WSA_IO_PENDING for one.
uint32_t AwaitNetworkChange(SpiCall* call, DWORD code,
                            const IoctlBuffers& buffers,
                            const Indication& indication, bool blocks);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_IOCTLS_H_
