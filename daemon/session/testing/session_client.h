#ifndef WSPD_DAEMON_SESSION_TESTING_SESSION_CLIENT_H_
#define WSPD_DAEMON_SESSION_TESTING_SESSION_CLIENT_H_

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "daemon/base/owned_fd.h"
#include "daemon/session/testing/session_harness.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {

// A client that has started up, on one attachment of a harness: makes calls and
// keeps what comes, results and notices, in the order of the wire. A wait fails
// the program after a minute. For one thread.
class SessionClient {
 public:
  explicit SessionClient(SessionHarness* harness);

  // A call under the next id; it is sent by Send().
  wsp::v1::Call* Add(uint64_t socket_id);
  // Sends what was added; returns the last call's id.
  uint64_t Send();
  wsp::v1::Completion Await(uint64_t call_id);
  // Sends what was added, and waits for the last call's result.
  wsp::v1::Completion Run() { return Await(Send()); }
  // Whether the result of a call has come, as far as frames were written.
  bool Has(uint64_t call_id);

  // The next notice.
  wsp::v1::NetworkEvent AwaitNotice();
  // Whether there is one. Everything that has happened so far counts.
  bool HasNotice();
  // What has come, in the order of the wire: the call of a result, 0 for a
  // notice.
  const std::vector<uint64_t>& order() const { return order_; }

  // Breaks the stream and resumes on a new one; results and notices that were
  // not taken yet are lost.
  void Resume(uint64_t ack_sequence);

  // ---- sockets

  void MakeSocket(uint64_t socket_id, wsp::v1::SocketRequest::Type type =
                                          wsp::v1::SocketRequest::TYPE_STREAM);
  // Binds to 127.0.0.1; returns the port.
  int Bind(uint64_t socket_id);
  // A Winsock code; of a blocking socket it is the end of the connect.
  uint32_t Connect(uint64_t socket_id, int port);
  // A new socket that is connected; returns the peer's end.
  OwnedFd MakeConnected(uint64_t socket_id);
  // A new socket that listens; returns the port.
  int MakeListener(uint64_t socket_id);
  uint32_t EventSelect(uint64_t socket_id, uint32_t network_events,
                       uint64_t registration = 1);
  uint32_t AsyncSelect(uint64_t socket_id, uint32_t network_events,
                       uint64_t registration = 1);
  wsp::v1::EnumNetworkEventsResult Enum(uint64_t socket_id);
  // WSA code of a receive; at most `max_bytes` are received.
  uint32_t Receive(uint64_t socket_id, uint32_t max_bytes, uint32_t flags = 0);
  uint32_t Close(uint64_t socket_id);

  const SessionHarness::Attached& attached() const { return attached_; }

 private:
  void TakeFrame();

  SessionHarness* const harness_;
  SessionHarness::Attached attached_;
  uint64_t next_call_ = 1000;
  wsp::v1::ClientFrame frame_;
  std::map<uint64_t, wsp::v1::Completion> results_;
  std::deque<wsp::v1::NetworkEvent> notices_;
  std::vector<uint64_t> order_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_TESTING_SESSION_CLIENT_H_
