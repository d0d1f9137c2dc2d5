#ifndef WSPD_CLIENT_STUB_SPI_STREAM_ABORT_H_
#define WSPD_CLIENT_STUB_SPI_STREAM_ABORT_H_

#include "client_stub/spi/spi_call.h"

namespace wsp {

// A blocking call that sends on a stream was cancelled, and a part of its data
// went out: how much, its caller doesn't learn, so that the stream is of no use
// any more. Resets the connection, on which later calls are WSAECONNABORTED
// (reference, section 2, WSPCancelBlockingCall). Of a socket that is being
// closed the close decides. Doesn't wait: calls of a socket begin in their
// order.
void AbortStream(SpiCall* call) WSP_REQUIRES(g_library.mutex);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_STREAM_ABORT_H_
