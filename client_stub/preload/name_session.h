#ifndef WSPD_CLIENT_STUB_PRELOAD_NAME_SESSION_H_
#define WSPD_CLIENT_STUB_PRELOAD_NAME_SESSION_H_

#include "client_stub/preload/shield.h"
#include "client_stub/transport/lookup.h"

namespace wsp {

// What came of a lookup, apart from an answer.
enum class NameError {
  kNone,
  kNotFound,    // there is no such name
  kNoData,      // there is, without what was asked for
  kTryAgain,    // no server answered, or too many lookups are under way
  kNoRecovery,  // a server refused, or answers nonsense
  kNoDaemon,
};

// Has the daemon look something up, on an attachment of the calling thread's
// own for so long: lookups wait for the network, and nobody's sockets wait for
// them. The caller's signals are open while it waits; a handler may leave with
// siglongjmp().
//
// Thread-safe. Neither here nor in the C library async-signal-safe.
NameError LookUp(const Shield& shield, const LookupParams& params,
                 LookupReply* reply);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_NAME_SESSION_H_
