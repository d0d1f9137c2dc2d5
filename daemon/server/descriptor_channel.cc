#include "daemon/server/descriptor_channel.h"

#include <endian.h>
#include <errno.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
// After what it needs and doesn't include.
#include <linux/sockios.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/status/status.h"
#include "daemon/base/descriptor_passing.h"
#include "daemon/base/log.h"
#include "daemon/relay/foreign_descriptors.h"

namespace wspd {
namespace {

// Room for at least 64 messages that the client leaves unread, by the kernel's
// way of counting, and for not many more: descriptors under way count against
// the daemon's limit of open files, those of all clients together.
constexpr int kSendBufferBytes = 32 << 10;
// Of one user, of the daemon's limit of open files: above that all clients
// would be refused theirs.
constexpr rlim_t kShareOfUser = 4;
// Of one client, before the loop serves others.
constexpr int kMessagesPerTurn = 16;
// At an attachment's end, when there is no other turn: more than a client has
// under way that waits for its answers.
constexpr int kMessagesAtTheEnd = 512;

// From the client a relayed socket's number and 0, back that and an errno; or 0
// and a Farewell.
struct Message {
  uint64_t call_id;
  uint64_t cookie;
};
static_assert(sizeof(Message) == 16, "as the wire has it");
enum Farewell : uint64_t { kLeaves = 1, kStays = 2 };

// A warning about a connection that ends.
void LogRefusal(const Connection& connection, absl::string_view cause) {
  static LogLimit limit(10);
  if (auto suppressed = limit.Admit()) {
    Log(LogLevel::kWarning, "descriptor connection refused",
        {{"pid", connection.identity().pid},
         {"uid", connection.identity().uid},
         {"cause", cause}},
        *suppressed);
  }
}

// With a descriptor unless `fd` is negative. Returns errno.
int SendMessage(int to, uint64_t call_id, uint64_t cookie, int fd) {
  Message message = {htole64(call_id), htole64(cookie)};
  iovec bytes = {&message, sizeof(message)};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(fd))] = {};
  msghdr header{};
  header.msg_iov = &bytes;
  header.msg_iovlen = 1;
  if (fd >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(fd));
    memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
  }
  for (;;) {
    // So few bytes are taken as a whole, or not at all.
    if (sendmsg(to, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) return 0;
    if (errno != EINTR) return errno;
  }
}

// Descriptors that one user may leave unread, on all connections.
uint32_t MostUnread() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 256;
  return static_cast<uint32_t>(
      std::min<rlim_t>(limit.rlim_cur / kShareOfUser, UINT32_MAX));
}

// No fewer than the messages that the other end has left unread.
uint32_t MostUnreadOf(int fd) {
  // What the kernel counts for one that is unread, in bytes: its own records of
  // it (sk_buff, skb_shared_info) are more than that.
  constexpr uint32_t kLeastPerMessage = 512;
  int bytes = 0;
  if (ioctl(fd, SIOCOUTQ, &bytes) != 0 || bytes < 0) return UINT32_MAX;
  return static_cast<uint32_t>(bytes) / kLeastPerMessage;
}

}  // namespace

DescriptorChannel::~DescriptorChannel() {
  user_->unread_descriptors.fetch_sub(unread_, std::memory_order_relaxed);
}

int DescriptorChannel::SendLocked(uint64_t call_id, uint64_t cookie, int fd) {
  static const uint32_t most_unread = MostUnread();
  const uint32_t unread = std::min(unread_, MostUnreadOf(fd_.get()));
  user_->unread_descriptors.fetch_sub(std::exchange(unread_, unread) - unread,
                                      std::memory_order_relaxed);
  if (user_->unread_descriptors.fetch_add(1, std::memory_order_relaxed) >=
      most_unread) {
    user_->unread_descriptors.fetch_sub(1, std::memory_order_relaxed);
    return ENOBUFS;
  }
  const int error = SendMessage(fd_.get(), call_id, cookie, fd);
  if (error == 0) {
    ++unread_;
  } else {
    user_->unread_descriptors.fetch_sub(1, std::memory_order_relaxed);
  }
  return error;
}

void DescriptorChannel::Serve(const Context& context, OwnedFd fd,
                              std::shared_ptr<Connection> connection,
                              const std::string& token) {
  auto attachment =
      context.registry->FindForDescriptors(connection->identity(), token);
  if (!attachment.ok()) {
    LogRefusal(*connection, attachment.status().message());
    return connection->Shutdown();
  }
  std::shared_ptr<DescriptorChannel> channel(new DescriptorChannel(
      context.loop, std::move(fd), connection, *attachment));
  auto watch =
      context.loop->Watch(channel->fd_.get(), EPOLLIN | EPOLLRDHUP, channel);
  if (!watch.ok()) {
    LogRefusal(*connection, watch.status().message());
    return connection->Shutdown();
  }
  channel->watch_ = *watch;
  (void)setsockopt(channel->fd_.get(), SOL_SOCKET, SO_SNDBUF, &kSendBufferBytes,
                   sizeof(kSendBufferBytes));
  // What it adopts comes so.
  SetDescriptorPassing(channel->fd_.get(), true);
  context.connections->OnAttachBegun(connection.get());
  // Ended meanwhile: the event that comes with it does the rest.
  if (!channel->Greet(attachment->get())) channel->Close();
}

bool DescriptorChannel::Greet(Attachment* attachment) {
  absl::MutexLock lock(&sending_mu_);
  // Who has the message may rely on the attachment's having the channel.
  if (!attachment->BindDescriptors(shared_from_this())) return false;
  // Never for want of room: the buffer is empty.
  return SendMessage(fd_.get(), 0, 0, -1) == 0;
}

int DescriptorChannel::SendDescriptor(uint64_t call_id, uint64_t cookie,
                                      int fd) {
  int error;
  {
    absl::MutexLock lock(&sending_mu_);
    error = SendLocked(call_id, cookie, fd);
  }
  switch (error) {
    case EAGAIN:
      return ENOBUFS;
    case EPIPE:
    case ECONNRESET:
      return ENOTCONN;
    case ETOOMANYREFS:
      // Of all clients together.
      return ENFILE;
    default:
      return error;
  }
}

void DescriptorChannel::OnEvents(uint32_t /*events*/) {
  ReadUpTo(kMessagesPerTurn);
}

void DescriptorChannel::ReadOn() { ReadUpTo(kMessagesAtTheEnd); }

void DescriptorChannel::ReadUpTo(int most) {
  if (ended_) return;
  for (int i = 0; i < most; ++i) {
    const Received received = Receive();
    if (received == Received::kNothing) return;
    if (received == Received::kEnd) return End();
  }
}

DescriptorChannel::Received DescriptorChannel::Receive() {
  Message message{};
  iovec bytes = {&message, sizeof(message)};
  ForeignDescriptors::Control control;
  msghdr header{};
  header.msg_iov = &bytes;
  header.msg_iovlen = 1;
  header.msg_control = &control;
  header.msg_controllen = sizeof(control);
  const ssize_t size =
      recvmsg(fd_.get(), &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
    return Received::kNothing;
  }
  if (size <= 0) return Received::kEnd;
  OwnedFd fd = ForeignDescriptors::TakeOnly(header);
  const absl::Cleanup dispose = [&fd] {
    if (fd.valid()) ForeignDescriptors::Dispose(std::move(fd));
  };
  const uint64_t farewell = le64toh(message.cookie);
  const bool is_farewell = size == sizeof(message) && message.call_id == 0 &&
                           header.msg_controllen == 0 &&
                           (farewell == kLeaves || farewell == kStays);
  if (is_farewell && TakeFarewell(farewell == kStays)) {
    return Received::kMessage;
  }
  if (size != sizeof(message) || !fd.valid() || message.cookie != 0) {
    LogRefusal(
        *connection_,
        "the client sent what is no adoption: a number, 8 zeros and one "
        "descriptor; nor a farewell that CAPABILITY_FAREWELL is in force "
        "for: 0, 1 or 2, and no descriptor");
    return Received::kEnd;
  }
  return Adopt(message.call_id, &fd) ? Received::kMessage : Received::kEnd;
}

bool DescriptorChannel::TakeFarewell(bool stays) {
  const auto attachment = attachment_.lock();
  return attachment != nullptr && attachment->TakeFarewell(stays);
}

bool DescriptorChannel::Adopt(uint64_t number, OwnedFd* fd) {
  const auto attachment = attachment_.lock();
  if (attachment == nullptr) return false;
  const int error = attachment->AdoptSocket(le64toh(number), fd->get());
  // One that is ours: closing it takes no time, whatever waits on it.
  if (error == 0) fd->Reset();
  absl::MutexLock lock(&sending_mu_);
  const int failed =
      SendMessage(fd_.get(), le64toh(number), static_cast<uint64_t>(error), -1);
  if (failed == EAGAIN) {
    LogRefusal(*connection_, "the client doesn't read the answers");
  }
  // Who has ended hears no answer any more, but may have said farewell behind
  // what he asked: the end is read when it comes.
  return failed == 0 || failed == EPIPE || failed == ECONNRESET;
}

void DescriptorChannel::End() {
  loop_->Unwatch(watch_, fd_.get());
  connection_->Shutdown();
  ended_ = true;
  if (auto attachment = attachment_.lock()) attachment->UnbindDescriptors(this);
}

}  // namespace wspd
