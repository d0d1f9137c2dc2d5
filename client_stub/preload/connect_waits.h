#ifndef WSPD_CLIENT_STUB_PRELOAD_CONNECT_WAITS_H_
#define WSPD_CLIENT_STUB_PRELOAD_CONNECT_WAITS_H_

#include <sys/types.h>

#include <cstdint>

namespace wsp {

// Which threads of the process wait for the end of a connect(), each with a
// byte that the daemon expects of it (stream_connect.cc). A handler may leave
// such a wait by siglongjmp(), which runs nothing of ours: whoever uses the
// socket next finds that out. Async-signal-safe.

// A thread's wait. Without room for it, it is as if it couldn't be left.
class ConnectWait {
 public:
  // `number`: the daemon's, of the socket.
  explicit ConnectWait(uint64_t number);
  ~ConnectWait() { End(); }

  // Ends it, for a thread that is cancelled, which runs no destructors.
  void End();

  ConnectWait(const ConnectWait&) = delete;
  ConnectWait& operator=(const ConnectWait&) = delete;

 private:
  int slot_;
};

// Takes a wait for that socket that its thread has left: the calling one, or
// one that has ended. False if there is none.
bool TakeLeftConnectWait(uint64_t number);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_CONNECT_WAITS_H_
