#ifndef WSPD_CLIENT_STUB_PRELOAD_STREAM_STATE_H_
#define WSPD_CLIENT_STUB_PRELOAD_STREAM_STATE_H_

#include "client_stub/preload/descriptor_hints.h"
#include "client_stub/preload/relayed_calls.h"

// Where a relayed stream is in its life, and what the kernel's answers on the
// program's end mean there. errno is left alone where nothing else is said;
// nothing here waits but where that is said, too.
namespace wsp {

// By its file status flags.
bool IsNonBlocking(int fd);

// It is connected, or was: from now on the kernel's own calls come first. Its
// buffer, which was as small as could be, gets the size for that.
void OpenStream(int fd);

// Of a stream whose attempt to connect nobody has waited for: OpenStream(), if
// it has been heard that it is connected; if something else has been, the
// daemon is to be asked from now on.
void HearOfConnect(int fd);
// Whether its attempt to connect is lost: tells so once.
bool TellsOfLostConnect(int fd);

// OpenStream(), of one that is known to be connected; whether it is.
inline bool OpenIfConnected(int fd) {
  if (HintOf(fd) == Hint::kBegunStream) HearOfConnect(fd);
  if (HintOf(fd) == Hint::kConnectedStream) OpenStream(fd);
  return HintOf(fd) == Hint::kOpenStream;
}

// StateOfRelayed(), and the hint for what it says.
int FindStreamState(int fd, const relay::Name& name, RelayedState* state);

// What there is to do for a call that moves bytes, on a descriptor whose hint
// is none of kPlain, kOpenStream and kDatagram.
enum class Preparation {
  // The kernel's call, as on an open stream.
  kOpen,
  // The kernel's call, and that is all: it is no relayed socket.
  kOther,
  // Nothing: it has failed, and errno says how.
  kFailed,
};
// `wait`: may wait for the end of a connect(), in a cancellation point with the
// caller's signals open, as the call that comes next would.
Preparation PrepareToReceive(int fd, bool wait);
// `signal`: raises SIGPIPE with EPIPE.
Preparation PrepareToSend(int fd, bool wait, bool signal);

// After the kernel's receive on an open stream said 0: what the call returns,
// 0 or -1 with the errno of the connection's end.
int EndOfStream(int fd);
// After it failed with errno: the same, -1.
int FailureOfReceive(int fd);

// After the kernel's send on an open stream failed with errno, without a
// signal. False: it is no relayed socket, and the call is to be made again as
// the program made it. Else errno is what the connection came to; EPIPE raises
// SIGPIPE, if `signal`.
bool FailureOfSend(int fd, bool signal);

// Whether the connection has come to an end in both directions, by one system
// call: one whose kernel's own call can't be kept from raising SIGPIPE asks
// before.
bool HasHungUp(int fd);

// SIGPIPE for the calling thread; none where a filter of the program's forbids
// that.
void RaiseSigpipe();

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_STREAM_STATE_H_
