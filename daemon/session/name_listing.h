#ifndef WSPD_DAEMON_SESSION_NAME_LISTING_H_
#define WSPD_DAEMON_SESSION_NAME_LISTING_H_

#include "daemon/session/name_history.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// Sets all but whose it is.
void DescribeName(const LookedUpName& name, wsp::v1::LookedUpName* out);

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_NAME_LISTING_H_
