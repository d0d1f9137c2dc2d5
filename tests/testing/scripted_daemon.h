#ifndef WSPD_TESTS_TESTING_SCRIPTED_DAEMON_H_
#define WSPD_TESTS_TESTING_SCRIPTED_DAEMON_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>

#include "client_stub/transport/fake_daemon.h"
#include "proto/wsp/v1/provider.pb.h"
#include "tests/testing/owned_fd.h"

namespace wspd::testing {

// A daemon that does what a test tells it, step by step, at a real socket: for
// orders of events in which the real one comes only by chance. It has one
// connection at a time, and one for descriptors. For one thread; what waits
// gives up at kDeadline.
class ScriptedDaemon {
 public:
  static constexpr char kToken[] = "0123456789abcdef";

  // Listens at `path`.
  explicit ScriptedDaemon(const std::string& path);

  // Takes the next connection. Its hello; nothing if none comes.
  std::optional<wsp::v1::Hello> Accept();
  void Welcome(bool resumed, uint64_t startups, bool farewells = false);
  // The client's next call; nothing if it sends no more.
  std::optional<wsp::v1::Call> NextCall();
  // Adds a result to `frame`, under this connection's next number.
  wsp::v1::Completion* AddResult(wsp::v1::ServerFrame* frame, uint64_t call_id);
  void Send(const wsp::v1::ServerFrame& frame);
  // Whether the client ends the stream in good order, without another call.
  bool AwaitEnd();
  // Ends the connection as a fault in the transport would.
  void Break();

  // Takes the next connection as one for descriptors. The bytes that it begins
  // with, as many as a greeting has; fewer if no more come.
  std::string AcceptDescriptors();
  // A message on that connection, with `fd` unless that is -1.
  void SendDescriptor(uint64_t call_id, uint64_t cookie, int fd);
  // The number of the relayed socket that the client shows on that connection,
  // and its descriptor; 0 if it shows none.
  uint64_t TakeShown(OwnedFd* descriptor);
  // What the daemon answers to that.
  void AnswerShown(uint64_t number, int linux_errno);
  // What the client says on that connection of its end: 1, or 2 if it stays; 0
  // if nothing comes, or something else.
  uint64_t TakeFarewell();
  // Whether it has said something there.
  bool HasSaid() const;
  void BreakDescriptors() { descriptors_.Reset(-1); }

  // The last result of this connection that was acknowledged.
  uint64_t acknowledged() const { return acknowledged_; }

 private:
  // Moves bytes, until something has come. False if nothing comes any more.
  bool Exchange();
  void Flush();

  OwnedFd listener_;
  OwnedFd connection_;
  OwnedFd descriptors_;
  std::unique_ptr<wsp::FakePipe> pipe_;
  std::unique_ptr<wsp::FakeDaemon> stream_;
  std::optional<wsp::v1::Hello> hello_;
  std::deque<wsp::v1::Call> calls_;
  uint64_t acknowledged_ = 0;
  uint64_t sequence_ = 0;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_SCRIPTED_DAEMON_H_
