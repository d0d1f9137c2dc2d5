#include "daemon/relay/datagram_relay.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
// After what it needs and doesn't include.
#include <linux/sockios.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "daemon/policy/action.h"
#include "daemon/policy/default_rules.h"
#include "daemon/policy/source_addresses.h"
#include "daemon/relay/datagram_message.h"
#include "daemon/socket/udp_segments.h"
#include "daemon/winsock/address_codec.h"

namespace wspd {
namespace {

using wsp::relay::DatagramHeader;

// With each send: none waits, and none raises SIGPIPE.
constexpr int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
// Room for what an error queue gives, in bytes.
constexpr uint32_t kMostErrorBytes = 65536;
// Of a turn, which an error takes, so that many end it.
constexpr size_t kErrorCost = DatagramRelay::kTurnBytes / 16;

// Of a turn, for each datagram, however small.
constexpr size_t kLeastCost = 1024;
// Of a flush: more than there is room for at a program's end, unless it has
// made more.
constexpr size_t kMostFlushCost = 8 * DatagramRelay::kTurnBytes;

bool IsFull(int error) { return error == EAGAIN || error == EWOULDBLOCK; }

}  // namespace

struct DatagramRelay::Outgoing {
  int count = 0;
  mmsghdr messages[DatagramBatch::kSlots];
  iovec payloads[DatagramBatch::kSlots];
  DatagramMessage datagrams[DatagramBatch::kSlots];
  // As they came.
  iovec whole[DatagramBatch::kSlots];

  // What was last read into datagrams[count] is one more.
  void Add(char* message, size_t bytes) {
    DatagramMessage& datagram = datagrams[count];
    whole[count] = {message, bytes};
    payloads[count] = {datagram.payload, datagram.payload_bytes};
    msghdr& header = messages[count].msg_hdr;
    header = {};
    if (!datagram.to.empty()) {
      header.msg_name = datagram.to.Buffer();
      header.msg_namelen = datagram.to.size();
    }
    header.msg_iov = &payloads[count];
    header.msg_iovlen = 1;
    if (datagram.control_bytes > 0) {
      header.msg_control = datagram.control;
      header.msg_controllen = datagram.control_bytes;
    }
    ++count;
  }

  // The end of those from `first` on that are sent alike. Of an error that came
  // while some are sent the kernel doesn't say which; of one destination any of
  // the others has it, too.
  int RunOf(int first) const {
    int end = first + 1;
    while (end < count && datagrams[end].flags == datagrams[first].flags &&
           HaveOneDestination(datagrams[end].to, datagrams[first].to)) {
      ++end;
    }
    return end;
  }

  static bool HaveOneDestination(const NetAddress& a, const NetAddress& b) {
    return a.family() == b.family() &&
           (a.empty() || memcmp(a.get(), b.get(), a.size()) == 0);
  }
};

void DatagramRelay::Run(uint32_t real_events, uint32_t end_events,
                        const Allowance& allowance) {
  allowance_ = allowance;
  if ((end_events & ~uint32_t{EPOLLOUT}) != 0) end_ready_ = true;
  if ((end_events & EPOLLHUP) != 0) closed_ = true;
  if ((real_events & ~uint32_t{EPOLLOUT}) != 0) real_ready_ = true;
  if (allowance.down) MoveDown(SIZE_MAX, allowance.turn_bytes);
  if (closed_) {
    // Nobody is there to read it.
    real_ready_ = false;
    error_ = 0;
    up_.Clear();
  } else if (allowance.up) {
    MoveUp(allowance.turn_bytes);
  }
}

void DatagramRelay::Drop(const char* cause, int error) {
  ++counts_.dropped;
  counts_.drop_cause = cause;
  counts_.drop_error = error;
}

DatagramRelay::Counts DatagramRelay::TakeCounts() {
  return std::exchange(counts_, Counts());
}

// ------------------------------------------------------ to the real socket

void DatagramRelay::MoveDown(size_t most_bytes, size_t most_cost) {
  real_full_ = false;
  SendDownBacklog();
  Taken all;
  while (end_ready_ && !real_full_ && all.bytes < most_bytes &&
         all.cost < most_cost) {
    const bool one = one_by_one_ > 0 || down_.IsScarce() || has_descriptors_;
    const Taken taken = one ? MoveOneDown() : MoveBatchDown();
    all.bytes += taken.bytes;
    all.cost += taken.cost;
  }
}

void DatagramRelay::NoteFull() {
  real_full_ = true;
  one_by_one_ = DatagramBatch::kSlots;
}

size_t DatagramRelay::NoteDescriptors() {
  has_descriptors_ = true;
  return kMostFlushCost;
}

DatagramRelay::Taken DatagramRelay::MoveBatchDown() {
  DatagramBatch* const batch = DatagramBatch::OfThread();
  int count = batch->ReceiveMessages(end_);
  // The program's end was closed with datagrams unread. What it has sent comes
  // all the same.
  if (count < 0 && errno == ECONNRESET) return {};
  if (count < DatagramBatch::kSlots) end_ready_ = false;
  if (count <= 0) return {};
  // An end comes as messages without a byte, without end.
  if (batch->message_bytes(count - 1) == 0 && IsAtEnd()) {
    end_ready_ = false;
    while (count > 0 && batch->message_bytes(count - 1) == 0) --count;
  }
  Outgoing outgoing;
  Taken taken;
  for (int i = 0; i < count; ++i) {
    taken.bytes += batch->message_bytes(i);
    taken.cost += std::max(batch->message_bytes(i), kLeastCost);
    (void)Read(batch, i, &outgoing);
  }
  if (outgoing.count > 0) SendDown(&outgoing);
  if (batch->had_descriptors()) taken.cost = NoteDescriptors();
  return taken;
}

DatagramRelay::Taken DatagramRelay::MoveOneDown() {
  DatagramBatch* const batch = DatagramBatch::OfThread();
  const int count = batch->PeekMessage(end_);
  if (count < 0 && errno == ECONNRESET) return {};
  const size_t bytes = count == 1 ? batch->message_bytes(0) : 0;
  if (count <= 0 || (bytes == 0 && IsAtEnd())) {
    end_ready_ = false;
    return {};
  }
  Outgoing outgoing;
  if (Read(batch, 0, &outgoing)) {
    const int error =
        SendOne(outgoing.messages[0].msg_hdr, outgoing.datagrams[0].flags, 0);
    if (error != 0) {
      NoteFull();
      return {};
    }
  }
  batch->TakeMessage(end_);
  if (batch->had_descriptors()) return {bytes, NoteDescriptors()};
  if (one_by_one_ > 0) --one_by_one_;
  return {bytes, std::max(bytes, kLeastCost)};
}

bool DatagramRelay::IsAtEnd() const {
  pollfd end = {end_, POLLRDHUP, 0};
  return poll(&end, 1, 0) == 1 && (end.revents & (POLLRDHUP | POLLHUP)) != 0;
}

bool DatagramRelay::Read(DatagramBatch* batch, int slot, Outgoing* outgoing) {
  char* const message = batch->message(slot);
  const size_t bytes = batch->message_bytes(slot);
  const int error =
      batch->is_cut(slot)
          ? EMSGSIZE
          : ReadDatagram(message, bytes, &outgoing->datagrams[outgoing->count]);
  if (error == EPERM) {
    access_.Refuse(kPrivilegedControl, Action::kPrivilege, NetAddress(), error);
  }
  if (error != 0) {
    Drop("not what a relayed socket's message may be", error);
    return false;
  }
  const DatagramMessage& datagram = outgoing->datagrams[outgoing->count];
  if (!MaySend(datagram)) {
    // The program hears of it with its next call.
    error_ = EACCES;
    Drop("denied by policy", EACCES);
    return false;
  }
  outgoing->Add(message, bytes);
  return true;
}

bool DatagramRelay::MaySend(const DatagramMessage& datagram) const {
  if (!datagram.to.empty() && access_.Send(datagram.to) != 0) return false;
  return CheckSources(access_, {datagram.control, datagram.control_bytes},
                      [this] { return NetAddress::LocalOf(real_).port(); }) ==
         0;
}

void DatagramRelay::SendDown(Outgoing* outgoing) {
  int first = 0;
  while (first < outgoing->count) {
    mmsghdr* const messages = &outgoing->messages[first];
    const int flags = outgoing->datagrams[first].flags;
    int error = 0;
    const int run = outgoing->RunOf(first) - first;
    if (run > 1) {
      const int sent = sendmmsg(real_, messages, run, flags | kSendFlags);
      error = sent < 0 ? errno : 0;
      if (error == EINTR) continue;
      for (int i = 0; i < sent; ++i) {
        CountDown(messages[i].msg_hdr, messages[i].msg_len);
      }
      if (sent > 0) {
        first += sent;
        continue;
      }
    }
    if (!IsFull(error)) error = SendOne(messages->msg_hdr, flags, error);
    if (error == 0) {
      ++first;
      continue;
    }
    NoteFull();
    for (; first < outgoing->count; ++first) {
      if (!down_.Push(&outgoing->whole[first], 1)) Drop("no room", ENOBUFS);
    }
  }
}

void DatagramRelay::CountDown(const msghdr& message, uint64_t bytes) {
  ++counts_.sent;
  counts_.bytes_sent += bytes;
  if (message.msg_control == nullptr) return;
  counts_.more_segments += DatagramsOf(bytes, SegmentBytesOf(message)) - 1;
}

int DatagramRelay::SendOne(const msghdr& message, int flags, int error_before) {
  // The first error may be of those that were sent before, which is no reason
  // not to send this one.
  for (;;) {
    const ssize_t sent = sendmsg(real_, &message, flags | kSendFlags);
    const int error = sent < 0 ? errno : 0;
    if (error == EINTR) continue;
    if (error != 0 && !IsFull(error) && error_before == 0) {
      error_before = error;
      continue;
    }
    if (error_before != 0 && error_before != error) error_ = error_before;
    if (IsFull(error)) return error;
    if (error == 0) {
      CountDown(message, static_cast<uint64_t>(sent));
      return 0;
    }
    // Its own. Nobody waits for it any more; a program that sends to its only
    // peer hears of it all the same.
    if (message.msg_name == nullptr) error_ = error;
    Drop("the kernel's word", error);
    return 0;
  }
}

void DatagramRelay::SendDownBacklog() {
  while (!down_.empty()) {
    std::string& message = down_.front();
    Outgoing outgoing;
    // It could be read once.
    (void)ReadDatagram(&message[0], message.size(), &outgoing.datagrams[0]);
    outgoing.Add(&message[0], message.size());
    if (SendOne(outgoing.messages[0].msg_hdr, outgoing.datagrams[0].flags, 0) !=
        0) {
      return NoteFull();
    }
    down_.Pop();
  }
}

// ------------------------------------------------------ to the program's end

void DatagramRelay::MoveUp(size_t most_bytes) {
  size_t moved = 0;
  end_full_ = !SendUpBacklog();
  while (!end_full_) {
    end_full_ = !SendUpError();
    if (end_full_ || !real_ready_ || moved >= most_bytes) return;
    end_full_ = !MayTakeUp();
    if (end_full_) return;
    DatagramBatch* const batch = DatagramBatch::OfThread();
    const int count = batch->ReceiveDatagrams(real_);
    if (count < 0 && !IsFull(errno)) {
      error_ = errno;
      moved += kErrorCost;
      continue;
    }
    if (count < DatagramBatch::kSlots) real_ready_ = false;
    if (count <= 0) return;
    for (int i = 0; i < count; ++i) {
      moved += std::max(batch->payload_bytes(i), kLeastCost);
    }
    SendUp(batch, count);
    end_full_ = !up_.empty();
  }
}

bool DatagramRelay::MayTakeUp() const {
  if (!up_.IsScarce()) return true;
  // Of a hang-up, too.
  pollfd end = {end_, POLLOUT, 0};
  return poll(&end, 1, 0) != 0;
}

bool DatagramRelay::SendUpBacklog() {
  while (!up_.empty()) {
    const std::string& message = up_.front();
    if (send(end_, message.data(), message.size(), kSendFlags) < 0) {
      if (IsFull(errno)) return false;
      if (errno == EINTR) continue;
      // There is nobody any more.
    }
    up_.Pop();
  }
  return true;
}

bool DatagramRelay::SendUpError() {
  if (error_ == 0) return true;
  DatagramHeader header{};
  header.kind = wsp::relay::kError;
  header.flags = error_;
  while (send(end_, &header, sizeof(header), kSendFlags) < 0) {
    if (IsFull(errno)) return false;
    // Any other error: there is nobody any more.
    if (errno != EINTR) break;
  }
  error_ = 0;
  return true;
}

void DatagramRelay::SendUp(DatagramBatch* batch, int count) {
  mmsghdr messages[DatagramBatch::kSlots] = {};
  iovec pieces[DatagramBatch::kSlots][2];
  for (int i = 0; i < count; ++i) {
    batch->ComposeMessage(i, pieces[i]);
    messages[i].msg_hdr.msg_iov = pieces[i];
    messages[i].msg_hdr.msg_iovlen = 2;
  }
  int first = 0;
  while (first < count) {
    const int sent =
        sendmmsg(end_, &messages[first], count - first, kSendFlags);
    const int error = sent < 0 ? errno : 0;
    if (error == EINTR) continue;
    const bool full = sent < 0 && IsFull(error);
    uint64_t bytes = 0;
    const int end = full ? count : first + std::max(sent, 1);
    for (; first < end; ++first) {
      if (sent > 0 || (full && up_.Push(pieces[first], 2))) {
        bytes += batch->payload_bytes(first);
        ++counts_.received;
      } else {
        // Full, or there is nobody any more: as a kernel's socket does it.
        Drop("no room at the program's end", ENOBUFS);
        ++counts_.dropped_received;
      }
    }
    counts_.bytes_received += bytes;
  }
}

// --------------------------------------------------------------------- calls

void DatagramRelay::Flush() {
  // Calls don't speed up what is to wait.
  if (!allowance_.down) return;
  // Whether or not the loop has heard of them: what is there now, and not what
  // comes meanwhile.
  int bytes = 0;
  if (ioctl(end_, SIOCINQ, &bytes) != 0) bytes = 0;
  if (bytes > 0) end_ready_ = true;
  MoveDown(static_cast<size_t>(bytes), kMostFlushCost);
}

int DatagramRelay::Connect(const NetAddress& address) {
  Flush();
  const sockaddr none = {AF_UNSPEC, {}};
  const int result = address.empty()
                         ? connect(real_, &none, sizeof(none))
                         : connect(real_, address.get(), address.size());
  return result == 0 ? 0 : errno;
}

int DatagramRelay::Abort() {
  const int error = Connect(NetAddress());
  if (error != 0) return error;
  error_ = ECONNABORTED;
  if (!closed_) MoveUp(kTurnBytes);
  return 0;
}

int DatagramRelay::Shutdown(int how) {
  Flush();
  return shutdown(real_, how) == 0 ? 0 : errno;
}

int DatagramRelay::Send(const wsp::v1::LinuxSend& request, uint32_t* sent) {
  if ((request.flags() & ~kDatagramSendFlags) != 0) return EINVAL;
  if (request.data().size() > wsp::relay::kMaxDatagramBytes) return EMSGSIZE;
  if (request.control().size() > wsp::relay::kMaxControlBytes) return ENOBUFS;
  const int error =
      CheckControl(request.control().data(), request.control().size());
  if (error != 0) return error;
  NetAddress to;
  if (request.has_to() && !DecodeAddress(request.to(), &to)) return EINVAL;
  iovec payload = {const_cast<char*>(request.data().data()),
                   request.data().size()};
  msghdr message{};
  if (!to.empty()) {
    message.msg_name = to.Buffer();
    message.msg_namelen = to.size();
  }
  message.msg_iov = &payload;
  message.msg_iovlen = 1;
  if (!request.control().empty()) {
    message.msg_control = const_cast<char*>(request.control().data());
    message.msg_controllen = request.control().size();
  }
  Flush();
  // Not before the others.
  if (real_full_) return EAGAIN;
  for (;;) {
    const ssize_t result =
        sendmsg(real_, &message, request.flags() | kSendFlags);
    if (result < 0 && errno == EINTR) continue;
    if (result < 0) return errno;
    CountDown(message, static_cast<uint64_t>(result));
    *sent = static_cast<uint32_t>(result);
    return 0;
  }
}

int DatagramRelay::TakeError() {
  if (error_ != 0) return std::exchange(error_, 0);
  int error = 0;
  socklen_t size = sizeof(error);
  return getsockopt(real_, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error
                                                                     : errno;
}

int DatagramRelay::ReceiveError(
    const wsp::v1::LinuxReceiveError& request,
    wsp::v1::LinuxReceiveErrorResult* result) const {
  if (request.data_length() > kMostErrorBytes ||
      request.control_length() > kMostErrorBytes) {
    return EINVAL;
  }
  std::string data(request.data_length(), '\0');
  std::string control(request.control_length(), '\0');
  NetAddress from;
  iovec payload = {&data[0], data.size()};
  msghdr message{};
  message.msg_name = from.Buffer();
  message.msg_namelen = NetAddress::kMostBytes;
  message.msg_iov = &payload;
  message.msg_iovlen = 1;
  message.msg_control = &control[0];
  message.msg_controllen = control.size();
  ssize_t received;
  do {
    received = recvmsg(real_, &message, MSG_ERRQUEUE | MSG_DONTWAIT);
  } while (received < 0 && errno == EINTR);
  if (received < 0) return errno;
  data.resize(received);
  control.resize(message.msg_controllen);
  if (message.msg_namelen > 0 && !from.empty()) {
    EncodeAddress(from, result->mutable_from());
  }
  result->set_data(std::move(data));
  result->set_control(std::move(control));
  result->set_flags(message.msg_flags);
  return 0;
}

}  // namespace wspd
