#ifndef WSPD_DAEMON_WINSOCK_ADDRESS_CODEC_H_
#define WSPD_DAEMON_WINSOCK_ADDRESS_CODEC_H_

#include "daemon/socket/net_address.h"
#include "proto/wsp/v1/types.pb.h"

namespace wspd {

// Reads an address from the wire. False if it says something impossible: no
// family, a port above 65535, an IPv6 address that hasn't 16 bytes.
bool DecodeAddress(const wsp::v1::SocketAddress& from, NetAddress* to);

// Leaves `to` without a family if `from` is none.
void EncodeAddress(const NetAddress& from, wsp::v1::SocketAddress* to);

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_ADDRESS_CODEC_H_
