#include "daemon/socket/lingerer.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "daemon/socket/reset.h"

namespace wspd {
namespace {

// The kernel has no event for "the peer acknowledged everything", so a close
// that somebody waits for looks now and then: from 1 ms, doubling to this.
constexpr absl::Duration kFirstLook = absl::Milliseconds(1);
constexpr absl::Duration kLongestLook = absl::Milliseconds(50);

// Whether the peer has acknowledged everything, the FIN too, or nothing can
// come of it any more.
bool IsSettled(int fd) {
  int unsent = 0;
  if (ioctl(fd, SIOCOUTQ, &unsent) == 0 && unsent == 0) return true;
  tcp_info info;
  socklen_t size = sizeof(info);
  return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
         info.tcpi_state == TCP_CLOSE;
}

enum class Drained {
  kMore,
  // The peer ended its side; what was sent to it may still be on its way.
  kPeerEnded,
  // Reset, or out of time.
  kLost,
};

// Drops what the peer sent, or a part of it: others wait for the loop too.
// MSG_TRUNC lets the kernel drop it without a copy.
Drained Drain(int fd) {
  constexpr int kTimes = 8;
  for (int i = 0; i < kTimes; ++i) {
    const ssize_t dropped =
        recv(fd, nullptr, size_t{1} << 20, MSG_TRUNC | MSG_DONTWAIT);
    if (dropped > 0) continue;
    if (dropped < 0 && errno == EINTR) continue;
    if (dropped < 0 && errno == EAGAIN) return Drained::kMore;
    return dropped == 0 ? Drained::kPeerEnded : Drained::kLost;
  }
  return Drained::kMore;
}

template <typename Owner>
void EraseKey(std::map<Owner, std::set<Lingerer::Key>>* keys, Owner owner,
              Lingerer::Key key) {
  auto found = keys->find(owner);
  found->second.erase(key);
  if (found->second.empty()) keys->erase(found);
}

}  // namespace

class Lingerer::Connection : public EventHandler,
                             public std::enable_shared_from_this<Connection> {
 public:
  Connection(Lingerer* lingerer, Key key, OwnedFd fd, Kept kept,
             EventLoop* loop, const Owner& owner, bool reset_when_over,
             std::function<void()> done)
      : lingerer_(lingerer),
        key_(key),
        loop_(loop),
        entry_{owner, NetAddress::LocalOf(fd.get()),
               NetAddress::PeerOf(fd.get())},
        kept_(std::move(kept)),
        fd_(std::move(fd)),
        reset_when_over_(reset_when_over),
        done_(std::move(done)) {}

  const Entry& entry() const { return entry_; }

  void Start(absl::Duration time) {
    Drained drained = Drained::kLost;
    bool look;
    {
      absl::MutexLock lock(&mu_);
      if (!fd_.valid()) return;
      auto watch =
          loop_->Watch(fd_.get(), EPOLLIN | EPOLLRDHUP, shared_from_this());
      if (watch.ok()) {
        watch_ = *watch;
        drained = Drain(fd_.get());
      }
      StartTimerLocked(time);
      look = reset_when_over_;
    }
    Go(drained);
    if (look) Look(kFirstLook);
  }

  void OnEvents(uint32_t /*events*/) override {
    Drained drained;
    {
      absl::MutexLock lock(&mu_);
      if (!fd_.valid() || peer_ended_) return;
      drained = Drain(fd_.get());
    }
    Go(drained);
  }

  // Nobody waits any more. False if nobody did.
  bool StopWaiting() {
    std::function<void()> done;
    absl::MutexLock lock(&mu_);
    done = std::exchange(done_, nullptr);
    return done != nullptr;
  }

  bool waited_for() const {
    absl::MutexLock lock(&mu_);
    return done_ != nullptr;
  }

  // Closes, tells who waits, and leaves the list. Only the first call counts.
  // `reason`: why it is reset, for operators.
  void End(bool reset, absl::string_view reason = "") {
    std::function<void()> done;
    Kept kept;
    {
      absl::MutexLock lock(&mu_);
      if (!fd_.valid()) return;
      loop_->Unwatch(watch_, fd_.get());
      loop_->CancelTimer(timer_);
      loop_->CancelTimer(look_timer_);
      if (reset) {
        ResetAndClose(std::move(fd_));
        if (!reason.empty()) NoteReset(reason);
      } else {
        fd_.Reset();
      }
      kept = std::exchange(kept_, nullptr);
      done = std::move(done_);
      done_ = nullptr;
    }
    kept.reset();
    // First the list, since who waits may then do away with it.
    lingerer_->Remove(key_);
    if (done != nullptr) done();
  }

 private:
  void StartTimerLocked(absl::Duration time)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    timer_ = loop_->RunAfter(time, [weak = weak_from_this()] {
      if (auto self = weak.lock()) self->OnTimeOver();
    });
  }

  void OnTimeOver() {
    bool reset;
    {
      absl::MutexLock lock(&mu_);
      reset = reset_when_over_;
    }
    End(reset, kTimeOver);
  }

  void NoteReset(absl::string_view reason) const {
    EventJournal* const events = lingerer_->options_.events;
    if (events == nullptr) return;
    EventRecord record;
    record.kind = wsp::v1::JournalEvent::KIND_SOCKET_RESET;
    record.client_id = entry_.owner.client_id;
    record.pid = entry_.owner.pid;
    record.uid = entry_.owner.uid;
    record.socket_id = entry_.owner.socket_id;
    record.plane = entry_.owner.plane();
    record.cookie = entry_.owner.lent_cookie;
    record.protocol = IPPROTO_TCP;
    record.local = entry_.local;
    record.peer = entry_.peer;
    record.SetDetail(reason);
    events->Append(record);
  }

  // After what came from the peer. With its side ended too, nothing can turn a
  // close into a reset any more, and the kernel sends the rest by itself. Only
  // a linger time has to be watched over until then.
  void Go(Drained drained) {
    if (drained == Drained::kMore) return;
    if (drained == Drained::kPeerEnded) {
      absl::MutexLock lock(&mu_);
      if (!fd_.valid()) return;
      if (reset_when_over_ && !IsSettled(fd_.get())) {
        // The hang-up would be told for ever.
        loop_->Unwatch(watch_, fd_.get());
        peer_ended_ = true;
        return;
      }
    }
    End(false);
  }

  // Ends the linger time as soon as all is acknowledged. If the peer goes on
  // sending, the rest is as without one.
  void Look(absl::Duration pause) {
    std::function<void()> done;
    bool ended;
    {
      absl::MutexLock lock(&mu_);
      if (!fd_.valid() || !reset_when_over_) return;
      if (!IsSettled(fd_.get())) {
        look_timer_ = loop_->RunAfter(pause, [weak = weak_from_this(), pause] {
          auto self = weak.lock();
          if (self) self->Look(std::min(2 * pause, kLongestLook));
        });
        return;
      }
      reset_when_over_ = false;
      ended = peer_ended_;
      if (!ended) {
        done = std::exchange(done_, nullptr);
        loop_->CancelTimer(timer_);
        StartTimerLocked(lingerer_->options_.linger_time);
      }
    }
    if (ended) End(false);
    if (done != nullptr) done();
  }

  Lingerer* const lingerer_;
  const Key key_;
  EventLoop* const loop_;
  const Entry entry_;
  mutable absl::Mutex mu_;
  Kept kept_ ABSL_GUARDED_BY(mu_);
  OwnedFd fd_ ABSL_GUARDED_BY(mu_);
  EventLoop::WatchId watch_ ABSL_GUARDED_BY(mu_) = 0;
  EventLoop::TimerId timer_ ABSL_GUARDED_BY(mu_) = 0;
  EventLoop::TimerId look_timer_ ABSL_GUARDED_BY(mu_) = 0;
  // Within a linger time of its own.
  bool reset_when_over_ ABSL_GUARDED_BY(mu_);
  // Nothing comes any more, and nothing is watched.
  bool peer_ended_ ABSL_GUARDED_BY(mu_) = false;
  std::function<void()> done_ ABSL_GUARDED_BY(mu_);
};

Lingerer::~Lingerer() {
  ResetAll();
  // Ends that had begun on the loops' threads come back to the list.
  absl::MutexLock lock(&mu_);
  auto empty = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    return connections_.empty();
  };
  mu_.Await(absl::Condition(&empty));
}

void Lingerer::Linger(OwnedFd fd, EventLoop* loop, const Owner& owner,
                      Kept kept) {
  Start(std::move(fd), loop, owner, options_.linger_time, false, nullptr,
        std::move(kept));
}

Lingerer::Key Lingerer::LingerAtMost(OwnedFd fd, EventLoop* loop,
                                     const Owner& owner, absl::Duration time,
                                     std::function<void()> done, Kept kept) {
  return Start(std::move(fd), loop, owner, std::min(time, options_.linger_time),
               true, std::move(done), std::move(kept));
}

bool Lingerer::StopWaiting(Key key) {
  std::shared_ptr<Connection> connection;
  {
    absl::MutexLock lock(&mu_);
    auto found = connections_.find(key);
    if (found == connections_.end()) return false;
    connection = found->second;
  }
  return connection->StopWaiting();
}

Lingerer::Key Lingerer::Start(OwnedFd fd, EventLoop* loop, const Owner& owner,
                              absl::Duration time, bool reset_when_over,
                              std::function<void()> done, Kept kept) {
  // Fails on a connection that was reset or never made: nothing to linger for.
  if (shutdown(fd.get(), SHUT_WR) != 0) {
    fd.Reset();
    kept.reset();
    if (done != nullptr) done();
    return 0;
  }
  Key key;
  std::shared_ptr<Connection> oldest;
  std::shared_ptr<Connection> connection;
  {
    absl::MutexLock lock(&mu_);
    oldest = SurplusLocked(owner);
    key = next_key_++;
    per_process_[owner.pid].insert(key);
    per_uid_[owner.uid].insert(key);
    connection = std::make_shared<Connection>(this, key, std::move(fd),
                                              std::move(kept), loop, owner,
                                              reset_when_over, std::move(done));
    connections_.emplace(key, connection);
  }
  if (oldest != nullptr) oldest->End(false);
  connection->Start(time);
  return key;
}

void Lingerer::SetMost(size_t per_process, size_t per_uid) {
  absl::MutexLock lock(&mu_);
  max_per_process_ = per_process;
  max_per_uid_ = per_uid;
}

std::shared_ptr<Lingerer::Connection> Lingerer::SurplusLocked(
    const Owner& owner) {
  const std::set<Key>& process = per_process_[owner.pid];
  if (process.size() >= max_per_process_) {
    return connections_[*process.begin()];
  }
  const std::set<Key>& uid = per_uid_[owner.uid];
  if (uid.size() >= max_per_uid_) return connections_[*uid.begin()];
  return nullptr;
}

void Lingerer::Remove(Key key) {
  std::function<void()> when_empty;
  {
    absl::MutexLock lock(&mu_);
    auto found = connections_.find(key);
    if (found == connections_.end()) return;
    const Owner& owner = found->second->entry().owner;
    EraseKey(&per_process_, owner.pid, key);
    EraseKey(&per_uid_, owner.uid, key);
    connections_.erase(found);
    if (connections_.empty()) when_empty = std::exchange(when_empty_, nullptr);
  }
  if (when_empty != nullptr) when_empty();
}

size_t Lingerer::size() const {
  absl::MutexLock lock(&mu_);
  return connections_.size();
}

std::vector<Lingerer::Entry> Lingerer::List() const {
  absl::MutexLock lock(&mu_);
  std::vector<Entry> entries;
  entries.reserve(connections_.size());
  for (const auto& [key, connection] : connections_) {
    if (!connection->waited_for()) entries.push_back(connection->entry());
  }
  return entries;
}

void Lingerer::WhenEmpty(std::function<void()> callback) {
  {
    absl::MutexLock lock(&mu_);
    if (!connections_.empty()) {
      when_empty_ = std::move(callback);
      return;
    }
  }
  callback();
}

bool Lingerer::Reset(uint64_t client_id, uint64_t socket_id) {
  std::vector<std::shared_ptr<Connection>> found;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [key, connection] : connections_) {
      const Owner& owner = connection->entry().owner;
      if (owner.client_id == client_id && owner.socket_id == socket_id) {
        found.push_back(connection);
      }
    }
  }
  for (const auto& connection : found) {
    connection->End(true, kByAdministrator);
  }
  return !found.empty();
}

void Lingerer::ResetAll() {
  std::vector<std::shared_ptr<Connection>> left;
  {
    absl::MutexLock lock(&mu_);
    for (auto& [key, connection] : connections_) left.push_back(connection);
  }
  for (auto& connection : left) connection->End(true);
}

}  // namespace wspd
