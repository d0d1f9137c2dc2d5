#ifndef WSPD_DAEMON_RELAY_DATAGRAM_BACKLOG_H_
#define WSPD_DAEMON_RELAY_DATAGRAM_BACKLOG_H_

#include <sys/uio.h>

#include <cstddef>
#include <string>
#include <vector>

#include "daemon/relay/datagram_message.h"

namespace wspd {

// Messages that were taken from one end of a relayed socket when the other had
// no room for them, in their order. It holds memory only while it has some, and
// never more than kMostBytes; all of the daemon's together never more than
// kMostBytesTogether.
//
// Not thread-safe.
class DatagramBacklog {
 public:
  // Of a batch.
  static constexpr size_t kMostBytes = 16 * kMostMessageBytes;
  static constexpr size_t kMostBytesTogether = 64 << 20;

  DatagramBacklog() = default;
  ~DatagramBacklog() { Clear(); }
  DatagramBacklog(const DatagramBacklog&) = delete;
  DatagramBacklog& operator=(const DatagramBacklog&) = delete;

  // Half of what there is for all is used up: who can has to do without.
  static bool IsScarce();

  bool empty() const { return next_ == messages_.size(); }

  // Copies a message. False: there is no room; the message is lost.
  bool Push(const iovec* pieces, size_t count);

  // The oldest, of one that isn't empty.
  std::string& front() { return messages_[next_]; }
  void Pop();

  void Clear();

 private:
  std::vector<std::string> messages_;
  // Those before it are gone.
  size_t next_ = 0;
  size_t bytes_ = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_DATAGRAM_BACKLOG_H_
