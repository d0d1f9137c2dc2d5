#ifndef WSPD_TESTS_TESTING_SOCKET_HOLDER_H_
#define WSPD_TESTS_TESTING_SOCKET_HOLDER_H_

#include <sys/types.h>

#include <string>

#include "tests/testing/child_process.h"
#include "tests/testing/spi.h"

namespace wspd::testing {

// The structure as a word, to be sent to another process, and back.
std::string TextOfInfo(const WSAPROTOCOL_INFOW& info);
WSAPROTOCOL_INFOW InfoFromText(const std::string& text);

// Another process with a provider of its own, started up, that does with a
// socket, a duplicate of another process's for one, what it is told to.
class SocketHolder {
 public:
  SocketHolder() : process_("SocketHolder") { AwaitStart(); }
  // One that is another user's; see other_user.h.
  explicit SocketHolder(uid_t user)
      : process_("SocketHolder", {std::to_string(user)}) {
    AwaitStart();
  }

  struct Answer {
    WsaCode code;
    // What was received, or a number.
    std::string text;
  };

  // WSPSocket with the structure. The holder has one socket; the last counts.
  WsaCode Claim(const WSAPROTOCOL_INFOW& info);
  // WSPDuplicateSocket of the holder's socket.
  WsaCode Duplicate(pid_t target, WSAPROTOCOL_INFOW* info);

  // Its call and what came of it. A call is "close", "cleanup", or
  //   socket TYPE         SOCK_STREAM or SOCK_DGRAM, of IPv4
  //   connect PORT        a new stream socket, to the loopback address
  //   bind WHERE PORT     "any" or "loopback"; the text is the port
  //   listen
  //   send TEXT           all of it
  //   sendmany BYTE COUNT as many records of 8 bytes: BYTE, and the record's
  //                       number in seven digits
  //   recv SIZE           what comes at once
  //   receive SIZE        exactly so many
  //   startrecv SIZE      overlapped; awaitrecv waits for its end
  //   nonblocking 0|1
  //   shutdown HOW
  //   setoption LEVEL OPTION VALUE, getoption LEVEL OPTION
  //   accept              the accepted connection is the socket then
  //   eventselect EVENTS  with the holder's event object
  //   awaitevent          waits until that is set, and enumerates: the text is
  //                       the events' bits
  //   eventset            whether it is set now, "0" or "1"
  //   asyncselect EVENTS  with the holder's window
  //   awaitmessage        waits for one: the text is its event's bit
  //   message             whether there is one now, "0" or "1"
  Answer Do(const std::string& call);
  // The same in two parts: for calls that wait.
  void Begin(const std::string& call) { process_.channel().Send(call); }
  Answer Finish();

  ChildProcess& process() { return process_; }
  pid_t pid() const { return process_.pid(); }

 private:
  // Until then it isn't the user's.
  void AwaitStart() { process_.channel().Receive(); }

  ChildProcess process_;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_SOCKET_HOLDER_H_
