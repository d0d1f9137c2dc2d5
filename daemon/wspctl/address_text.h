#ifndef WSPD_DAEMON_WSPCTL_ADDRESS_TEXT_H_
#define WSPD_DAEMON_WSPCTL_ADDRESS_TEXT_H_

#include <string>

#include "proto/wsp/v1/types.pb.h"

namespace wspd {

// "1.2.3.4", "::1", "fe80::1%2"; "?" if it isn't an address.
std::string FormatHost(const wsp::v1::SocketAddress& address);

uint32_t PortOf(const wsp::v1::SocketAddress& address);

// "1.2.3.4:80", "[::1]:80", "[fe80::1%2]:80"; "-" if there is none.
std::string FormatAddress(const wsp::v1::SocketAddress& address);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_ADDRESS_TEXT_H_
