#ifndef WSPD_DAEMON_RELAY_DATAGRAM_BACKLOG_H_
#define WSPD_DAEMON_RELAY_DATAGRAM_BACKLOG_H_

#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <string>
#include <vector>

#include "daemon/relay/datagram_message.h"

namespace wspd {

// Messages that were taken from one end of a relayed socket when the other had
// no room for them, in their order. It holds memory only while it has some, and
// never more than kMostBytes; all of the daemon's together never more than
// kMostBytesTogether, and all of one user's never more than they leave of that:
// half of it if nobody else has any, and there is always some for others.
//
// Not thread-safe; what a user's have in common is.
class DatagramBacklog {
 public:
  // Of a batch.
  static constexpr size_t kMostBytes = 16 * kMostMessageBytes;
  static constexpr size_t kMostBytesTogether = 64 << 20;

  // `user_bytes`: what the user's backlogs have together; outlives them.
  explicit DatagramBacklog(std::atomic<size_t>* user_bytes)
      : user_bytes_(user_bytes) {}
  ~DatagramBacklog() { Clear(); }
  DatagramBacklog(const DatagramBacklog&) = delete;
  DatagramBacklog& operator=(const DatagramBacklog&) = delete;

  // The user has used up half of what he may have: what can has to do without.
  bool IsScarce() const;

  bool empty() const { return next_ == messages_.size(); }

  // Copies a message. False: there is no room; the message is lost.
  bool Push(const iovec* pieces, size_t count);

  // The oldest, of one that isn't empty.
  std::string& front() { return messages_[next_]; }
  void Pop();

  void Clear();

 private:
  void Release(size_t bytes);

  std::atomic<size_t>* const user_bytes_;
  std::vector<std::string> messages_;
  // Those before it are gone.
  size_t next_ = 0;
  size_t bytes_ = 0;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_DATAGRAM_BACKLOG_H_
