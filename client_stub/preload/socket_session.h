#ifndef WSPD_CLIENT_STUB_PRELOAD_SOCKET_SESSION_H_
#define WSPD_CLIENT_STUB_PRELOAD_SOCKET_SESSION_H_

#include <cstdint>

#include "client_stub/preload/settings.h"
#include "client_stub/preload/unawaited_connects.h"
#include "client_stub/transport/server_frame.h"
#include "proto/relay_name.h"

namespace wsp {

// The process's conversation with the daemon about sockets: one attachment and
// its descriptor connection, made at the first socket and again when they are
// lost, or the process isn't who it was. The daemon is asked call after call,
// under a lock with signals blocked, so that a handler may do the same.
//
// While the program makes sockets of one kind in quick succession, the next
// ones are asked for before it wants them (sockets_ahead.h).

// How long the daemon may take, in milliseconds.
constexpr int kDaemonPatienceMs = 5000;

// Linux's socket() in the daemon's network, for AF_INET and AF_INET6. `type` is
// SOCK_STREAM or SOCK_DGRAM, perhaps with SOCK_NONBLOCK and SOCK_CLOEXEC. The
// descriptor, the lowest that was free, and whether it is relayed; or a
// negative errno: what the kernel says there, the daemon's limits (EMFILE),
// what it doesn't allow (EPERM), ENETDOWN if it isn't there, at once, or says
// nothing for kDaemonPatienceMs; and in a vfork child.
int MakeSocket(int family, int type, int protocol, Plane plane, bool* relayed);

// A call of a relayed socket's (proto/wsp/v1/linux.proto). Both functions are
// run with the session's lock held and signals blocked.
class RelayedCall {
 public:
  // Appends the LinuxCallRequest; perhaps more than once, for another
  // attachment.
  virtual void Append(ByteBuffer* call) const = 0;
  // The result, if it is a success; views end with the call.
  virtual void Take(const Completion& result) = 0;
  // False: it can't fail on a socket that the daemon knows, and whatever is
  // asked next comes behind it.
  virtual bool NeedsAnswer() const { return true; }
  // Where to, of an attempt to connect that the program is told is under way
  // whatever the answer; else null. Before Append() it is decided whether
  // anybody waits for that, and SetUnawaited() told.
  virtual const Address* MayGoUnawaited() const { return nullptr; }
  virtual void SetUnawaited(bool /*unawaited*/) {}
  // False: whether the daemon has done it isn't known if its answer is lost,
  // and to do it twice would be worse; ENETDOWN then.
  virtual bool MayBeRepeated() const { return true; }
  // It will be made again: perhaps the daemon has done it already, but its
  // answer is lost.
  virtual void OnAnswerLost() {}

 protected:
  ~RelayedCall() = default;
};

// Asks the daemon about the relayed socket `name`, which the process has as
// `fd`; shows it that descriptor, if it hasn't seen it from this attachment.
// 0 or a negative errno: what the daemon says, ENETDOWN as above and if that
// socket's daemon is gone.
int AskAboutSocket(int fd, const relay::Name& name, RelayedCall* call);

// What has come of the relayed socket's attempt to connect that nobody waited
// for, as far as has been heard by now. Waits for nothing, but for the session.
UnawaitedConnects::Outcome OutcomeOfConnect(const relay::Name& name);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_SOCKET_SESSION_H_
