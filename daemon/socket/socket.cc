#include "daemon/socket/socket.h"

#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "absl/time/time.h"
#include "daemon/socket/reset.h"

namespace wspd {
namespace {

// One sendmsg() takes at most this many pieces (IOV_MAX is 1024).
constexpr size_t kMaxPieces = 512;

// Received bytes that may gather before their sink hears of them: only then can
// it say that it has had enough.
constexpr size_t kMostUndelivered = 64 << 10;

// Errors of accept() that belong to the connection that was lost before it was
// accepted, and not to the listener (accept(2), "Error handling").
bool IsLostConnection(int error) {
  switch (error) {
    case ECONNABORTED:
    case ENETDOWN:
    case EPROTO:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

// Whether something was sent that the peer hasn't acknowledged; that is known
// also after the connection's end. Only as long as there is nothing does the
// kernel ask by keep-alive probes whether the peer is there.
bool HasUnacknowledged(int fd) {
  int bytes = 0;
  return ioctl(fd, SIOCOUTQ, &bytes) != 0 || bytes > 0;
}

// Takes `size` bytes off the front of `pieces`.
void Consume(absl::InlinedVector<iovec, 4>* pieces, size_t size) {
  size_t done = 0;
  while (done < pieces->size() && size >= (*pieces)[done].iov_len) {
    size -= (*pieces)[done].iov_len;
    ++done;
  }
  pieces->erase(pieces->begin(), pieces->begin() + done);
  if (size == 0) return;
  iovec& first = pieces->front();
  first.iov_base = static_cast<char*>(first.iov_base) + size;
  first.iov_len -= size;
}

// Lets go of an owner of which the operation needs only the smaller part.
void CopyIfSmall(Operation* operation) {
  if (operation->owner == nullptr || operation->left == 0 ||
      2 * operation->left >= operation->owner_bytes) {
    return;
  }
  std::shared_ptr<Bytes> copy = Bytes::Allocate(operation->left);
  char* to = copy->data();
  for (const iovec& piece : operation->pieces) {
    memcpy(to, piece.iov_base, piece.iov_len);
    to += piece.iov_len;
  }
  operation->pieces.assign(1, {copy->data(), operation->left});
  operation->owner_bytes = operation->left;
  operation->owner = std::move(copy);
}

}  // namespace

void Socket::Queue::Push(std::unique_ptr<Operation> operation) {
  Operation* const raw = operation.get();
  (head == nullptr ? head : tail->next) = std::move(operation);
  tail = raw;
}

std::unique_ptr<Operation> Socket::Queue::Pop() {
  std::unique_ptr<Operation> operation = std::move(head);
  head = std::move(operation->next);
  if (head == nullptr) tail = nullptr;
  return operation;
}

template <typename Match>
std::unique_ptr<Operation> Socket::Queue::Remove(Match match) {
  Operation* previous = nullptr;
  for (std::unique_ptr<Operation>* link = &head; *link != nullptr;
       previous = link->get(), link = &(*link)->next) {
    if (!match(**link)) continue;
    std::unique_ptr<Operation> operation = std::move(*link);
    *link = std::move(operation->next);
    if (tail == operation.get()) tail = previous;
    return operation;
  }
  return nullptr;
}

template <typename Match>
void Socket::Queue::RemoveAll(Match match,
                              std::vector<std::unique_ptr<Operation>>* out) {
  Queue rest;
  while (!empty()) {
    std::unique_ptr<Operation> operation = Pop();
    if (match(*operation)) {
      out->push_back(std::move(operation));
    } else {
      rest.Push(std::move(operation));
    }
  }
  *this = std::move(rest);
}

std::shared_ptr<Socket> Socket::Adopt(OwnedFd fd, EventLoop* loop,
                                      std::shared_ptr<RateQuota> quota) {
  return std::shared_ptr<Socket>(
      new Socket(std::move(fd), loop, std::move(quota)));
}

Socket::Socket(OwnedFd fd, EventLoop* loop, std::shared_ptr<RateQuota> quota)
    : loop_(loop), quota_(std::move(quota)), fd_(std::move(fd)) {}

Socket::~Socket() {
  absl::MutexLock lock(&mu_);
  EndHoldsLocked();
  StopDrainingLocked();
}

void Socket::Submit(std::unique_ptr<Operation> operation) {
  const std::shared_ptr<OperationSink> sink = operation->sink;
  const uint64_t id = operation->id;
  Outcome outcome;
  {
    absl::MutexLock lock(&mu_);
    bool done = true;
    if (!fd_.valid() || sink->closed()) {
      outcome.error = EBADF;
    } else if (concluded_ &&
               operation->direction() == Operation::Direction::kIn) {
      outcome.error = ECONNABORTED;
    } else if (operation->is_urgent_receive()) {
      TryUrgentLocked(*operation, &outcome);
    } else if (!QueueFor(*operation).empty()) {
      done = !operation->wait;
      if (done) outcome.error = EAGAIN;
    } else {
      done = TryLocked(operation.get(), &outcome);
      if (!done && !operation->wait) {
        // What a partly sent, non-waiting send got rid of is its result.
        done = true;
        outcome.error = operation->sent > 0 ? 0 : EAGAIN;
      }
    }
    if (!done) {
      const bool report = operation->report_parked;
      ParkLocked(std::move(operation));
      if (!report) return;
    }
  }
  if (operation == nullptr) {
    sink->OnParked(id);
  } else {
    sink->OnOutcome(std::move(operation), std::move(outcome));
  }
}

bool Socket::TryNowLocked(Operation* operation, Outcome* outcome) {
  switch (operation->kind) {
    case Operation::Kind::kSend:
      return TrySendLocked(operation, outcome);
    case Operation::Kind::kReceive:
      return TryReceiveLocked(operation, outcome);
    case Operation::Kind::kSendDatagram:
      return TrySendDatagramLocked(operation, outcome);
    case Operation::Kind::kReceiveDatagram:
      return TryReceiveDatagramLocked(operation, outcome);
    case Operation::Kind::kAccept:
      return TryAcceptLocked(*operation, outcome);
    case Operation::Kind::kAwaitConnection:
      return AwaitConnectionLocked();
    case Operation::Kind::kConnect:
      return TryConnectLocked(operation, outcome);
    case Operation::Kind::kAwaitConnect:
      return TryAwaitConnectLocked(outcome);
    case Operation::Kind::kShutdownSend:
      return TryShutdownSendLocked(outcome);
  }
  outcome->error = EINVAL;
  return true;
}

void Socket::FailLocked(int error, Outcome* outcome) {
  if (error == ETIMEDOUT && !HasUnacknowledged(fd_.get())) error = ENETRESET;
  outcome->error = error;
  // EPIPE isn't among them: who gets it had the peer's end before.
  if (error == ECONNRESET || error == ETIMEDOUT || error == ECONNABORTED ||
      error == EHOSTUNREACH || error == ENETUNREACH || error == ENETRESET) {
    lost_error_ = error;
  }
}

int Socket::PeekForEnd(bool* unread) {
  absl::MutexLock lock(&mu_);
  *unread = false;
  if (!fd_.valid()) return 0;
  if (UrgentBeforeStreamLocked() > 0) {
    *unread = true;
    return 0;
  }
  char byte;
  const ssize_t ready = recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  *unread = ready > 0;
  if (ready > 0 || (ready < 0 && errno == EAGAIN)) return 0;
  if (ready == 0) return EndErrorLocked();
  Outcome outcome;
  FailLocked(errno, &outcome);
  return outcome.error;
}

bool Socket::TrySendLocked(Operation* operation, Outcome* outcome) {
  do {
    msghdr message{};
    message.msg_iov = operation->pieces.data();
    message.msg_iovlen = std::min(operation->pieces.size(), kMaxPieces);
    int flags = operation->flags | MSG_DONTWAIT | MSG_NOSIGNAL;
    // The last byte alone is urgent. The kernel takes it for the last of what
    // it gets, or of what it had room for, so that it goes by itself.
    iovec* last = nullptr;
    if ((flags & MSG_OOB) != 0 && operation->left > 1) {
      flags &= ~MSG_OOB;
      last = &operation->pieces.back();
      --last->iov_len;
    }
    const ssize_t sent = sendmsg(fd_.get(), &message, flags);
    if (last != nullptr) ++last->iov_len;
    if (sent < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return false;
      FailLocked(errno, outcome);
      return true;
    }
    Consume(&operation->pieces, sent);
    operation->sent += sent;
    operation->left -= sent;
  } while (operation->left > 0);
  return true;
}

bool Socket::MayReceiveLocked(const Operation& operation) {
  const bool may_receive = operation.sink->MayReceive();
  receive_held_ = operation.wait && !may_receive;
  return may_receive;
}

bool Socket::TryReceiveLocked(Operation* operation, Outcome* outcome) {
  if (!MayReceiveLocked(*operation)) return false;
  if (operation->max_bytes == 0) {
    KeepUrgentLocked();
    if (UrgentBeforeStreamLocked() > 0) return true;
    char byte;
    ssize_t ready;
    do {
      ready = recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    } while (ready < 0 && errno == EINTR);
    if (ready < 0 && errno == EAGAIN) return false;
    if (ready < 0) FailLocked(errno, outcome);
    if (ready == 0) outcome->error = EndErrorLocked();
    return true;
  }
  std::shared_ptr<Bytes> data = Bytes::Allocate(operation->max_bytes);
  const ssize_t received = ReceiveOrdinaryLocked(
      data->data(), operation->max_bytes, operation->flags);
  if (received < 0) {
    if (errno == EAGAIN) return false;
    FailLocked(errno, outcome);
    return true;
  }
  outcome->recalled = lent_ && !client_receives_;
  // The kernel tells an error once, to whichever call comes first, and an end
  // to all others.
  if (received == 0) outcome->error = EndErrorLocked();
  if (received > 0) {
    data->SetSize(received);
    outcome->data = std::move(data);
    outcome->stream_offset = received_;
    if ((operation->flags & MSG_PEEK) == 0) received_ += received;
  }
  return true;
}

bool Socket::TryAcceptLocked(const Operation& operation, Outcome* outcome) {
  if (returned_ != nullptr && !returned_->empty()) {
    outcome->returned = true;
    outcome->accepted = std::move(returned_->back());
    returned_->pop_back();
    return true;
  }
  for (;;) {
    NetAddress peer;
    socklen_t size = NetAddress::kMostBytes;
    const int fd =
        accept4(fd_.get(), peer.Buffer(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) {
      ++accepted_;
      outcome->accepted = {OwnedFd(fd), peer};
      if (operation.sink->MayAccept(outcome->accepted)) return true;
      ResetAndClose(std::move(outcome->accepted.fd));
      continue;
    }
    if (errno == EINTR || IsLostConnection(errno)) continue;
    if (errno == EAGAIN) return false;
    outcome->error = errno;
    return true;
  }
}

bool Socket::AwaitConnectionLocked() {
  if (returned_ != nullptr && !returned_->empty()) return true;
  pollfd listener{fd_.get(), POLLIN, 0};
  return poll(&listener, 1, 0) == 1;
}

bool Socket::TryConnectLocked(Operation* operation, Outcome* outcome) {
  int result =
      connect(fd_.get(), operation->address.get(), operation->address.size());
  if (result != 0 && errno == ECONNABORTED) {
    // Linux says so once after a failed attempt (reference, section 5.2).
    result =
        connect(fd_.get(), operation->address.get(), operation->address.size());
  }
  if (result == 0) return true;
  if (errno == EINPROGRESS || errno == EINTR) {
    // From now on the attempt is only waited for.
    operation->kind = Operation::Kind::kAwaitConnect;
    if (!operation->wait) outcome->error = EINPROGRESS;
    return !operation->wait;
  }
  outcome->error = errno;
  return true;
}

bool Socket::TryAwaitConnectLocked(Outcome* outcome) {
  int error = 0;
  socklen_t size = sizeof(error);
  if (getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
    error = errno;
  }
  if (error != 0) {
    outcome->error = error;
    return true;
  }
  sockaddr_storage peer;
  size = sizeof(peer);
  return getpeername(fd_.get(), reinterpret_cast<sockaddr*>(&peer), &size) == 0;
}

bool Socket::TryShutdownSendLocked(Outcome* outcome) {
  outcome->error = EndSendingLocked();
  return true;
}

void Socket::ParkLocked(std::unique_ptr<Operation> operation) {
  CopyIfSmall(operation.get());
  if (operation->timeout_ms > 0) {
    operation->timer = loop_->RunAfter(
        absl::Milliseconds(operation->timeout_ms),
        [weak = weak_from_this(), sink = operation->sink, id = operation->id] {
          if (auto self = weak.lock()) self->Cancel(sink.get(), id, EAGAIN);
        });
  }
  Queue& queue = QueueFor(*operation);
  queue.Push(std::move(operation));
  ArmLocked();
}

void Socket::ArmLocked() {
  const uint32_t wanted = WantedLocked();
  const bool edge_triggered = edge_triggered_ || !observers_.empty();
  if (edge_triggered == edge_triggered_ && (wanted & ~armed_) == 0) return;
  // What an observer asked for a moment ago it may soon ask for again.
  armed_ = edge_triggered_ ? armed_ | wanted : wanted;
  edge_triggered_ = edge_triggered;
  const uint32_t events = armed_ | (edge_triggered ? EPOLLET : EPOLLONESHOT);
  if (watched_) {
    (void)loop_->Rearm(watch_, fd_.get(), events);
    return;
  }
  auto watch = loop_->Watch(fd_.get(), events, shared_from_this());
  if (!watch.ok()) {
    // Out of memory or of watches: try again when the loop has come round.
    armed_ = 0;
    edge_triggered_ = false;
    loop_->RunAfter(absl::Milliseconds(100), [weak = weak_from_this()] {
      if (auto self = weak.lock()) self->OnEvents(0);
    });
    return;
  }
  watch_ = *watch;
  watched_ = true;
}

bool Socket::RunQueueLocked(Queue* queue, std::vector<Finished>* finished) {
  size_t received = 0;
  while (!queue->empty() && received < kMostUndelivered) {
    Outcome outcome;
    if (!TryLocked(queue->head.get(), &outcome)) return false;
    if (outcome.data != nullptr) received += outcome.data->capacity();
    finished->push_back({queue->Pop(), std::move(outcome)});
  }
  return !queue->empty();
}

void Socket::FinishShutdownLocked() {
  if (!shutdown_pending_ || !out_.empty()) return;
  shutdown_pending_ = false;
  (void)EndSendingLocked();
}

void Socket::OnEvents(uint32_t events) {
  std::vector<Finished> finished;
  std::vector<std::weak_ptr<SocketObserver>> observers;
  for (bool more = true; more;) {
    {
      absl::MutexLock lock(&mu_);
      if (!edge_triggered_) armed_ = 0;
      if (!fd_.valid()) return;
      RunQueueLocked(&out_, &finished);
      more = RunQueueLocked(&in_, &finished);
      FinishShutdownLocked();
      if (!more) {
        if (drains_) DrainLocked();
        ShrinkWatchLocked(events);
        ArmLocked();
        observers = CurrentObserversLocked();
      }
      for (Finished& one : finished) StopTimer(one.operation.get());
    }
    Deliver(&finished);
  }
  Notify(observers);
}

void Socket::ReturnAccepted(AcceptedConnection connection) {
  {
    absl::MutexLock lock(&mu_);
    if (!fd_.valid()) return ResetAndClose(std::move(connection.fd));
    if (returned_ == nullptr) {
      returned_ = std::make_unique<std::vector<AcceptedConnection>>();
    }
    returned_->push_back(std::move(connection));
  }
  OnEvents(0);
}

void Socket::Poke() {
  {
    absl::MutexLock lock(&mu_);
    if (!receive_held_) return;
    receive_held_ = false;
  }
  OnEvents(0);
}

void Socket::StopTimer(Operation* operation) {
  if (operation->timer != 0) loop_->CancelTimer(operation->timer);
  operation->timer = 0;
}

void Socket::Fail(std::vector<std::unique_ptr<Operation>> operations,
                  int error) {
  std::vector<Finished> finished;
  for (std::unique_ptr<Operation>& operation : operations) {
    Finished& one = finished.emplace_back();
    one.operation = std::move(operation);
    one.outcome.error = error;
  }
  Deliver(&finished);
}

void Socket::Deliver(std::vector<Finished>* finished) {
  std::shared_ptr<OperationSink> last;
  for (Finished& one : *finished) {
    std::shared_ptr<OperationSink> sink = one.operation->sink;
    if (last != nullptr && last != sink) last->Flush();
    sink->OnOutcome(std::move(one.operation), std::move(one.outcome));
    last = std::move(sink);
  }
  if (last != nullptr) last->Flush();
  finished->clear();
}

bool Socket::Cancel(const OperationSink* sink, uint64_t id, int error) {
  std::vector<Finished> finished;
  {
    absl::MutexLock lock(&mu_);
    auto match = [&](const Operation& operation) {
      return operation.sink.get() == sink && operation.id == id;
    };
    std::unique_ptr<Operation> operation = in_.Remove(match);
    if (operation == nullptr) operation = out_.Remove(match);
    if (operation == nullptr) return false;
    StopTimer(operation.get());
    FinishShutdownLocked();
    Outcome outcome;
    outcome.error = error;
    finished.push_back({std::move(operation), std::move(outcome)});
  }
  Deliver(&finished);
  return true;
}

int Socket::ShutdownSend() {
  absl::MutexLock lock(&mu_);
  if (!fd_.valid()) return EBADF;
  if (!out_.empty()) {
    shutdown_pending_ = true;
    return 0;
  }
  return EndSendingLocked();
}

int Socket::EndSendingLocked() {
  sending_ended_ = true;
  return shutdown(fd_.get(), SHUT_WR) == 0 ? 0 : errno;
}

int Socket::Reset() {
  absl::MutexLock lock(&mu_);
  return fd_.valid() ? DissolveLocked() : EBADF;
}

int Socket::DissolveLocked() {
  // connect(2): dissolves the connection, for TCP with a reset.
  sockaddr nowhere{};
  nowhere.sa_family = AF_UNSPEC;
  return connect(fd_.get(), &nowhere, sizeof(nowhere)) == 0 ? 0 : errno;
}

int Socket::Abort() {
  std::vector<Finished> finished;
  {
    absl::MutexLock lock(&mu_);
    if (!fd_.valid()) return EBADF;
    const int error = DissolveLocked();
    if (error != 0) return error;
    shutdown_pending_ = false;
    AbortQueueLocked(&in_, &finished);
    AbortQueueLocked(&out_, &finished);
  }
  Deliver(&finished);
  return 0;
}

void Socket::AbortQueueLocked(Queue* queue, std::vector<Finished>* finished) {
  while (!queue->empty()) {
    Finished& one = finished->emplace_back();
    one.operation = queue->Pop();
    one.outcome.error = ECONNABORTED;
    StopTimer(one.operation.get());
  }
}

std::vector<std::unique_ptr<Operation>> Socket::Withdraw(
    const OperationSink* sink) {
  std::vector<std::unique_ptr<Operation>> operations;
  {
    absl::MutexLock lock(&mu_);
    auto match = [sink](const Operation& operation) {
      return operation.sink.get() == sink;
    };
    for (Queue* queue : {&in_, &out_}) queue->RemoveAll(match, &operations);
    for (auto& operation : operations) StopTimer(operation.get());
  }
  // What waited behind them may be able to go on.
  if (!operations.empty()) OnEvents(0);
  return operations;
}

std::vector<std::unique_ptr<Operation>> Socket::ReleaseLocked() {
  std::vector<std::unique_ptr<Operation>> operations;
  EndHoldsLocked();
  StopDrainingLocked();
  if (watched_) loop_->Unwatch(watch_, fd_.get());
  watched_ = false;
  armed_ = 0;
  edge_triggered_ = false;
  for (Queue* queue : {&in_, &out_}) {
    while (!queue->empty()) {
      operations.push_back(queue->Pop());
      StopTimer(operations.back().get());
    }
  }
  return operations;
}

std::pair<OwnedFd, std::vector<std::unique_ptr<Operation>>> Socket::Exchange(
    OwnedFd fd, uint64_t received) {
  absl::MutexLock lock(&mu_);
  if (!fd_.valid()) {
    return {std::move(fd), std::vector<std::unique_ptr<Operation>>()};
  }
  std::vector<std::unique_ptr<Operation>> operations = ReleaseLocked();
  receive_held_ = false;
  shutdown_pending_ = false;
  received_ = received;
  lost_error_ = 0;
  lent_ = client_receives_ = sending_ended_ = concluded_ = false;
  urgent_.reset();
  std::swap(fd_, fd);
  // For the observers, which stay.
  ArmLocked();
  return {std::move(fd), std::move(operations)};
}

std::pair<OwnedFd, std::vector<std::unique_ptr<Operation>>> Socket::Abandon() {
  std::vector<std::unique_ptr<Operation>> operations;
  std::vector<std::weak_ptr<SocketObserver>> observers;
  OwnedFd fd;
  {
    absl::MutexLock lock(&mu_);
    if (!fd_.valid()) return {};
    operations = ReleaseLocked();
    if (returned_ != nullptr) {
      for (AcceptedConnection& connection : *returned_) {
        ResetAndClose(std::move(connection.fd));
      }
      returned_.reset();
    }
    fd = std::move(fd_);
    observers = CurrentObserversLocked();
    observers_.clear();
  }
  Notify(observers);
  return {std::move(fd), std::move(operations)};
}

uint64_t Socket::received() const {
  absl::MutexLock lock(&mu_);
  return received_;
}

int Socket::waiting() const {
  absl::MutexLock lock(&mu_);
  int count = 0;
  for (const Queue* queue : {&in_, &out_}) {
    for (const Operation* operation = queue->head.get(); operation != nullptr;
         operation = operation->next.get()) {
      if (!operation->background) ++count;
    }
  }
  return count;
}

}  // namespace wspd
