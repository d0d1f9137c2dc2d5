#ifndef WSPD_DAEMON_SESSION_LOOKUP_MESSAGES_H_
#define WSPD_DAEMON_SESSION_LOOKUP_MESSAGES_H_

#include "daemon/resolver/lookup.h"
#include "daemon/winsock/call.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

// Reads what a client asks. False if it asks something impossible.
bool DecodeLookup(const wsp::v1::LookupRequest& request,
                  LookupQuestion* question);

// What the client is told.
CallResult EncodeLookup(const LookupAnswer& answer);

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_LOOKUP_MESSAGES_H_
