#ifndef WSPD_DAEMON_SOCKET_FORCED_END_H_
#define WSPD_DAEMON_SOCKET_FORCED_END_H_

#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// How an administrator ends a socket that its program has open
// (wsp.v1.Admin.ResetSocket and EndSocket). What is no connection, or none
// yet, ends alike.
enum class ForcedEnd { kReset, kOrderly };

// As what it is written down.
inline wsp::v1::JournalEvent::Kind EventOf(ForcedEnd how) {
  return how == ForcedEnd::kReset ? wsp::v1::JournalEvent::KIND_SOCKET_RESET
                                  : wsp::v1::JournalEvent::KIND_SOCKET_ENDED;
}

}  // namespace wspd

#endif  // WSPD_DAEMON_SOCKET_FORCED_END_H_
