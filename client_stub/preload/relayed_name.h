#ifndef WSPD_CLIENT_STUB_PRELOAD_RELAYED_NAME_H_
#define WSPD_CLIENT_STUB_PRELOAD_RELAYED_NAME_H_

#include "proto/relay_name.h"

namespace wsp {

enum class Identity { kRelayed, kOther, kNoDescriptor };

// Whether `fd` is the program's end of a relayed socket, and which: one system
// call, whoever made the socket and however it came here. errno is left alone.
Identity IdentifyDescriptor(int fd, relay::Name* name);

inline bool GetRelayedName(int fd, relay::Name* name) {
  return IdentifyDescriptor(fd, name) == Identity::kRelayed;
}

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_RELAYED_NAME_H_
