#ifndef WSPD_CLIENT_STUB_TRANSPORT_IOCTL_LISTS_H_
#define WSPD_CLIENT_STUB_TRANSPORT_IOCTL_LISTS_H_

#include <cstdint>
#include <vector>

#include "client_stub/transport/server_frame.h"
#include "client_stub/transport/wire_writer.h"

namespace wsp {

// The lists of an IoctlResult.
struct IoctlLists {
  struct Interface {
    // IFF_* as Winsock numbers them.
    uint32_t flags = 0;
    Address address;
    Address netmask;
    // Without a family: there is none.
    Address broadcast;
  };

  std::vector<Address> addresses;
  std::vector<Interface> interfaces;
  std::vector<uint32_t> order;
};

// Decodes the bytes of an IoctlResult; false if they are malformed.
bool DecodeIoctlLists(ByteView bytes, IoctlLists* lists);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_IOCTL_LISTS_H_
