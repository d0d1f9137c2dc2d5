#ifndef WSPD_TESTS_TESTING_SOCKET_HOLDER_H_
#define WSPD_TESTS_TESTING_SOCKET_HOLDER_H_

#include <string>

#include "tests/testing/child_process.h"
#include "tests/testing/spi.h"

namespace wspd::testing {

// Another process with a provider of its own, started up, that does with a
// duplicate of a socket what it is told to.
class SocketHolder {
 public:
  SocketHolder() : process_("SocketHolder") {}

  struct Answer {
    WsaCode code;
    // What was received, or a number.
    std::string text;
  };

  // WSPSocket with the structure. The holder has one socket; the last counts.
  WsaCode Claim(const WSAPROTOCOL_INFOW& info);

  // Its call and what came of it. A call is "close", "cleanup", or
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
  Answer Do(const std::string& call);
  // The same in two parts: for calls that wait.
  void Begin(const std::string& call) { process_.channel().Send(call); }
  Answer Finish();

  ChildProcess& process() { return process_; }
  pid_t pid() const { return process_.pid(); }

 private:
  ChildProcess process_;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_SOCKET_HOLDER_H_
