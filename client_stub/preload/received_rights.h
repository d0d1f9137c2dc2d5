#ifndef WSPD_CLIENT_STUB_PRELOAD_RECEIVED_RIGHTS_H_
#define WSPD_CLIENT_STUB_PRELOAD_RECEIVED_RIGHTS_H_

#include <sys/socket.h>

namespace wsp {

// Forgets what was known of the numbers of descriptors that came with a
// message.
void ForgetReceivedDescriptors(const msghdr& message);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_RECEIVED_RIGHTS_H_
