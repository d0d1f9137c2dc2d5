#include "daemon/server/connection_table.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "daemon/base/log.h"

namespace wspd {
namespace {

// Negative if it is no name of ours.
int ParseName(absl::string_view peer) {
  int fd;
  if (!absl::ConsumePrefix(&peer, "fd:") || !absl::SimpleAtoi(peer, &fd)) {
    return -1;
  }
  return fd;
}

}  // namespace

// Shared with the loop's handlers and timers, which may run once more after the
// table has gone. Its lock comes before the loop's.
class ConnectionTable::State : public std::enable_shared_from_this<State> {
 public:
  explicit State(EventLoop* loop) : loop_(loop) {}

  absl::Status Add(std::shared_ptr<Connection> connection,
                   absl::Duration attach_timeout);
  std::shared_ptr<Connection> Find(int fd) const;
  // `serial` 0: whichever connection has the number.
  void Remove(int fd, uint64_t serial);
  void RemoveAll();
  // The connection has no Attach now.
  void StartAttachTime(const Connection& connection);
  void OnAttachTimeout(int fd, uint64_t serial);
  std::vector<std::shared_ptr<Connection>> All() const;
  size_t size() const;
  size_t CountOf(uid_t uid) const;

 private:
  struct Entry {
    std::shared_ptr<Connection> connection;
    // A number may be used again before the old connection's end is heard of.
    uint64_t serial = 0;
    EventLoop::WatchId watch = 0;
    absl::Duration attach_timeout;
    EventLoop::TimerId attach_timer = 0;
  };
  using Entries = absl::flat_hash_map<int, Entry>;

  void StartAttachTimeLocked(int fd, Entry* entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void EraseLocked(Entries::iterator it) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  EventLoop* const loop_;
  mutable absl::Mutex mu_;
  Entries entries_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<uid_t, size_t> counts_ ABSL_GUARDED_BY(mu_);
  uint64_t next_serial_ ABSL_GUARDED_BY(mu_) = 1;
};

// Hears of the end of one connection, on the duplicate descriptor: a hang-up
// comes when the peer closes as well as when gRPC does, which shuts down first.
class ConnectionTable::EndHandler : public EventHandler {
 public:
  EndHandler(std::weak_ptr<State> state, int fd, uint64_t serial)
      : state_(std::move(state)), fd_(fd), serial_(serial) {}

  void OnEvents(uint32_t) override {
    if (auto state = state_.lock()) state->Remove(fd_, serial_);
  }

 private:
  const std::weak_ptr<State> state_;
  const int fd_;
  const uint64_t serial_;
};

absl::Status ConnectionTable::State::Add(std::shared_ptr<Connection> connection,
                                         absl::Duration attach_timeout) {
  const int fd = connection->fd_;
  const uid_t uid = connection->identity().uid;
  absl::MutexLock lock(&mu_);
  if (auto old = entries_.find(fd); old != entries_.end()) EraseLocked(old);
  Entry entry;
  entry.serial = next_serial_++;
  auto watch = loop_->Watch(
      connection->duplicate_.get(), EPOLLRDHUP | EPOLLONESHOT,
      std::make_shared<EndHandler>(weak_from_this(), fd, entry.serial));
  if (!watch.ok()) return watch.status();
  entry.watch = *watch;
  entry.attach_timeout = attach_timeout;
  StartAttachTimeLocked(fd, &entry);
  entry.connection = std::move(connection);
  entries_.emplace(fd, std::move(entry));
  ++counts_[uid];
  return absl::OkStatus();
}

void ConnectionTable::State::StartAttachTimeLocked(int fd, Entry* entry) {
  if (entry->attach_timeout == absl::InfiniteDuration()) return;
  if (entry->attach_timer != 0) loop_->CancelTimer(entry->attach_timer);
  entry->attach_timer =
      loop_->RunAfter(entry->attach_timeout,
                      [weak = weak_from_this(), fd, serial = entry->serial] {
                        if (auto state = weak.lock()) {
                          state->OnAttachTimeout(fd, serial);
                        }
                      });
}

void ConnectionTable::State::StartAttachTime(const Connection& connection) {
  absl::MutexLock lock(&mu_);
  const auto it = entries_.find(connection.fd_);
  if (it == entries_.end() || it->second.connection.get() != &connection) {
    return;
  }
  StartAttachTimeLocked(it->first, &it->second);
}

void ConnectionTable::State::EraseLocked(Entries::iterator it) {
  Entry& entry = it->second;
  loop_->Unwatch(entry.watch, entry.connection->duplicate_.get());
  if (entry.attach_timer != 0) loop_->CancelTimer(entry.attach_timer);
  const auto count = counts_.find(entry.connection->identity().uid);
  if (--count->second == 0) counts_.erase(count);
  entries_.erase(it);
}

std::shared_ptr<Connection> ConnectionTable::State::Find(int fd) const {
  absl::MutexLock lock(&mu_);
  const auto it = entries_.find(fd);
  return it == entries_.end() ? nullptr : it->second.connection;
}

void ConnectionTable::State::Remove(int fd, uint64_t serial) {
  absl::MutexLock lock(&mu_);
  const auto it = entries_.find(fd);
  if (it == entries_.end()) return;
  if (serial == 0 || it->second.serial == serial) EraseLocked(it);
}

void ConnectionTable::State::RemoveAll() {
  absl::MutexLock lock(&mu_);
  while (!entries_.empty()) EraseLocked(entries_.begin());
}

void ConnectionTable::State::OnAttachTimeout(int fd, uint64_t serial) {
  std::shared_ptr<Connection> connection;
  {
    absl::MutexLock lock(&mu_);
    const auto it = entries_.find(fd);
    if (it == entries_.end() || it->second.serial != serial) return;
    it->second.attach_timer = 0;
    connection = it->second.connection;
  }
  if (connection->attached()) return;
  static LogLimit limit(10);
  if (auto suppressed = limit.Admit()) {
    Log(LogLevel::kWarning, "connection shut down: no Attach in time",
        {{"connection", connection->name()},
         {"pid", connection->identity().pid},
         {"uid", connection->identity().uid}},
        *suppressed);
  }
  connection->Shutdown();
}

std::vector<std::shared_ptr<Connection>> ConnectionTable::State::All() const {
  std::vector<std::shared_ptr<Connection>> all;
  absl::MutexLock lock(&mu_);
  all.reserve(entries_.size());
  for (const auto& [fd, entry] : entries_) all.push_back(entry.connection);
  return all;
}

size_t ConnectionTable::State::size() const {
  absl::MutexLock lock(&mu_);
  return entries_.size();
}

size_t ConnectionTable::State::CountOf(uid_t uid) const {
  absl::MutexLock lock(&mu_);
  const auto it = counts_.find(uid);
  return it == counts_.end() ? 0 : it->second;
}

ConnectionTable::ConnectionTable(EventLoop* loop)
    : state_(std::make_shared<State>(loop)) {}

ConnectionTable::~ConnectionTable() { state_->RemoveAll(); }

absl::StatusOr<std::shared_ptr<Connection>> ConnectionTable::Add(
    int fd, Peer peer, absl::Duration attach_timeout) {
  OwnedFd duplicate(fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!duplicate.valid()) return absl::ErrnoToStatus(errno, "fcntl(F_DUPFD)");
  auto connection =
      std::make_shared<Connection>(fd, std::move(duplicate), std::move(peer));
  if (auto status = state_->Add(connection, attach_timeout); !status.ok()) {
    return status;
  }
  return connection;
}

std::shared_ptr<Connection> ConnectionTable::Find(
    absl::string_view peer) const {
  return state_->Find(ParseName(peer));
}

void ConnectionTable::OnAttachBegun(Connection* connection) {
  connection->attaches_.fetch_add(1);
}

void ConnectionTable::OnAttachEnded(Connection* connection) {
  if (connection->attaches_.fetch_sub(1) == 1) {
    state_->StartAttachTime(*connection);
  }
}

void ConnectionTable::Remove(absl::string_view peer) {
  state_->Remove(ParseName(peer), 0);
}

size_t ConnectionTable::size() const { return state_->size(); }

size_t ConnectionTable::CountOf(uid_t uid) const {
  return state_->CountOf(uid);
}

void ConnectionTable::ShutdownAll() {
  for (const auto& connection : state_->All()) connection->Shutdown();
}

}  // namespace wspd
