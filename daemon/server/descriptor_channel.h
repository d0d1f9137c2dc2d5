#ifndef WSPD_DAEMON_SERVER_DESCRIPTOR_CHANNEL_H_
#define WSPD_DAEMON_SERVER_DESCRIPTOR_CHANNEL_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "daemon/base/owned_fd.h"
#include "daemon/event/event_loop.h"
#include "daemon/linux/socket_owners.h"
#include "daemon/server/connection.h"
#include "daemon/server/connection_table.h"
#include "daemon/session/attachment.h"
#include "daemon/session/descriptor_sink.h"
#include "daemon/session/registry.h"

namespace wspd {

// A connection on which an attachment's descriptors go to their client
// (proto/README.md, "Descriptors"). After the client's first 24 bytes messages
// of 16 bytes travel, two little-endian numbers: from the daemon with
// descriptors and answers, from the client with descriptors that it adopts, and
// with its farewell.
//
// SendDescriptor() and Close() are thread-safe; everything else is the loop's.
class DescriptorChannel
    : public DescriptorSink,
      public EventHandler,
      public std::enable_shared_from_this<DescriptorChannel> {
 public:
  // What channels share; outlives them.
  struct Context {
    EventLoop* loop;
    ConnectionTable* connections;
    Registry* registry;
  };

  // Ties a connection whose first bytes named an attachment's `token` to it,
  // and says so to the client; or ends it, with a log line. On the loop's
  // thread.
  static void Serve(const Context& context, OwnedFd fd,
                    std::shared_ptr<Connection> connection,
                    const std::string& token);

  ~DescriptorChannel() override;

  // DescriptorSink.
  int SendDescriptor(uint64_t call_id, uint64_t cookie, int fd) override;
  void ReadOn() override;
  void Close() override { connection_->Shutdown(); }

  // The client has sent something, or ended it.
  void OnEvents(uint32_t events) override;

 private:
  DescriptorChannel(EventLoop* loop, OwnedFd fd,
                    std::shared_ptr<Connection> connection,
                    const std::shared_ptr<Attachment>& attachment)
      : loop_(loop),
        fd_(std::move(fd)),
        connection_(std::move(connection)),
        attachment_(attachment),
        user_(attachment->client()->owner()->user) {}

  // Sends one unless the user has too many unread. Returns errno.
  int SendLocked(uint64_t call_id, uint64_t cookie, int fd)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(sending_mu_);

  // Ties the channel to the attachment, with the first message. False if the
  // attachment or the connection has ended.
  bool Greet(Attachment* attachment);

  enum class Received { kNothing, kMessage, kEnd };
  // Receives and answers up to `most` messages of the client's.
  void ReadUpTo(int most);
  // The same of one.
  Received Receive();
  // False: the connection is to end.
  bool Adopt(uint64_t number, OwnedFd* fd);
  bool TakeFarewell(bool stays);
  void End();

  EventLoop* const loop_;
  // Held while messages are sent, so that the first one is the first. Comes
  // before the Attachment's lock.
  absl::Mutex sending_mu_;
  const OwnedFd fd_;
  const std::shared_ptr<Connection> connection_;
  // Which has a hold on this.
  const std::weak_ptr<Attachment> attachment_;
  const std::shared_ptr<SocketUser> user_;
  // Descriptors that the client may not have read: no fewer than those.
  uint32_t unread_ ABSL_GUARDED_BY(sending_mu_) = 0;
  EventLoop::WatchId watch_ = 0;
  bool ended_ = false;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SERVER_DESCRIPTOR_CHANNEL_H_
