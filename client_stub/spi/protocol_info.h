#ifndef WSPD_CLIENT_STUB_SPI_PROTOCOL_INFO_H_
#define WSPD_CLIENT_STUB_SPI_PROTOCOL_INFO_H_

#include <winsock2.h>

namespace wsp {

// The catalog entry that a socket belongs to (reference, section 1.2): as
// Windows' own, but with XP1_IFS_HANDLES only if a socket is a handle of the
// system.
WSAPROTOCOL_INFOW MakeProtocolInfo(int family, bool datagrams,
                                   DWORD catalog_entry_id, bool kernel_handles);

// The same for callers of SO_PROTOCOL_INFOA.
WSAPROTOCOL_INFOA NarrowProtocolInfo(const WSAPROTOCOL_INFOW& wide);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_PROTOCOL_INFO_H_
