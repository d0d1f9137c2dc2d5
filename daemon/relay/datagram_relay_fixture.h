#ifndef WSPD_DAEMON_RELAY_DATAGRAM_RELAY_FIXTURE_H_
#define WSPD_DAEMON_RELAY_DATAGRAM_RELAY_FIXTURE_H_

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "daemon/base/owned_fd.h"
#include "daemon/event/event_loop.h"
#include "daemon/relay/datagram_relay.h"
#include "daemon/relay/relay_address.h"
#include "gtest/gtest.h"
#include "proto/relay_wire.h"

namespace wspd {

// On the loopback interface; nobody has it.
inline NetAddress ClosedPort() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const OwnedFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(
      bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)),
      0);
  return NetAddress::LocalOf(fd.get());
}

inline constexpr absl::Duration kRelayDeadline = absl::Seconds(30);

// Has a loop run a DatagramRelay, and counts what it moves. Thread-safe.
class DatagramDriver : public std::enable_shared_from_this<DatagramDriver> {
 public:
  DatagramDriver(EventLoop* loop, OwnedFd real, OwnedFd end,
                 std::atomic<size_t>* user_bytes)
      : loop_(loop),
        real_(std::move(real)),
        end_(std::move(end)),
        relay_(real_.get(), end_.get(), user_bytes) {}

  void Start() {
    absl::MutexLock lock(&mu_);
    real_watch_ = *loop_->Watch(real_.get(), EPOLLIN | EPOLLET,
                                std::make_shared<End>(this, true));
    end_watch_ = *loop_->Watch(end_.get(), EPOLLIN | EPOLLRDHUP | EPOLLET,
                               std::make_shared<End>(this, false));
  }
  // Nothing of it runs afterwards.
  void Stop() {
    {
      absl::MutexLock lock(&mu_);
      stopped_ = true;
      loop_->Unwatch(real_watch_, real_.get());
      loop_->Unwatch(end_watch_, end_.get());
    }
    Synchronize();
  }
  // What the loop had begun is through.
  void Synchronize() {
    const auto done = std::make_shared<absl::Notification>();
    loop_->Post([done] { done->Notify(); });
    ASSERT_TRUE(done->WaitForNotificationWithTimeout(kRelayDeadline));
  }

  int Connect(const NetAddress& address) {
    absl::MutexLock lock(&mu_);
    const int error = relay_.Connect(address);
    Update();
    return error;
  }
  int Shutdown(int how) {
    absl::MutexLock lock(&mu_);
    const int error = relay_.Shutdown(how);
    Update();
    return error;
  }
  int Send(const wsp::v1::LinuxSend& request, uint32_t* sent) {
    absl::MutexLock lock(&mu_);
    const int error = relay_.Send(request, sent);
    Update();
    return error;
  }
  int TakeError() {
    absl::MutexLock lock(&mu_);
    return relay_.TakeError();
  }
  int ReceiveError(const wsp::v1::LinuxReceiveError& request,
                   wsp::v1::LinuxReceiveErrorResult* result) {
    absl::MutexLock lock(&mu_);
    return relay_.ReceiveError(request, result);
  }

  DatagramRelay::Counts counts() {
    absl::MutexLock lock(&mu_);
    return counts_;
  }
  int real() const { return real_.get(); }
  bool AwaitEnd() {
    return ended_.WaitForNotificationWithTimeout(kRelayDeadline);
  }
  bool ended() const { return ended_.HasBeenNotified(); }

 private:
  struct End : EventHandler {
    End(DatagramDriver* of, bool is_real) : driver(of), real(is_real) {}
    void OnEvents(uint32_t events) override {
      driver->Run(real ? events : 0, real ? 0 : events);
    }
    DatagramDriver* const driver;
    const bool real;
  };

  void Run(uint32_t real_events, uint32_t end_events) {
    absl::MutexLock lock(&mu_);
    // What the loop had begun may find the watches gone.
    if (stopped_ || ended_.HasBeenNotified()) return;
    relay_.Run(real_events, end_events);
    Update();
    if (relay_.ended()) ended_.Notify();
  }

  void Update() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const DatagramRelay::Counts counts = relay_.TakeCounts();
    counts_.bytes_sent += counts.bytes_sent;
    counts_.bytes_received += counts.bytes_received;
    counts_.dropped += counts.dropped;
    if (relay_.has_more()) {
      loop_->Post([self = shared_from_this()] { self->Run(0, 0); });
    }
    const bool real = relay_.awaits_real();
    if (real != std::exchange(awaits_real_, real)) {
      EXPECT_TRUE(loop_
                      ->Rearm(real_watch_, real_.get(),
                              EPOLLIN | EPOLLET | (real ? EPOLLOUT : 0u))
                      .ok());
    }
    const bool end = relay_.awaits_end();
    if (end != std::exchange(awaits_end_, end)) {
      EXPECT_TRUE(
          loop_
              ->Rearm(end_watch_, end_.get(),
                      EPOLLIN | EPOLLRDHUP | EPOLLET | (end ? EPOLLOUT : 0u))
              .ok());
    }
  }

  EventLoop* const loop_;
  const OwnedFd real_;
  const OwnedFd end_;
  absl::Notification ended_;
  absl::Mutex mu_;
  DatagramRelay relay_ ABSL_GUARDED_BY(mu_);
  DatagramRelay::Counts counts_ ABSL_GUARDED_BY(mu_);
  EventLoop::WatchId real_watch_ ABSL_GUARDED_BY(mu_) = 0;
  EventLoop::WatchId end_watch_ ABSL_GUARDED_BY(mu_) = 0;
  bool awaits_real_ ABSL_GUARDED_BY(mu_) = false;
  bool awaits_end_ ABSL_GUARDED_BY(mu_) = false;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

// What a program has received at its end.
struct RelayedMessage {
  wsp::relay::DatagramHeader header{};
  NetAddress from;
  std::string control;
  std::string payload;
  bool valid = false;

  // The value of a control message; `*found` says whether there is one.
  template <typename Value>
  Value Item(int level, int type, bool* found) const {
    Value value{};
    *found = false;
    msghdr message{};
    message.msg_control = const_cast<char*>(control.data());
    message.msg_controllen = control.size();
    for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr;
         item = CMSG_NXTHDR(&message, item)) {
      if (item->cmsg_level != level || item->cmsg_type != type) continue;
      memcpy(&value, CMSG_DATA(item),
             std::min(sizeof(value), item->cmsg_len - CMSG_LEN(0)));
      *found = true;
    }
    return value;
  }
};

// A UDP socket of this test's, or anything else with a real one, with a relay
// between it and a program's end.
class DatagramRelayTest : public testing::Test {
 protected:
  static OwnedFd Udp(int family = AF_INET, int protocol = 0) {
    OwnedFd fd(socket(family, SOCK_DGRAM | SOCK_CLOEXEC, protocol));
    EXPECT_TRUE(fd.valid()) << strerror(errno);
    return fd;
  }

  static NetAddress Loopback(int family, uint16_t port = 0) {
    if (family == AF_INET) {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(port);
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      return NetAddress(address);
    }
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    address.sin6_addr = in6addr_loopback;
    return NetAddress(address);
  }

  static NetAddress BindToLoopback(int fd, int family) {
    const NetAddress any = Loopback(family);
    EXPECT_EQ(bind(fd, any.get(), any.size()), 0) << strerror(errno);
    return NetAddress::LocalOf(fd);
  }

  // The real one and its peer, both bound; the relay runs.
  void Start(int family = AF_INET) {
    OwnedFd real = Udp(family);
    local_ = BindToLoopback(real.get(), family);
    peer_ = Udp(family);
    peer_address_ = BindToLoopback(peer_.get(), family);
    Limit(peer_.get());
    StartWith(std::move(real));
  }

  void StartWith(OwnedFd real) {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    program_.Reset(ends[0]);
    Limit(program_.get());
    driver_ = std::make_shared<DatagramDriver>(loop_.get(), std::move(real),
                                               OwnedFd(ends[1]), &user_bytes_);
    driver_->Start();
  }

  // With a real one that soon is full, as long as its peer doesn't read.
  void StartFull() {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends), 0);
    OwnedFd real(ends[0]);
    peer_.Reset(ends[1]);
    Limit(peer_.get());
    const int least = 1;
    ASSERT_EQ(
        setsockopt(real.get(), SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)),
        0);
    StartWith(std::move(real));
  }

  // The loop does nothing until it is told to go on.
  std::shared_ptr<absl::Notification> HoldLoop() {
    auto go = std::make_shared<absl::Notification>();
    loop_->Post([go] { go->WaitForNotification(); });
    return go;
  }

  // Nothing waits without end.
  static void Limit(int fd) {
    const timeval limit = absl::ToTimeval(kRelayDeadline);
    EXPECT_EQ(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)),
              0);
  }

  ~DatagramRelayTest() override {
    if (driver_ != nullptr) driver_->Stop();
  }

  // By the program's end.
  bool Write(const std::string& message) {
    return send(program_.get(), message.data(), message.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(message.size());
  }
  static std::string Message(const NetAddress& to, const std::string& payload,
                             const std::string& control = "", int flags = 0) {
    wsp::relay::DatagramHeader header{};
    header.address = ToRelayAddress(to);
    header.control_bytes = static_cast<uint16_t>(control.size());
    header.flags = flags;
    return std::string(reinterpret_cast<const char*>(&header), sizeof(header)) +
           control + payload;
  }
  bool SendTo(const NetAddress& to, const std::string& payload,
              const std::string& control = "", int flags = 0) {
    return Write(Message(to, payload, control, flags));
  }

  // From the program's end; waits.
  RelayedMessage Read(int flags = 0) {
    std::string buffer(kMostMessageBytes + 1, '\0');
    const ssize_t size = recv(program_.get(), &buffer[0], buffer.size(), flags);
    RelayedMessage message;
    if (size < static_cast<ssize_t>(sizeof(message.header))) return message;
    buffer.resize(size);
    memcpy(&message.header, buffer.data(), sizeof(message.header));
    const size_t payload =
        sizeof(message.header) + message.header.control_bytes;
    if (payload > buffer.size()) return message;
    message.control =
        buffer.substr(sizeof(message.header), message.header.control_bytes);
    message.payload = buffer.substr(payload);
    message.valid = FromRelayAddress(message.header.address, &message.from);
    return message;
  }
  std::string ReadPayload() { return Read().payload; }

  // Of the peer.
  std::string Receive(NetAddress* from = nullptr) {
    NetAddress address;
    socklen_t size = NetAddress::kMostBytes;
    std::string buffer(1 << 16, '\0');
    const ssize_t received = recvfrom(peer_.get(), &buffer[0], buffer.size(), 0,
                                      address.Buffer(), &size);
    if (received < 0) return std::string("error: ") + strerror(errno);
    if (from != nullptr) *from = address;
    buffer.resize(received);
    return buffer;
  }
  void Answer(const std::string& payload) {
    EXPECT_EQ(sendto(peer_.get(), payload.data(), payload.size(), 0,
                     local_.get(), local_.size()),
              static_cast<ssize_t>(payload.size()))
        << strerror(errno);
  }

  // What was sent has gone through the relay.
  uint64_t AwaitDropped(uint64_t count) {
    const absl::Time end = absl::Now() + kRelayDeadline;
    while (driver_->counts().dropped < count && absl::Now() < end) {
      driver_->Synchronize();
    }
    return driver_->counts().dropped;
  }

  template <typename Value>
  static std::string ControlItem(int level, int type, const Value& value) {
    std::string item(CMSG_SPACE(sizeof(value)), '\0');
    cmsghdr header{};
    header.cmsg_level = level;
    header.cmsg_type = type;
    header.cmsg_len = CMSG_LEN(sizeof(value));
    memcpy(&item[0], &header, sizeof(header));
    memcpy(&item[CMSG_LEN(0)], &value, sizeof(value));
    return item;
  }

  void SetReal(int level, int name, int value) {
    ASSERT_EQ(setsockopt(driver_->real(), level, name, &value, sizeof(value)),
              0)
        << level << " " << name << ": " << strerror(errno);
  }

  const std::unique_ptr<EventLoop> loop_ = *EventLoop::Create("relay");
  // What the driver's backlogs have, and others of its user's.
  std::atomic<size_t> user_bytes_{0};
  std::shared_ptr<DatagramDriver> driver_;
  OwnedFd program_;
  OwnedFd peer_;
  NetAddress local_;
  NetAddress peer_address_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_DATAGRAM_RELAY_FIXTURE_H_
