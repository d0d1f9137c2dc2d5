#include "daemon/admin/remote/remote_listener.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdint>
#include <list>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "daemon/admin/remote/tls_link.h"
#include "daemon/base/log.h"
#include "daemon/resolver/address_with_port.h"

namespace wspd {
namespace {

constexpr int kBacklog = 128;
// Accepted in one go before the loop does others' work.
constexpr int kAcceptsPerEvent = 16;
// Between looks whether a certificate's time is over.
constexpr absl::Duration kLeastExpiry = absl::Seconds(1);
constexpr absl::Duration kMostExpiry = absl::Hours(1);
// How long to wait for somebody to close a descriptor.
constexpr absl::Duration kPause = absl::Milliseconds(100);
// A client that is gone without a word is missed after a minute and a half.
constexpr int kKeepaliveSeconds = 60;
constexpr int kKeepaliveProbes = 3;
constexpr int kProbeSeconds = 10;

void SetNumber(int fd, int level, int option, int value) {
  (void)setsockopt(fd, level, option, &value, sizeof(value));
}

void Prepare(int fd) {
  SetNumber(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  SetNumber(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  SetNumber(fd, IPPROTO_TCP, TCP_KEEPIDLE, kKeepaliveSeconds);
  SetNumber(fd, IPPROTO_TCP, TCP_KEEPINTVL, kProbeSeconds);
  SetNumber(fd, IPPROTO_TCP, TCP_KEEPCNT, kKeepaliveProbes);
}

absl::StatusOr<OwnedFd> Listen(const NetAddress& address) {
  OwnedFd fd(socket(address.family(),
                    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!fd.valid())
    return absl::ErrnoToStatus(errno, "remote_admin.address: socket()");
  SetNumber(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (bind(fd.get(), address.get(), address.size()) != 0) {
    return absl::ErrnoToStatus(errno,
                               absl::StrCat("remote_admin.address: bind(",
                                            AddressWithPortText(address), ")"));
  }
  if (listen(fd.get(), kBacklog) != 0) {
    return absl::ErrnoToStatus(errno, "remote_admin.address: listen()");
  }
  return fd;
}

void LogRefusal(const NetAddress& peer, const absl::Status& cause) {
  static LogLimit limit(10);
  if (auto suppressed = limit.Admit()) {
    Log(LogLevel::kWarning, "remote connection refused",
        {{"peer", AddressWithPortText(peer)}, {"cause", cause.message()}},
        *suppressed);
  }
}

}  // namespace

// Everything on the loop's thread, but for Watch.
class RemoteListener::Acceptor : public EventHandler,
                                 public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(const RemoteListenerOptions& options, TlsContext context,
           OwnedFd listen_fd, EventLoop* loop, Sink sink)
      : options_(options),
        listen_fd_(std::move(listen_fd)),
        loop_(loop),
        sink_(std::move(sink)),
        context_(std::move(context)) {}

  // Before the loop has to do with it.
  absl::Status Watch() {
    auto watch = loop_->Watch(listen_fd_.get(), 0, shared_from_this());
    if (!watch.ok()) return watch.status();
    // On the loop's thread, so that watch_ is there when it is needed.
    loop_->Post(
        [self = shared_from_this(), id = *watch] { self->watch_ = id; });
    return absl::OkStatus();
  }

  void Resume() {
    if (stopped_) return;
    pausing_ = false;
    const absl::Status status = loop_->Rearm(watch_, listen_fd_.get(), EPOLLIN);
    if (!status.ok()) Pause(status);
  }

  void SetContext(TlsContext context) {
    context_ = std::move(context);
    std::vector<uint64_t> ids;
    for (const auto& [id, entry] : links_) ids.push_back(id);
    for (const uint64_t id : ids) Reconsider(id);
  }

  void Stop() {
    stopped_ = true;
    loop_->Unwatch(watch_, listen_fd_.get());
    // Here, since a timer may keep this for a while.
    listen_fd_.Reset();
    while (!links_.empty()) {
      links_.begin()->second.link->End(absl::OkStatus());
    }
  }

  void OnEvents(uint32_t) override {
    for (int i = 0; i < kAcceptsPerEvent && !stopped_ && !pausing_; ++i) {
      OwnedFd fd(accept4(listen_fd_.get(), nullptr, nullptr,
                         SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd.valid()) {
        HandleAccepted(std::move(fd));
        continue;
      }
      if (errno == EAGAIN) return;
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
          errno == ENOMEM) {
        return Pause(absl::ErrnoToStatus(errno, "accept4()"));
      }
      // Of one connection that did not survive the queue.
    }
  }

 private:
  struct Entry {
    std::shared_ptr<TlsLink> link;
    NetAddress peer;
    // Of the handshake, and then of its certificate.
    EventLoop::TimerId timer = 0;
    // Once it is known who that is.
    std::vector<std::string> names;
    RemoteRights::Level level = RemoteRights::Level::kNone;
  };

  void HandleAccepted(OwnedFd fd) {
    const NetAddress peer = NetAddress::PeerOf(fd.get());
    if (peer.empty()) return;  // gone already
    Prepare(fd.get());
    if (handshakes_.size() >= options_.max_handshakes) {
      EndHandshake(handshakes_.front(), "others came meanwhile");
    }
    const uint64_t id = next_++;
    handshakes_.push_back(id);
    links_[id].peer = peer;
    TlsLink::Sink sink;
    sink.on_ready = [this, id](std::vector<std::string> names, OwnedFd plain) {
      OnReady(id, std::move(names), std::move(plain));
    };
    sink.on_end = [this, id](const absl::Status& status) { OnEnd(id, status); };
    auto link = TlsLink::Start(context_, std::move(fd), loop_, std::move(sink));
    auto entry = links_.find(id);
    if (entry == links_.end()) return;
    entry->second.link = std::move(link);
    entry->second.timer = loop_->RunAfter(
        options_.handshake_time, [self = shared_from_this(), id] {
          self->EndHandshake(id, "it didn't prove in time who it is");
        });
  }

  void EndHandshake(uint64_t id, const char* why) {
    auto entry = links_.find(id);
    if (entry == links_.end() || entry->second.link->ready()) return;
    entry->second.link->End(absl::DeadlineExceededError(why));
  }

  void OnReady(uint64_t id, std::vector<std::string> names, OwnedFd plain) {
    Entry& entry = links_[id];
    handshakes_.remove(id);
    loop_->CancelTimer(entry.timer);
    entry.names = names;
    entry.level = sink_.level_of(names);
    if (absl::Status status = CheckRoom(entry); !status.ok()) {
      LogRefusal(entry.peer, status);
      return entry.link->End(absl::OkStatus());
    }
    static LogLimit limit(10);
    if (auto suppressed = limit.Admit()) {
      Log(LogLevel::kInfo, "remote connection",
          {{"peer", AddressWithPortText(entry.peer)},
           {"names", absl::StrJoin(names, ",")}},
          *suppressed);
    }
    StartExpiry(id);
    sink_.on_connection(std::move(plain), std::move(names));
  }

  // Whether there is room for one that has become ready.
  absl::Status CheckRoom(const Entry& entry) const {
    size_t ready = 0;
    size_t same = 0;
    size_t ordinary = 0;
    size_t without_rights = 0;
    for (const auto& [id, other] : links_) {
      if (!other.link->ready()) continue;
      ++ready;
      if (other.names == entry.names) ++same;
      if (other.level != RemoteRights::Level::kAdministrator) ++ordinary;
      if (other.level == RemoteRights::Level::kNone) ++without_rights;
    }
    const auto check = [&entry](size_t count, size_t most, const char* whose) {
      if (count <= most) return absl::OkStatus();
      return absl::ResourceExhaustedError(absl::StrCat(
          "there are ", most, " connections ", whose,
          " already; it comes from ", absl::StrJoin(entry.names, ",")));
    };
    absl::Status status = check(ready, options_.max_connections, "in all");
    status.Update(check(same, options_.max_connections_per_client,
                        "of this certificate's names"));
    if (entry.level != RemoteRights::Level::kAdministrator) {
      status.Update(check(
          ordinary, options_.max_connections - options_.kept_for_administrators,
          "of others than administrators"));
    }
    if (entry.level == RemoteRights::Level::kNone) {
      status.Update(check(without_rights,
                          options_.max_connections_without_rights,
                          "of clients without rights"));
    }
    return status;
  }

  // Looks again at a certificate when its time may be over; the system's clock
  // may have been set meanwhile.
  void StartExpiry(uint64_t id) {
    Entry& entry = links_[id];
    entry.timer = loop_->RunAfter(
        std::clamp(entry.link->TimeLeft(), kLeastExpiry, kMostExpiry),
        [self = shared_from_this(), id] { self->Reconsider(id); });
  }

  // Ends a connection that wouldn't be let in any more, or not as it was.
  void Reconsider(uint64_t id) {
    const auto found = links_.find(id);
    if (found == links_.end()) return;
    Entry& entry = found->second;
    if (!entry.link->ready()) {
      return entry.link->End(
          absl::CancelledError("the configuration was read anew meanwhile"));
    }
    loop_->CancelTimer(entry.timer);
    absl::Status status = entry.link->VerifyClient(context_);
    const RemoteRights::Level level = sink_.level_of(entry.names);
    if (level < entry.level) {
      status.Update(absl::PermissionDeniedError("it may do less now"));
    }
    entry.level = level;
    if (status.ok()) return StartExpiry(id);
    Log(LogLevel::kInfo, "remote connection ended",
        {{"peer", AddressWithPortText(entry.peer)},
         {"names", absl::StrJoin(entry.names, ",")},
         {"cause", status.message()}});
    entry.link->End(absl::OkStatus());
  }

  void OnEnd(uint64_t id, const absl::Status& status) {
    auto entry = links_.find(id);
    if (!status.ok() && !stopped_) LogRefusal(entry->second.peer, status);
    loop_->CancelTimer(entry->second.timer);
    handshakes_.remove(id);
    links_.erase(entry);
  }

  // Leaves connections in the queue for a while.
  void Pause(const absl::Status& status) {
    static LogLimit limit(1);
    if (auto suppressed = limit.Admit()) {
      Log(LogLevel::kError, "accepting pauses",
          {{"listener", "remote_admin"}, {"cause", status.ToString()}},
          *suppressed);
    }
    pausing_ = true;
    (void)loop_->Rearm(watch_, listen_fd_.get(), 0).ok();
    loop_->RunAfter(kPause, [self = shared_from_this()] { self->Resume(); });
  }

  const RemoteListenerOptions options_;
  OwnedFd listen_fd_;
  EventLoop* const loop_;
  const Sink sink_;
  TlsContext context_;
  EventLoop::WatchId watch_ = 0;
  bool pausing_ = false;
  bool stopped_ = false;
  uint64_t next_ = 1;
  absl::flat_hash_map<uint64_t, Entry> links_;
  // Of links that aren't ready, oldest first.
  std::list<uint64_t> handshakes_;
};

absl::StatusOr<std::unique_ptr<RemoteListener>> RemoteListener::Open(
    const RemoteListenerOptions& options, TlsContext context, EventLoop* loop,
    Sink sink) {
  auto listening = Listen(options.address);
  if (!listening.ok()) return listening.status();
  const NetAddress address = NetAddress::LocalOf(listening->get());
  auto acceptor =
      std::make_shared<Acceptor>(options, std::move(context),
                                 *std::move(listening), loop, std::move(sink));
  if (absl::Status status = acceptor->Watch(); !status.ok()) return status;
  return std::unique_ptr<RemoteListener>(
      new RemoteListener(std::move(acceptor), loop, address));
}

void RemoteListener::Begin() {
  loop_->Post([acceptor = acceptor_] { acceptor->Resume(); });
}

RemoteListener::~RemoteListener() {
  absl::Notification stopped;
  loop_->Post([this, &stopped] {
    acceptor_->Stop();
    stopped.Notify();
  });
  stopped.WaitForNotification();
}

void RemoteListener::SetContext(TlsContext context) {
  loop_->Post([acceptor = acceptor_, context = std::move(context)] {
    acceptor->SetContext(context);
  });
}

}  // namespace wspd
