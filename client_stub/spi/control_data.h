#ifndef WSPD_CLIENT_STUB_SPI_CONTROL_DATA_H_
#define WSPD_CLIENT_STUB_SPI_CONTROL_DATA_H_

#include <winsock2.h>

#include <cstdint>

#include "client_stub/transport/wire_writer.h"

namespace wsp {

// The ancillary data of datagrams, between the wire and WSAMSG.Control
// (reference, section 4.9): items one after the other, each a WSACMSGHDR with
// its data behind it, at multiples of 8 bytes. The buffer itself need not be
// aligned.

// Appends the items as SendToRequest.control. Returns 0, or WSAEFAULT if the
// buffer is missing, WSAEINVAL if the items in it aren't. What is behind the
// last item and too short for another is ignored.
uint32_t ReadControl(const WSABUF& control, ByteBuffer* fields);

// Lays out the ancillary data of a RecvFromResult. False if it is malformed.
bool LayOutControl(ByteView result, ByteBuffer* items);

// How many bytes of `items`, laid out as above, come first in whole items that
// fit into `room` bytes.
size_t WholeItems(ByteView items, size_t room);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_CONTROL_DATA_H_
