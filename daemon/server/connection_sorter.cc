#include "daemon/server/connection_sorter.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/notification.h"
#include "daemon/base/log.h"
#include "daemon/relay/foreign_descriptors.h"

namespace wspd {
namespace {

constexpr absl::string_view kMagic = "WSPDFD1\n";
constexpr size_t kTokenBytes = 16;
constexpr size_t kFirstBytes = kMagic.size() + kTokenBytes;

// What the first byte makes of a connection.
enum class Kind { kUnknown, kGrpc, kDescriptors, kEnded };

Kind KindOf(int fd) {
  char first;
  ssize_t size;
  do {
    size = recv(fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);
  } while (size < 0 && errno == EINTR);
  if (size < 0) return errno == EAGAIN ? Kind::kUnknown : Kind::kEnded;
  if (size == 0) return Kind::kEnded;
  return first == kMagic[0] ? Kind::kDescriptors : Kind::kGrpc;
}

}  // namespace

// Everything runs on the loop's thread.
class ConnectionSorter::State : public std::enable_shared_from_this<State> {
 public:
  State(EventLoop* loop, ConnectionTable* table, OnGrpc on_grpc,
        OnDescriptors on_descriptors)
      : loop_(loop),
        table_(table),
        on_grpc_(std::move(on_grpc)),
        on_descriptors_(std::move(on_descriptors)) {}

  void Add(int fd);
  void Stop();
  // A connection that waited has ended, or said enough.
  void Remove(Waiting* waiting);
  void HandToGrpc(OwnedFd fd) { on_grpc_(fd.Release()); }
  void HandOn(OwnedFd fd, std::shared_ptr<Connection> connection,
              std::string token) {
    on_descriptors_(std::move(fd), std::move(connection), std::move(token));
  }

 private:
  EventLoop* const loop_;
  ConnectionTable* const table_;
  const OnGrpc on_grpc_;
  const OnDescriptors on_descriptors_;
  absl::flat_hash_map<Waiting*, std::shared_ptr<Waiting>> waiting_;
  bool stopped_ = false;
};

// A connection that hasn't said enough.
class ConnectionSorter::Waiting : public EventHandler {
 public:
  Waiting(State* state, EventLoop* loop, OwnedFd fd,
          std::shared_ptr<Connection> connection)
      : state_(state),
        loop_(loop),
        fd_(std::move(fd)),
        connection_(std::move(connection)) {}

  absl::Status Watch(std::shared_ptr<EventHandler> self) {
    auto watch = loop_->Watch(fd_.get(), EPOLLIN | EPOLLRDHUP, std::move(self));
    if (watch.ok()) watch_ = *watch;
    return watch.status();
  }

  // No event is heeded any more, and the connection ended unless it was taken.
  void Stop() {
    if (!fd_.valid()) return;
    loop_->Unwatch(watch_, fd_.get());
    // The table has a duplicate.
    connection_->Shutdown();
    fd_.Reset();
  }

  void OnEvents(uint32_t /*events*/) override {
    if (fd_.valid()) Read();
  }

 private:
  void Read() {
    const Kind kind = read_ > 0 ? Kind::kDescriptors : KindOf(fd_.get());
    if (kind == Kind::kUnknown) return;
    if (kind == Kind::kEnded) return state_->Remove(this);
    if (kind == Kind::kDescriptors) return ReadFirstBytes();
    OwnedFd fd = TakeFd();
    State* const state = state_;
    state->Remove(this);
    state->HandToGrpc(std::move(fd));
  }

  void ReadFirstBytes() {
    iovec room = {first_.data() + read_, first_.size() - read_};
    ForeignDescriptors::Control control;
    msghdr message{};
    message.msg_iov = &room;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof(control);
    const ssize_t size =
        recvmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    // None are wanted here.
    if (size >= 0) ForeignDescriptors::Dispose(message);
    if (size <= 0) return state_->Remove(this);
    read_ += size;
    const size_t magic = std::min(read_, kMagic.size());
    if (memcmp(first_.data(), kMagic.data(), magic) != 0) {
      static LogLimit limit(10);
      if (auto suppressed = limit.Admit()) {
        Log(LogLevel::kWarning, "connection refused",
            {{"listener", "provider"},
             {"pid", connection_->identity().pid},
             {"uid", connection_->identity().uid},
             {"cause", "it begins with neither HTTP/2's preface nor WSPDFD1"}},
            *suppressed);
      }
      return state_->Remove(this);
    }
    if (read_ < first_.size()) return;
    OwnedFd fd = TakeFd();
    std::string token(first_.data() + kMagic.size(), kTokenBytes);
    std::shared_ptr<Connection> connection = std::move(connection_);
    State* const state = state_;
    state->Remove(this);
    state->HandOn(std::move(fd), std::move(connection), std::move(token));
  }

  OwnedFd TakeFd() {
    loop_->Unwatch(watch_, fd_.get());
    return std::move(fd_);
  }

  State* const state_;
  EventLoop* const loop_;
  OwnedFd fd_;
  std::shared_ptr<Connection> connection_;
  EventLoop::WatchId watch_ = 0;
  std::array<char, kFirstBytes> first_;
  size_t read_ = 0;
};

void ConnectionSorter::State::Add(int raw_fd) {
  OwnedFd fd(raw_fd);
  if (stopped_) return;
  // Most have said something by the time that they are accepted.
  const Kind kind = KindOf(fd.get());
  if (kind == Kind::kGrpc) return HandToGrpc(std::move(fd));
  auto connection = table_->Find(absl::StrCat("fd:", fd.get()));
  // It has ended already.
  if (kind == Kind::kEnded || connection == nullptr) return;
  auto waiting =
      std::make_shared<Waiting>(this, loop_, std::move(fd), connection);
  if (const absl::Status status = waiting->Watch(waiting); !status.ok()) {
    static LogLimit limit(10);
    if (auto suppressed = limit.Admit()) {
      Log(LogLevel::kWarning, "connection refused",
          {{"listener", "provider"},
           {"pid", connection->identity().pid},
           {"uid", connection->identity().uid},
           {"cause", status.ToString()}},
          *suppressed);
    }
    return connection->Shutdown();
  }
  waiting_.emplace(waiting.get(), std::move(waiting));
}

void ConnectionSorter::State::Remove(Waiting* waiting) {
  auto found = waiting_.find(waiting);
  if (found == waiting_.end()) return;
  // The loop has a hold on it as long as its event runs.
  found->second->Stop();
  waiting_.erase(found);
}

void ConnectionSorter::State::Stop() {
  stopped_ = true;
  while (!waiting_.empty()) Remove(waiting_.begin()->first);
}

ConnectionSorter::ConnectionSorter(EventLoop* loop, ConnectionTable* table,
                                   OnGrpc on_grpc, OnDescriptors on_descriptors)
    : loop_(loop),
      state_(std::make_shared<State>(loop, table, std::move(on_grpc),
                                     std::move(on_descriptors))) {}

ConnectionSorter::~ConnectionSorter() { Stop(); }

void ConnectionSorter::Add(int fd) { state_->Add(fd); }

void ConnectionSorter::Stop() {
  if (loop_->OnLoopThread()) return state_->Stop();
  absl::Notification stopped;
  loop_->Post([&] {
    state_->Stop();
    stopped.Notify();
  });
  stopped.WaitForNotification();
}

}  // namespace wspd
