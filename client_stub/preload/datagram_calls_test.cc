#include "client_stub/preload/datagram_calls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <atomic>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "client_stub/preload/datagram_requests.h"
#include "client_stub/preload/datagram_routes.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "proto/relay_wire.h"

namespace wsp {
namespace {

using ::testing::ElementsAre;

// The daemon: what it is asked, and what it answers.
struct Daemon {
  long send_result = 0;  // 0: as many as came
  std::vector<std::string> sent;
  long queued_error = -EAGAIN;
  int shutdown_result = 0;
  std::vector<int> shut;
  int lives = 0;
  int connect_result = 0;
  relay::Address peer = {};
};
Daemon* g_daemon;

}  // namespace

long AskToSendDatagram(int, const relay::Name&,
                       const OutgoingDatagram& datagram) {
  if (g_daemon->send_result != 0) return g_daemon->send_result;
  std::string data;
  for (size_t i = 0; i < datagram.part_count; ++i) {
    data.append(static_cast<const char*>(datagram.parts[i].iov_base),
                datagram.parts[i].iov_len);
  }
  g_daemon->sent.push_back(data);
  return static_cast<long>(datagram.bytes);
}
long AskForQueuedError(int, const relay::Name&, msghdr*) {
  return g_daemon->queued_error;
}
int AskToConnectDatagrams(int, const relay::Name&, const relay::Address& peer) {
  g_daemon->peer = peer;
  return g_daemon->connect_result;
}
int AskToShutDownDatagrams(int, const relay::Name&, int how) {
  g_daemon->shut.push_back(how);
  return g_daemon->shutdown_result;
}
int AskForDatagramSocket(int, const relay::Name&) { return g_daemon->lives; }

namespace {

struct Message {
  relay::DatagramHeader header = {};
  std::string control;
  std::string data;
};

// A program's end, and the daemon's in the hands of the test.
class DatagramCallsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    g_daemon = &daemon_;
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    end_ = ends[0];
    theirs_ = ends[1];
    static uint64_t numbers = 0;
    name_.number = ++numbers;
    name_.kind = relay::Kind::kDatagram;
    name_.protocol = IPPROTO_UDP;
    peer_.sin_family = AF_INET;
    peer_.sin_port = htons(7);
    peer_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  }
  void TearDown() override {
    close(end_);
    if (theirs_ >= 0) close(theirs_);
  }

  const sockaddr* peer() const {
    return reinterpret_cast<const sockaddr*>(&peer_);
  }
  long SendTo(const std::string& data, int flags = 0) {
    return DatagramSendTo(end_, name_, data.data(), data.size(), flags, peer(),
                          sizeof peer_);
  }
  long Send(const std::string& data, int flags = 0) {
    return DatagramSendTo(end_, name_, data.data(), data.size(), flags, nullptr,
                          0);
  }

  // What is next on the daemon's end.
  std::optional<Message> Next() const {
    std::string buffer(100'000, '\0');
    const ssize_t size =
        recv(theirs_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    Message message;
    if (size < static_cast<ssize_t>(sizeof message.header)) return {};
    memcpy(&message.header, buffer.data(), sizeof message.header);
    const size_t control = message.header.control_bytes;
    message.control = buffer.substr(sizeof message.header, control);
    message.data = buffer.substr(
        sizeof message.header + control,
        static_cast<size_t>(size) - sizeof message.header - control);
    return message;
  }

  // The daemon brings a datagram of the peer's, or an error.
  void Bring(const std::string& data, const std::string& control = "") const {
    relay::DatagramHeader header = {};
    header.control_bytes = static_cast<uint16_t>(control.size());
    header.address.family = relay::kIpv4;
    header.address.port = peer_.sin_port;
    memcpy(header.address.bytes, &peer_.sin_addr, 4);
    BringMessage(std::string(reinterpret_cast<char*>(&header), sizeof header) +
                 control + data);
  }
  void BringError(int error) const {
    relay::DatagramHeader header = {};
    header.kind = relay::kError;
    header.flags = error;
    BringMessage(std::string(reinterpret_cast<char*>(&header), sizeof header));
  }
  void BringMessage(const std::string& bytes) const {
    ASSERT_EQ(send(theirs_, bytes.data(), bytes.size(), MSG_DONTWAIT),
              static_cast<ssize_t>(bytes.size()));
  }
  static std::string Ttl(int value) {
    alignas(cmsghdr) char block[CMSG_SPACE(sizeof value)] = {};
    cmsghdr item = {CMSG_LEN(sizeof value), IPPROTO_IP, IP_TTL};
    memcpy(block, &item, sizeof item);
    memcpy(block + CMSG_LEN(0), &value, sizeof value);
    return std::string(block, sizeof block);
  }

  // Receives into so much room; what came, or the error as its number.
  std::string Receive(size_t room = 100, int flags = 0) const {
    std::string buffer(room, '\0');
    const long size = DatagramReceiveFrom(end_, name_, buffer.data(), room,
                                          flags, nullptr, nullptr);
    if (size < 0) return "error " + std::to_string(-size);
    return buffer.substr(0, static_cast<size_t>(size));
  }
  static std::string Error(int error) {
    return "error " + std::to_string(error);
  }

  Daemon daemon_;
  relay::Name name_;
  sockaddr_in peer_ = {};
  int end_ = -1;
  int theirs_ = -1;
};

TEST_F(DatagramCallsTest, FirstIsAskedForAndTheNextGoesByTheEnd) {
  EXPECT_EQ(SendTo("first"), 5);
  EXPECT_THAT(daemon_.sent, ElementsAre("first"));
  EXPECT_FALSE(Next());
  EXPECT_EQ(SendTo("second", MSG_DONTROUTE), 6);
  const auto message = Next();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->data, "second");
  EXPECT_EQ(message->header.kind, relay::kDatagram);
  EXPECT_EQ(message->header.flags, MSG_DONTROUTE);
  EXPECT_EQ(message->header.address.family, relay::kIpv4);
  EXPECT_EQ(message->header.address.port, peer_.sin_port);
  EXPECT_THAT(daemon_.sent, ElementsAre("first"));
}

TEST_F(DatagramCallsTest, WhatChangesIsAskedForAgain) {
  EXPECT_EQ(SendTo("1"), 1);
  EXPECT_EQ(SendTo("2"), 1);
  EXPECT_EQ(SendTo(std::string(3000, 'x')), 3000);
  EXPECT_EQ(SendTo(std::string(3000, 'x')), 3000);
  ForgetDatagramRoutes(name_.number);
  EXPECT_EQ(SendTo("3"), 1);
  EXPECT_THAT(daemon_.sent, ElementsAre("1", std::string(3000, 'x'), "3"));
}

TEST_F(DatagramCallsTest, ConnectingAsksForTheNextSendAgain) {
  EXPECT_EQ(DatagramConnect(end_, name_, peer(), sizeof peer_), 0);
  EXPECT_EQ(daemon_.peer.family, relay::kIpv4);
  EXPECT_EQ(daemon_.peer.port, peer_.sin_port);
  EXPECT_EQ(Send("1"), 1);
  EXPECT_EQ(Send("by the end"), 10);
  peer_.sin_family = AF_UNSPEC;
  daemon_.connect_result = -ENOBUFS;
  EXPECT_EQ(DatagramConnect(end_, name_, peer(), sizeof peer_), -ENOBUFS);
  EXPECT_EQ(daemon_.peer.family, relay::kNoAddress);
  daemon_.send_result = -EDESTADDRREQ;
  EXPECT_EQ(Send("2"), -EDESTADDRREQ);
  peer_.sin_family = AF_UNIX;
  EXPECT_EQ(DatagramConnect(end_, name_, peer(), sizeof peer_), -EAFNOSUPPORT);
  EXPECT_EQ(DatagramConnect(end_, name_, peer(), 1), -EINVAL);
}

TEST_F(DatagramCallsTest, ErrorsAreTheKernelsOwnAndNotRemembered) {
  daemon_.send_result = -EACCES;
  EXPECT_EQ(SendTo("x"), -EACCES);
  EXPECT_EQ(SendTo("x"), -EACCES);
  EXPECT_EQ(Send("x"), -EACCES);
  EXPECT_FALSE(Next());
}

TEST_F(DatagramCallsTest, GoesByTheEndWhereTheDaemonCannotSendOrBeAsked) {
  for (const int error : {EAGAIN, ENETDOWN}) {
    daemon_.send_result = -error;
    EXPECT_EQ(SendTo("x"), 1);
    const auto message = Next();
    ASSERT_TRUE(message);
    EXPECT_EQ(message->data, "x");
  }
}

TEST_F(DatagramCallsTest, ChecksAsTheKernelDoes) {
  EXPECT_EQ(SendTo("x", MSG_OOB), -EOPNOTSUPP);
  EXPECT_EQ(SendTo(std::string(65508, 'x')), -EMSGSIZE);
  EXPECT_EQ(DatagramSendTo(end_, name_, "x", 1, 0, peer(), 0), -EINVAL);
  EXPECT_EQ(DatagramSendTo(end_, name_, "x", 1, 0, peer(), 200), -EINVAL);
  peer_.sin_port = 0;
  EXPECT_EQ(SendTo("x"), -EINVAL);
  name_.protocol = IPPROTO_ICMP;  // has no ports
  EXPECT_EQ(SendTo("x"), 1);
  peer_.sin_family = AF_UNIX;
  EXPECT_EQ(SendTo("x"), -EAFNOSUPPORT);
  name_.family = AF_INET6;
  EXPECT_EQ(SendTo("x"), -EINVAL);
}

TEST_F(DatagramCallsTest, PartsAndControlBlockFollowTheHeader) {
  char one[] = "on", two[] = "e";
  iovec parts[] = {{one, 2}, {nullptr, 0}, {two, 1}};
  std::string ttl = Ttl(33);
  msghdr message = {};
  message.msg_iov = parts;
  message.msg_iovlen = 3;
  message.msg_control = ttl.data();
  message.msg_controllen = ttl.size();
  EXPECT_EQ(DatagramSend(end_, name_, message, 0), 3);
  EXPECT_EQ(DatagramSend(end_, name_, message, 0), 3);
  EXPECT_THAT(daemon_.sent, ElementsAre("one"));
  const auto came = Next();
  ASSERT_TRUE(came);
  EXPECT_EQ(came->control, ttl);
  EXPECT_EQ(came->data, "one");
  EXPECT_EQ(came->header.address.family, relay::kNoAddress);
  // Another control block is another route.
  ttl = Ttl(34);
  message.msg_control = ttl.data();
  EXPECT_EQ(DatagramSend(end_, name_, message, 0), 3);
  EXPECT_FALSE(Next());
}

TEST_F(DatagramCallsTest, ManyPartsAreOneDatagram) {
  std::string data(kMostDatagramParts, 'a');
  std::vector<iovec> parts;
  for (char& byte : data) parts.push_back({&byte, 1});
  ASSERT_EQ(DatagramWrite(end_, name_, parts.data(), 1), 1);  // asked for
  EXPECT_EQ(
      DatagramWrite(end_, name_, parts.data(), static_cast<int>(parts.size())),
      static_cast<long>(data.size()));
  const auto message = Next();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->data, data);
  Bring(std::string(data.size(), 'b'));
  EXPECT_EQ(
      DatagramRead(end_, name_, parts.data(), static_cast<int>(parts.size())),
      static_cast<long>(data.size()));
  EXPECT_EQ(data, std::string(data.size(), 'b'));
  parts.push_back({data.data(), 1});
  const int too_many = static_cast<int>(parts.size());
  EXPECT_EQ(DatagramWrite(end_, name_, parts.data(), too_many), -EMSGSIZE);
  EXPECT_EQ(DatagramRead(end_, name_, parts.data(), too_many), -EMSGSIZE);
  EXPECT_EQ(DatagramRead(end_, name_, parts.data(), -1), -EINVAL);
}

TEST_F(DatagramCallsTest, EmptyOnesAreDatagramsButNotToVectors) {
  iovec none = {nullptr, 0};
  EXPECT_EQ(Send(""), 0);
  EXPECT_EQ(Send(""), 0);
  EXPECT_TRUE(Next());
  EXPECT_EQ(DatagramWrite(end_, name_, &none, 1), 0);
  EXPECT_FALSE(Next());
  Bring("");
  Bring("next");
  EXPECT_EQ(DatagramRead(end_, name_, &none, 1), 0);
  EXPECT_EQ(Receive(), "");
  EXPECT_EQ(Receive(), "next");
}

TEST_F(DatagramCallsTest, WhatAPipeHoldsIsOneDatagram) {
  int ends[2];
  ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
  EXPECT_EQ(DatagramSplice(end_, name_, ends[0], 10, SPLICE_F_NONBLOCK),
            -EAGAIN);
  EXPECT_EQ(Send("asked for"), 9);
  ASSERT_EQ(write(ends[1], "abcdef", 6), 6);
  EXPECT_EQ(DatagramSplice(end_, name_, ends[0], 4, SPLICE_F_MORE), 4);
  EXPECT_EQ(DatagramSplice(end_, name_, ends[0], 4, 0), 2);
  auto message = Next();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->data, "abcd");
  EXPECT_EQ(message->header.flags, MSG_MORE);
  message = Next();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->data, "ef");
  close(ends[1]);
  EXPECT_EQ(DatagramSplice(end_, name_, ends[0], 4, 0), 0);
  close(ends[0]);
}

TEST_F(DatagramCallsTest, WhatAFileHoldsIsOneDatagram) {
  FILE* const file = tmpfile();
  ASSERT_NE(file, nullptr);
  const int number = fileno(file);
  ASSERT_EQ(write(number, "abcdef", 6), 6);
  off_t offset = 1;
  EXPECT_EQ(DatagramSendFile(end_, name_, number, &offset, 3), 3);
  EXPECT_EQ(offset, 4);
  ASSERT_EQ(lseek(number, 4, SEEK_SET), 4);
  EXPECT_EQ(DatagramSendFile(end_, name_, number, nullptr, 100), 2);
  EXPECT_EQ(DatagramSendFile(end_, name_, number, nullptr, 100), 0);
  EXPECT_THAT(daemon_.sent, ElementsAre("bcd"));
  const auto message = Next();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->data, "ef");
  EXPECT_EQ(lseek(number, 0, SEEK_CUR), 6);
  ASSERT_EQ(ftruncate(number, 70'000), 0);
  offset = 0;
  EXPECT_EQ(DatagramSendFile(end_, name_, number, &offset, 70'000), -EMSGSIZE);
  EXPECT_EQ(offset, 0);
  fclose(file);
}

TEST_F(DatagramCallsTest, TheAddressComesWithIt) {
  Bring("abc");
  char buffer[3];
  sockaddr_in from;
  socklen_t size = sizeof from;
  EXPECT_EQ(DatagramReceiveFrom(end_, name_, buffer, 3, 0,
                                reinterpret_cast<sockaddr*>(&from), &size),
            3);
  EXPECT_EQ(size, sizeof from);
  EXPECT_EQ(memcmp(&from, &peer_, sizeof from), 0);
}

TEST_F(DatagramCallsTest, TheRestIsLostAndItsLengthSaid) {
  for (const std::string& control : {std::string(), Ttl(1)}) {
    Bring("abcdef", control);
    Bring("next", control);
    EXPECT_EQ(Receive(3, MSG_PEEK), "abc");
    char buffer[3];
    iovec part = {buffer, 3};
    msghdr message = {};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    EXPECT_EQ(DatagramReceive(end_, name_, &message, MSG_PEEK | MSG_TRUNC), 6);
    EXPECT_EQ(DatagramReceive(end_, name_, &message, 0), 3);
    EXPECT_EQ(message.msg_flags & MSG_TRUNC, MSG_TRUNC);
    EXPECT_EQ(std::string(buffer, 3), "abc");
    EXPECT_EQ(DatagramReceive(end_, name_, &message, MSG_CMSG_CLOEXEC), 3);
    EXPECT_EQ(std::string(buffer, 3), "nex");
    EXPECT_EQ(Receive(3, MSG_DONTWAIT), Error(EAGAIN));
  }
}

// The control block comes before the payload, which is scattered.
TEST_F(DatagramCallsTest, TheControlBlockIsTakenOutOfThePayload) {
  for (const size_t first : {0u, 1u, 5u, 24u, 30u, 60u}) {
    const std::string data = "0123456789abcdefghijklmnopqrstuvwxyz";
    Bring(data, Ttl(42));
    std::string memory(first + 40, '\0');
    iovec parts[] = {{memory.data(), first}, {memory.data() + first, 40}};
    alignas(cmsghdr) char room[64];
    msghdr message = {};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    message.msg_control = room;
    message.msg_controllen = sizeof room;
    ASSERT_EQ(DatagramReceive(end_, name_, &message, 0),
              static_cast<long>(data.size()));
    EXPECT_EQ(memory.substr(0, data.size()), data);
    EXPECT_EQ(message.msg_flags, 0);
    ASSERT_EQ(message.msg_controllen, CMSG_SPACE(sizeof(int)));
    EXPECT_EQ(std::string(room, message.msg_controllen), Ttl(42));
  }
}

TEST_F(DatagramCallsTest, ErrorsComeInOrderAndOnce) {
  Bring("before");
  BringError(ECONNREFUSED);
  Bring("after");
  EXPECT_EQ(Receive(), "before");
  EXPECT_EQ(Receive(), Error(ECONNREFUSED));
  EXPECT_EQ(Receive(), "after");
  BringError(EHOSTUNREACH);
  EXPECT_EQ(Receive(1, MSG_PEEK), Error(EHOSTUNREACH));
  EXPECT_EQ(Receive(1, MSG_DONTWAIT), Error(EAGAIN));
  BringError(-5);  // what no kernel says
  EXPECT_EQ(Receive(), Error(EIO));
}

TEST_F(DatagramCallsTest, AnErrorOfTheQueueIsNotPendingAnyMore) {
  BringError(ECONNREFUSED);
  EXPECT_EQ(Receive(1, MSG_ERRQUEUE), Error(EAGAIN));
  daemon_.queued_error = 0;
  EXPECT_EQ(Receive(1, MSG_ERRQUEUE), "");
  EXPECT_EQ(Receive(1, MSG_DONTWAIT), Error(EAGAIN));
}

TEST_F(DatagramCallsTest, SendsOfTheConnectedTellTheErrorThatIsNext) {
  BringError(ECONNREFUSED);
  EXPECT_EQ(Send("x"), -ECONNREFUSED);
  EXPECT_EQ(Send("x"), 1);
  Bring("data");
  BringError(ECONNREFUSED);
  EXPECT_EQ(Send("x"), 1);
  EXPECT_EQ(Receive(), "data");
  EXPECT_EQ(TakeDatagramError(end_), ECONNREFUSED);
  EXPECT_EQ(TakeDatagramError(end_), 0);
}

TEST_F(DatagramCallsTest, WhatIsNoMessageIsAnError) {
  BringMessage("short");
  EXPECT_EQ(Receive(), Error(EPROTO));
  relay::DatagramHeader header = {};
  header.control_bytes = 1;
  BringMessage(std::string(reinterpret_cast<char*>(&header), sizeof header));
  EXPECT_EQ(Receive(), Error(EPROTO));
}

TEST_F(DatagramCallsTest, ReadableIsTheFirstPayload) {
  EXPECT_EQ(DatagramBytesReadable(end_), 0);
  BringError(ECONNREFUSED);
  EXPECT_EQ(DatagramBytesReadable(end_), 0);
  EXPECT_EQ(TakeDatagramError(end_), ECONNREFUSED);
  Bring("abc", Ttl(1));
  Bring("abcdef");
  EXPECT_EQ(DatagramBytesReadable(end_), 3);
  EXPECT_EQ(Receive(), "abc");
}

class BatchTest : public DatagramCallsTest {
 protected:
  BatchTest() {
    for (size_t i = 0; i < kCount; ++i) {
      parts_[i] = {buffers_[i], sizeof buffers_[i]};
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }
  std::string Got(size_t i) const {
    return std::string(buffers_[i], messages_[i].msg_len);
  }
  int ReceiveBatch(int flags, timespec* timeout = nullptr) {
    return DatagramReceiveBatch(end_, name_, messages_, kCount, flags, timeout);
  }

  static constexpr size_t kCount = 3;
  char buffers_[kCount][16] = {};
  iovec parts_[kCount];
  mmsghdr messages_[kCount] = {};
};

TEST_F(BatchTest, ReceivesAllThatAreWanted) {
  for (const char* data : {"one", "", "three", "four"}) Bring(data);
  EXPECT_EQ(ReceiveBatch(0), 3);
  EXPECT_EQ(Got(0), "one");
  EXPECT_EQ(Got(1), "");
  EXPECT_EQ(Got(2), "three");
  EXPECT_EQ(ReceiveBatch(MSG_WAITFORONE), 1);
  EXPECT_EQ(Got(0), "four");
  EXPECT_EQ(ReceiveBatch(MSG_DONTWAIT), -EAGAIN);
}

TEST_F(BatchTest, AnErrorBehindTheFirstIsTheNextCalls) {
  Bring("one");
  BringError(ECONNREFUSED);
  Bring("two");
  EXPECT_EQ(ReceiveBatch(MSG_DONTWAIT), 1);
  EXPECT_EQ(ReceiveBatch(MSG_DONTWAIT), -ECONNREFUSED);
  EXPECT_EQ(ReceiveBatch(MSG_DONTWAIT), 1);
  EXPECT_EQ(Got(0), "two");
}

TEST_F(BatchTest, TheTimeIsLookedAtAfterEach) {
  Bring("one");
  Bring("two");
  timespec limit = {0, 1};
  EXPECT_EQ(ReceiveBatch(0, &limit), 1);
  EXPECT_EQ(limit.tv_sec, 0);
  EXPECT_EQ(limit.tv_nsec, 0);
  Bring("three");
  Bring("four");
  limit = {100, 0};
  EXPECT_EQ(ReceiveBatch(0, &limit), 3);
  EXPECT_EQ(limit.tv_sec, 99);
  limit = {0, 1'000'000'000};
  EXPECT_EQ(ReceiveBatch(0, &limit), -EINVAL);
}

TEST_F(BatchTest, SendingStopsAtTheFirstError) {
  EXPECT_EQ(Send("asked for"), 9);
  for (size_t i = 0; i < kCount; ++i) parts_[i].iov_len = i + 1;
  relay::Name name = name_;
  EXPECT_EQ(DatagramSendBatch(end_, name, messages_, kCount, 0), 3);
  EXPECT_EQ(messages_[2].msg_len, 3u);
  for (size_t i = 0; i < kCount; ++i) {
    const auto message = Next();
    ASSERT_TRUE(message);
    EXPECT_EQ(message->data.size(), i + 1);
  }
  parts_[1].iov_len = 70'000;
  EXPECT_EQ(DatagramSendBatch(end_, name, messages_, kCount, 0), 1);
  EXPECT_EQ(DatagramSendBatch(end_, name, messages_ + 1, 2, 0), -EMSGSIZE);
}

TEST_F(DatagramCallsTest, ShutDownThatIsRefusedChangesNothing) {
  EXPECT_EQ(DatagramShutdown(end_, name_, 3), -EINVAL);
  daemon_.shutdown_result = -EACCES;
  EXPECT_EQ(DatagramShutdown(end_, name_, SHUT_RDWR), -EACCES);
  EXPECT_THAT(daemon_.shut, ElementsAre(SHUT_RDWR));
  Bring("still");
  EXPECT_EQ(Receive(), "still");
}

TEST_F(DatagramCallsTest, ShutDownForReading) {
  std::atomic<bool> ended{false};
  std::thread waits([&] {
    EXPECT_EQ(Receive(), "");
    ended = true;
  });
  // The kernel does it although it says this.
  daemon_.shutdown_result = -ENOTCONN;
  EXPECT_EQ(DatagramShutdown(end_, name_, SHUT_RD), -ENOTCONN);
  waits.join();
  EXPECT_TRUE(ended);
  EXPECT_THAT(daemon_.shut, ElementsAre(SHUT_RD));
  EXPECT_EQ(Receive(1, MSG_DONTWAIT), Error(EAGAIN));
  fcntl(end_, F_SETFL, O_NONBLOCK);
  EXPECT_EQ(Receive(1), Error(EAGAIN));
}

TEST_F(DatagramCallsTest, ShutDownForSending) {
  EXPECT_EQ(Send("x"), 1);
  EXPECT_EQ(DatagramShutdown(end_, name_, SHUT_WR), 0);
  EXPECT_EQ(Send("x"), -EPIPE);
  Bring("still");
  EXPECT_EQ(Receive(), "still");
  // Both ways look like the daemon's end to the kernel.
  EXPECT_EQ(DatagramShutdown(end_, name_, SHUT_RD), 0);
  EXPECT_EQ(Send("x"), -EPIPE);
  EXPECT_EQ(Receive(), "");
}

TEST_F(DatagramCallsTest, WithoutADaemonTheNetworkIsDown) {
  EXPECT_EQ(Send("x"), 1);
  EXPECT_EQ(Send("unread"), 6);
  Bring("last");
  close(theirs_);
  theirs_ = -1;
  daemon_.lives = -ENETDOWN;
  daemon_.send_result = -ENETDOWN;
  std::vector<std::string> results;
  for (int i = 0; i < 3; ++i) results.push_back(Receive());
  // The kernel tells first that the daemon has left something unread.
  EXPECT_THAT(results, ::testing::Contains("last"));
  EXPECT_EQ(results.back(), Error(ENETDOWN));
  EXPECT_EQ(Send("x"), -ENETDOWN);
  EXPECT_EQ(SendTo("x"), -ENETDOWN);
}

TEST_F(DatagramCallsTest, WaitingIsACancellationPoint) {
  pthread_t thread;
  ASSERT_EQ(
      pthread_create(
          &thread, nullptr,
          [](void* test) -> void* {
            static_cast<DatagramCallsTest_WaitingIsACancellationPoint_Test*>(
                test)
                ->Receive();
            return nullptr;
          },
          this),
      0);
  ASSERT_EQ(pthread_cancel(thread), 0);
  void* result;
  ASSERT_EQ(pthread_join(thread, &result), 0);
  EXPECT_EQ(result, PTHREAD_CANCELED);
  Bring("for another");
  EXPECT_EQ(Receive(), "for another");
}

}  // namespace
}  // namespace wsp
