#include "daemon/server/listener.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "daemon/base/descriptor_passing.h"
#include "daemon/base/log.h"
#include "daemon/base/owned_fd.h"
#include "daemon/server/fd_numbers.h"

namespace wspd {
namespace {

// Accepted in one go before the loop serves others.
constexpr int kAcceptsPerEvent = 64;
// How long to wait for somebody to close a descriptor.
constexpr absl::Duration kPause = absl::Milliseconds(100);

// Of one connection that did not survive the queue; others may be fine.
bool IsOfOneConnection(int error) {
  return error == ECONNABORTED || error == EINTR || error == EPERM ||
         error == EPROTO;
}

}  // namespace

// Everything runs on the loop's thread, but for Start and
// SetMaxConnectionsPerUid.
class Listener::Acceptor : public EventHandler,
                           public std::enable_shared_from_this<Acceptor> {
 public:
  Acceptor(ListenerOptions options, int listen_fd, EventLoop* loop,
           ConnectionTable* table, OnConnection on_connection)
      : options_(std::move(options)),
        max_connections_per_uid_(options_.max_connections_per_uid),
        listen_fd_(listen_fd),
        loop_(loop),
        table_(table),
        on_connection_(std::move(on_connection)),
        numbers_(FdNumbers::ForThisProcess()) {}

  absl::Status Start() {
    // gRPC's readers don't expect any. Descriptor channels allow it again.
    SetDescriptorPassing(listen_fd_, false);
    auto watch = loop_->Watch(listen_fd_, 0, shared_from_this());
    if (!watch.ok()) return watch.status();
    watch_ = *watch;
    // Only now, so that watch_ is there when OnEvents needs it.
    return loop_->Rearm(watch_, listen_fd_, EPOLLIN);
  }

  void SetMaxConnectionsPerUid(size_t most) {
    max_connections_per_uid_.store(most, std::memory_order_relaxed);
  }

  EventLoop* loop() { return loop_; }

  void Stop() {
    if (std::exchange(stopped_, true)) return;
    if (pause_timer_ != 0) loop_->CancelTimer(pause_timer_);
    loop_->Unwatch(watch_, listen_fd_);
  }

  void OnEvents(uint32_t) override {
    for (int i = 0; i < kAcceptsPerEvent && !stopped_ && pause_timer_ == 0;
         ++i) {
      OwnedFd fd(
          accept4(listen_fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
      if (fd.valid()) {
        HandOn(std::move(fd));
        continue;
      }
      const int error = errno;
      if (error == EAGAIN) return;
      if (IsOfOneConnection(error)) continue;
      Pause(absl::ErrnoToStatus(error, "accept4()"));
    }
  }

 private:
  void HandOn(OwnedFd accepted) {
    auto peer = ReadPeer(accepted.get(), options_.pidfd_method);
    if (!peer.ok()) return Refuse(peer.status(), PeerIdentity());
    const PeerIdentity identity = peer->identity;
    if (!IsPrivileged(identity.uid) &&
        table_->CountOf(identity.uid) >=
            max_connections_per_uid_.load(std::memory_order_relaxed)) {
      return Refuse(absl::ResourceExhaustedError("too many connections of uid"),
                    identity);
    }
    auto fd = numbers_.Move(std::move(accepted));
    if (!fd.ok()) return Refuse(fd.status(), identity);
    auto connection =
        table_->Add(fd->get(), *std::move(peer), options_.attach_timeout);
    if (!connection.ok()) return Refuse(connection.status(), identity);
    on_connection_(fd->Release());
  }

  static bool IsPrivileged(uid_t uid) { return uid == 0 || uid == geteuid(); }

  // Logs a connection that is closed unused.
  void Refuse(const absl::Status& status, const PeerIdentity& identity) {
    static LogLimit limit(10);
    if (auto suppressed = limit.Admit()) {
      Log(LogLevel::kWarning, "connection refused",
          {{"listener", options_.name},
           {"pid", identity.pid},
           {"uid", identity.uid},
           {"cause", status.ToString()}},
          *suppressed);
    }
  }

  // Leaves connections in the queue for a while. A level-triggered watch would
  // spin: the queue stays readable.
  void Pause(const absl::Status& status) {
    static LogLimit limit(1);
    if (auto suppressed = limit.Admit()) {
      Log(LogLevel::kError, "accepting pauses",
          {{"listener", options_.name}, {"cause", status.ToString()}},
          *suppressed);
    }
    (void)loop_->Rearm(watch_, listen_fd_, 0).ok();
    pause_timer_ = loop_->RunAfter(
        kPause, [self = shared_from_this()] { self->Resume(); });
  }

  void Resume() {
    pause_timer_ = 0;
    if (stopped_) return;
    const auto status = loop_->Rearm(watch_, listen_fd_, EPOLLIN);
    if (!status.ok()) Pause(status);
  }

  const ListenerOptions options_;
  std::atomic<size_t> max_connections_per_uid_;
  const int listen_fd_;
  EventLoop* const loop_;
  ConnectionTable* const table_;
  const OnConnection on_connection_;
  FdNumbers numbers_;
  // Atomic since Start writes it elsewhere; that the events come later only the
  // kernel knows.
  std::atomic<EventLoop::WatchId> watch_{0};
  EventLoop::TimerId pause_timer_ = 0;
  bool stopped_ = false;
};

absl::StatusOr<std::unique_ptr<Listener>> Listener::Start(
    ListenerOptions options, int listen_fd, EventLoop* loop,
    ConnectionTable* table, OnConnection on_connection) {
  auto acceptor = std::make_shared<Acceptor>(
      std::move(options), listen_fd, loop, table, std::move(on_connection));
  if (auto status = acceptor->Start(); !status.ok()) return status;
  return std::unique_ptr<Listener>(new Listener(std::move(acceptor)));
}

Listener::~Listener() { Stop(); }

void Listener::SetMaxConnectionsPerUid(size_t most) {
  acceptor_->SetMaxConnectionsPerUid(most);
}

void Listener::Stop() {
  if (acceptor_ == nullptr) return;
  const std::shared_ptr<Acceptor> acceptor = std::move(acceptor_);
  if (acceptor->loop()->OnLoopThread()) return acceptor->Stop();
  absl::Notification stopped;
  acceptor->loop()->Post([&] {
    acceptor->Stop();
    stopped.Notify();
  });
  stopped.WaitForNotification();
}

}  // namespace wspd
