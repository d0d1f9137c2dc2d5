#ifndef WSPD_CLIENT_STUB_PRELOAD_RELAYED_DESCRIPTOR_H_
#define WSPD_CLIENT_STUB_PRELOAD_RELAYED_DESCRIPTOR_H_

#include "client_stub/preload/descriptor_hints.h"

namespace wsp {

// What an interposed call asks first where nothing can be left to the kernel:
// whether `fd` is a relayed socket, and which.
inline bool IsOurs(int fd, relay::Name* name) {
  return HintOrFind(fd) != Hint::kPlain && IsRelayed(fd, name);
}

inline bool IsDatagram(const relay::Name& name) {
  return name.kind == relay::Kind::kDatagram;
}

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_RELAYED_DESCRIPTOR_H_
