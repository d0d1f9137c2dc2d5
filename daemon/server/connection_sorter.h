#ifndef WSPD_DAEMON_SERVER_CONNECTION_SORTER_H_
#define WSPD_DAEMON_SERVER_CONNECTION_SORTER_H_

#include <functional>
#include <memory>
#include <string>

#include "daemon/base/owned_fd.h"
#include "daemon/event/event_loop.h"
#include "daemon/server/connection.h"
#include "daemon/server/connection_table.h"

namespace wspd {

// Tells the connections of the provider socket apart by what they say first:
// HTTP/2's preface, or "WSPDFD1\n" and the token of an attachment
// (proto/README.md, "Descriptors").
//
// A connection that has said nothing yet waits in the loop and delays nobody;
// the table shuts it down when its time is over. What isn't a descriptor
// connection is gRPC's, whatever it says.
class ConnectionSorter {
 public:
  // Gets a descriptor that it owns from now on, with nothing of it read.
  using OnGrpc = std::function<void(int fd)>;
  // Gets a connection whose first 24 bytes have been read, with their token.
  using OnDescriptors = std::function<void(
      OwnedFd fd, std::shared_ptr<Connection> connection, std::string token)>;

  // Both are called on the loop's thread. Loop and table outlive the sorter.
  ConnectionSorter(EventLoop* loop, ConnectionTable* table, OnGrpc on_grpc,
                   OnDescriptors on_descriptors);
  // As Stop().
  ~ConnectionSorter();

  ConnectionSorter(const ConnectionSorter&) = delete;
  ConnectionSorter& operator=(const ConnectionSorter&) = delete;

  // Takes a non-blocking connection that the table knows; owns `fd` from now
  // on. On the loop's thread.
  void Add(int fd);

  // Closes what waits. When this returns neither function runs nor will. The
  // loop has to be running.
  void Stop();

 private:
  class State;
  class Waiting;

  EventLoop* const loop_;
  const std::shared_ptr<State> state_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SERVER_CONNECTION_SORTER_H_
