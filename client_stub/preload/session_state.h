#ifndef WSPD_CLIENT_STUB_PRELOAD_SESSION_STATE_H_
#define WSPD_CLIENT_STUB_PRELOAD_SESSION_STATE_H_

#include "client_stub/base/mutex.h"

namespace wsp {

class SocketSession;

// The process's conversation about sockets (socket_session.h), if there is one.
struct SocketSessionState {
  Mutex mutex;
  SocketSession* session WSP_GUARDED_BY(mutex) = nullptr;
};
extern SocketSessionState g_socket_session;

// In a forked child: there is none, whatever the parent was in the midst of.
void ForgetSocketSessionAfterFork();

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_SESSION_STATE_H_
