#ifndef WSPD_CLIENT_STUB_PRELOAD_RELAYED_NAME_H_
#define WSPD_CLIENT_STUB_PRELOAD_RELAYED_NAME_H_

#include "proto/relay_name.h"

namespace wsp {

enum class Identity { kRelayed, kOther, kNoDescriptor };

// Whether `fd` is the program's end of a relayed socket, and which: one system
// call, whoever made the socket and however it came here. errno is left alone.
Identity IdentifyDescriptor(int fd, relay::Name* name);

// What IdentifyDescriptor() says of that number once a filter of the program's
// own forbids to ask (Means::kIdentify), for as long as nothing else is
// remembered of it: whoever sees the number change hands asks no more by it.
// Numbers from 4,096 on aren't remembered.
void RememberName(int fd, const relay::Name& name);
// As of `from`, which another number has just been made from.
void RememberDuplicate(int from, int fd);

inline bool GetRelayedName(int fd, relay::Name* name) {
  return IdentifyDescriptor(fd, name) == Identity::kRelayed;
}

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_RELAYED_NAME_H_
