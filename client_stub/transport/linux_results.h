#ifndef WSPD_CLIENT_STUB_TRANSPORT_LINUX_RESULTS_H_
#define WSPD_CLIENT_STUB_TRANSPORT_LINUX_RESULTS_H_

#include "client_stub/transport/server_frame.h"

namespace wsp {

// Decode the results of the LINUX personality's calls. False if the bytes are
// malformed.
bool DecodeLinuxSocketResult(ByteView bytes, Completion* out);
bool DecodeLinuxCallResult(ByteView bytes, Completion* out);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_TRANSPORT_LINUX_RESULTS_H_
