#ifndef WSPD_DAEMON_WSPCTL_EVENT_NAMES_H_
#define WSPD_DAEMON_WSPCTL_EVENT_NAMES_H_

#include <string>

#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// KIND_CLIENT_DIED as "client_died"; the number of one that a newer daemon has.
std::string EventKindName(wsp::v1::JournalEvent::Kind kind);

// All of them, "client_attached, client_started, ...".
std::string EventKindNames();

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_EVENT_NAMES_H_
