#ifndef WSPD_DAEMON_ADMIN_REMOTE_TLS_LINK_H_
#define WSPD_DAEMON_ADMIN_REMOTE_TLS_LINK_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "daemon/admin/remote/tls_context.h"
#include "daemon/base/owned_fd.h"
#include "daemon/event/event_loop.h"

namespace wspd {

// One connection's encrypted side, a TCP socket, and its plain one, a Unix
// socket pair; what comes in on either goes out on the other. It keeps at most
// one record each way; what is more waits with the kernel.
//
// All of it on the loop's thread, and so are the callbacks.
class TlsLink : public std::enable_shared_from_this<TlsLink> {
 public:
  struct Sink {
    // The client has proved that it is `names`. Where what is plain comes out,
    // and goes in.
    std::function<void(std::vector<std::string> names, OwnedFd plain)> on_ready;
    // It is over; nothing is called afterwards. Not OK before on_ready: the
    // client has proved nothing, and why.
    std::function<void(const absl::Status& status)> on_end;
  };

  // `tcp` is connected and doesn't block.
  static std::shared_ptr<TlsLink> Start(TlsContext context, OwnedFd tcp,
                                        EventLoop* loop, Sink sink);
  ~TlsLink();

  TlsLink(const TlsLink&) = delete;
  TlsLink& operator=(const TlsLink&) = delete;

  // Ends both sides, if they haven't ended.
  void End(const absl::Status& status);

  bool ready() const { return ready_; }

  // Of a link that is ready: as the functions of these names.
  absl::Status VerifyClient(const TlsContext& context) const {
    return wspd::VerifyClient(ssl_.get(), context);
  }
  absl::Duration TimeLeft() const { return wspd::TimeLeft(ssl_.get()); }

 private:
  class Side;
  // What is on its way, and how much of it has gone on.
  struct Buffer {
    std::string bytes;
    size_t gone = 0;

    bool empty() const { return gone == bytes.size(); }
    absl::string_view rest() const {
      return absl::string_view(bytes).substr(gone);
    }
  };

  TlsLink(TlsContext context, OwnedFd tcp, EventLoop* loop, Sink sink);

  void OnTcp(uint32_t events);
  void OnPlain(uint32_t events);
  void Step();
  // False: not yet, or it has ended.
  bool Handshake();
  bool MakePlain();
  // Whether something moved.
  bool PullTls();
  bool PushPlain();
  bool PullPlain();
  bool PushTls();
  // What the last call on the TLS side waits for; false: it has failed.
  bool NoteWait(int result);
  void Rearm();

  const TlsContext context_;
  EventLoop* const loop_;
  Sink sink_;
  OwnedFd tcp_;
  OwnedFd plain_;
  const std::unique_ptr<ssl_st, void (*)(ssl_st*)> ssl_;
  EventLoop::WatchId tcp_watch_ = 0;
  EventLoop::WatchId plain_watch_ = 0;
  bool ready_ = false;
  bool ended_ = false;
  // The TLS side can't go on before it may write.
  bool wants_write_ = false;
  // The plain side's other end is closed: what it wrote is still to be read.
  bool plain_closed_ = false;
  Buffer in_;
  Buffer out_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_REMOTE_TLS_LINK_H_
