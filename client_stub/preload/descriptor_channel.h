#ifndef WSPD_CLIENT_STUB_PRELOAD_DESCRIPTOR_CHANNEL_H_
#define WSPD_CLIENT_STUB_PRELOAD_DESCRIPTOR_CHANNEL_H_

#include <cstdint>

#include "client_stub/preload/daemon_connection.h"

namespace wsp {

// The client's end of an attachment's descriptor connection (proto/README.md,
// "Descriptors"): on it come the sockets that the stream's calls made, each
// before its call's result, and the daemon is shown relayed sockets that others
// have made. Not thread-safe, but for SayFarewell().
class DescriptorChannel {
 public:
  // Connects and asks for the connection to be tied to the attachment that
  // `token` names. Until `deadline_ms`; 0 or a negative errno, as
  // DaemonConnection::Open().
  int Greet(ByteView token, int64_t deadline_ms);
  // Waits until it is, likewise. Nothing else but a farewell is for before.
  int AwaitWelcome(int64_t deadline_ms);

  bool IsIntact() const { return connection_.IsIntact(); }

  // The descriptor of the call, whose result is there. It gets the lowest
  // number that is free, as those of socket() do. -EMFILE if none is; -EPIPE if
  // it didn't come, after which the channel is of no use. Those of calls whose
  // result nobody has waited for are closed.
  int Take(uint64_t call_id, bool close_on_exec);

  // Closes the descriptor of the call, whose result is there, without giving it
  // a number. False if it didn't come, after which the channel is of no use.
  bool Drop(uint64_t call_id);

  // Shows the daemon that the process has the relayed socket of that number. 0;
  // an errno of the daemon's, negative: EBADF if it isn't that socket; -EPIPE
  // if no answer came until `deadline_ms`, after which the channel is of no
  // use. Descriptors of calls that come meanwhile are closed.
  int Adopt(uint64_t number, int fd, int64_t deadline_ms);

  // Says that the process is about to leave the daemon in good order, or that
  // it `stays` after all. Of what can't be sent the daemon thinks otherwise.
  // While it is open, also on another thread than its user's: the kernel takes
  // so few bytes as a whole, between others.
  void SayFarewell(bool stays);

 private:
  // Waits for a message; false if none comes.
  bool ReadMessage(uint8_t* message, int64_t deadline_ms);

  DaemonConnection connection_;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_DESCRIPTOR_CHANNEL_H_
