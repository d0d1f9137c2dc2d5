// Datagrams: one call, one datagram, with addresses, cut where there's no room.
#include <sys/ioctl.h>
#include <sys/uio.h>

#include <cstring>
#include <vector>

#include "tests/preload/behaviour/child.h"
#include "tests/preload/behaviour/datagram_fixture.h"
#include "tests/testing/pattern.h"
#include "tests/testing/thread_group.h"

namespace wspd::preload {
namespace {

using testing::Pattern;
using testing::ThreadGroup;

INSTANTIATE_FOR_FAMILIES(DatagramTest);

TEST_P(DatagramTest, SendtoAndRecvfrom) {
  EXPECT_EQ(SendTo(ours(), "question", peer_address_), Gives(8));
  SocketAddress from;
  EXPECT_EQ(Next(peer(), &from), "question");
  EXPECT_EQ(from, our_address_);
  PeerSends("answer");
  EXPECT_EQ(Next(ours(), &from), "answer");
  EXPECT_EQ(from, peer_address_);
}

TEST_P(DatagramTest, AddressIsCutToItsRoom) {
  PeerSends("x");
  char byte;
  SocketAddress from;
  socklen_t room = 4;
  EXPECT_EQ(Call(recvfrom(ours(), &byte, 1, 0, from.buffer(), &room)),
            Gives(1));
  EXPECT_EQ(room, peer_address_.size());
}

TEST_P(DatagramTest, BoundariesAreKept) {
  for (const char* data : {"one", "three", "", "four"}) {
    EXPECT_EQ(SendTo(ours(), data, peer_address_), Gives(strlen(data)));
    EXPECT_EQ(SendTo(peer(), data, our_address_), Gives(strlen(data)));
  }
  for (const char* data : {"one", "three", "", "four"}) {
    EXPECT_EQ(Next(peer()), data);
    EXPECT_EQ(Next(ours()), data);
  }
}

TEST_P(DatagramTest, RestOfADatagramIsLost) {
  PeerSends("abcdef");
  PeerSends("next");
  char buffer[3];
  EXPECT_EQ(Call(recv(ours(), buffer, 3, 0)), Gives(3));
  EXPECT_EQ(std::string(buffer, 3), "abc");
  EXPECT_EQ(Next(ours()), "next");
}

TEST_P(DatagramTest, RestIsLostByReadToo) {
  PeerSends("abcdef");
  PeerSends("next");
  char buffer[16];
  EXPECT_EQ(Call(read(ours(), buffer, 3)), Gives(3));
  EXPECT_EQ(Call(read(ours(), buffer, sizeof(buffer))), Gives(4));
  EXPECT_EQ(std::string(buffer, 4), "next");
}

TEST_P(DatagramTest, TruncSaysTheWholeLength) {
  PeerSends("abcdef");
  char buffer[3];
  EXPECT_EQ(Call(recv(ours(), buffer, 3, MSG_TRUNC | MSG_PEEK)), Gives(6));
  EXPECT_EQ(Call(recv(ours(), buffer, 3, MSG_TRUNC)), Gives(6));
  EXPECT_EQ(std::string(buffer, 3), "abc");
}

TEST_P(DatagramTest, RecvmsgSaysThatItIsCut) {
  PeerSends("abcdef");
  PeerSends("abc");
  char buffer[4];
  iovec part = {buffer, 4};
  msghdr message = {};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  EXPECT_EQ(Call(recvmsg(ours(), &message, 0)), Gives(4));
  EXPECT_EQ(message.msg_flags, MSG_TRUNC);
  EXPECT_EQ(Call(recvmsg(ours(), &message, 0)), Gives(3));
  EXPECT_EQ(message.msg_flags, 0);
}

TEST_P(DatagramTest, PeekLeavesTheDatagram) {
  PeerSends("abc");
  char buffer[16];
  SocketAddress from;
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(Call(recvfrom(ours(), buffer, sizeof(buffer), MSG_PEEK,
                            from.buffer(), from.room())),
              Gives(3));
    EXPECT_EQ(from, peer_address_);
  }
  EXPECT_EQ(Next(ours()), "abc");
  EXPECT_EQ(Call(recv(ours(), buffer, sizeof(buffer), MSG_DONTWAIT)),
            Fails(EAGAIN));
}

TEST_P(DatagramTest, EmptyOneIsADatagram) {
  EXPECT_EQ(SendTo(ours(), "", peer_address_), Gives(0));
  SocketAddress from;
  EXPECT_EQ(Next(peer(), &from), "");
  EXPECT_EQ(from, our_address_);
  EXPECT_EQ(SendTo(peer(), "", our_address_), Gives(0));
  EXPECT_EQ(WaitFor(ours(), POLLIN), POLLIN);
  char byte;
  EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Gives(0));
  EXPECT_EQ(Readiness(ours(), POLLIN), 0);
}

// write() of nothing sends an empty datagram, unlike on a stream.

// A receive into no room takes the datagram.

TEST_P(DatagramTest, ReceiveIntoNothing) {
  PeerSends("abc");
  PeerSends("next");
  EXPECT_EQ(Call(recv(ours(), nullptr, 0, 0)), Gives(0));
  EXPECT_EQ(Next(ours()), "next");
}

TEST_P(DatagramTest, LargestOne) {
  const std::string data = Pattern(0, family() == AF_INET ? 65507 : 65527);
  EXPECT_EQ(SendTo(ours(), data, peer_address_), Gives(data.size()));
  EXPECT_EQ(Next(peer()), data);
  EXPECT_EQ(SendTo(peer(), data, our_address_), Gives(data.size()));
  EXPECT_EQ(Next(ours()), data);
}

TEST_P(DatagramTest, LargerOne) {
  const std::string data(family() == AF_INET ? 65508 : 65528, 'x');
  EXPECT_EQ(SendTo(ours(), data, peer_address_), Fails(EMSGSIZE));
  EXPECT_EQ(SendTo(ours(), "x", peer_address_), Gives(1));
  EXPECT_EQ(Next(peer()), "x");
}

TEST_P(DatagramTest, ToNobody) {
  char byte = 0;
  EXPECT_EQ(Call(send(ours(), &byte, 1, 0)), Fails(EDESTADDRREQ));
  EXPECT_EQ(Call(write(ours(), &byte, 1)), Fails(EDESTADDRREQ));
}

TEST_P(DatagramTest, ToPortZero) {
  EXPECT_EQ(SendTo(ours(), "x", SocketAddress::Loopback(family())),
            Fails(EINVAL));
}

TEST_P(DatagramTest, ToTheOtherFamily) {
  SocketAddress address = SocketAddress::Loopback(AF_INET6, 1);
  address.buffer()->sa_family = AF_UNIX;
  EXPECT_EQ(SendTo(ours(), "x", address),
            family() == AF_INET ? Fails(EAFNOSUPPORT) : Fails(EINVAL));
}

TEST_P(DatagramTest, FirstSendBinds) {
  const OwnedFd made = OurSocket(family(), SOCK_DGRAM);
  EXPECT_EQ(SendTo(made.get(), "x", peer_address_), Gives(1));
  SocketAddress from;
  Next(peer(), &from);
  const SocketAddress local = SocketAddress::LocalOf(made.get());
  EXPECT_NE(local.port(), 0);
  EXPECT_EQ(local, SocketAddress::Wildcard(family(), local.port()));
  EXPECT_EQ(from, SocketAddress::Loopback(family(), local.port()));
}

// Connecting an unbound socket chooses its address.

// "Port unreachable" is an error of the connected socket, told once.

// Our closed port refuses the peer.

TEST_P(DatagramTest, SendmsgWithAnAddress) {
  char one[] = "on", two[] = "e";
  iovec parts[] = {{one, 2}, {two, 1}};
  msghdr message = {};
  message.msg_name = peer_address_.buffer();
  message.msg_namelen = peer_address_.size();
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  EXPECT_EQ(Call(sendmsg(ours(), &message, 0)), Gives(3));
  EXPECT_EQ(Next(peer()), "one");
}

TEST_P(DatagramTest, RecvmsgWithAnAddress) {
  PeerSends("abcdef");
  char first[2], second[8];
  iovec parts[] = {{first, 2}, {second, 8}};
  SocketAddress from;
  msghdr message = {};
  message.msg_name = from.buffer();
  message.msg_namelen = *from.room();
  message.msg_iov = parts;
  message.msg_iovlen = 2;
  EXPECT_EQ(Call(recvmsg(ours(), &message, 0)), Gives(6));
  EXPECT_EQ(message.msg_namelen, peer_address_.size());
  EXPECT_EQ(from.port(), peer_address_.port());
  EXPECT_EQ(std::string(first, 2) + std::string(second, 4), "abcdef");
}

TEST_P(DatagramTest, ReadvScatters) {
  PeerSends("abcdef");
  char first[2], second[2];
  const iovec parts[] = {{first, 2}, {second, 2}};
  EXPECT_EQ(Call(readv(ours(), parts, 2)), Gives(4));
  EXPECT_EQ(std::string(first, 2) + std::string(second, 2), "abcd");
}

// Several datagrams by one call, each with its address.

class Batch {
 public:
  explicit Batch(size_t count)
      : messages_(count), parts_(count), buffers_(count), names_(count) {
    for (size_t i = 0; i < count; ++i) {
      parts_[i] = {buffers_[i].text, sizeof(buffers_[i].text)};
      messages_[i].msg_hdr.msg_iov = &parts_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
      messages_[i].msg_hdr.msg_name = names_[i].buffer();
      messages_[i].msg_hdr.msg_namelen = *names_[i].room();
    }
  }
  void Put(size_t i, const std::string& data, const SocketAddress& to) {
    data.copy(buffers_[i].text, data.size());
    parts_[i].iov_len = data.size();
    names_[i] = to;
    messages_[i].msg_hdr.msg_namelen = to.size();
  }
  std::string Get(size_t i) const {
    return std::string(buffers_[i].text, messages_[i].msg_len);
  }
  uint16_t PortOf(size_t i) const { return names_[i].port(); }
  mmsghdr* data() { return messages_.data(); }

 private:
  struct Buffer {
    char text[32];
  };
  std::vector<mmsghdr> messages_;
  std::vector<iovec> parts_;
  std::vector<Buffer> buffers_;
  std::vector<SocketAddress> names_;
};

TEST_P(DatagramTest, Sendmmsg) {
  const OwnedFd other = PeerDatagramSocket(family());
  Batch batch(3);
  batch.Put(0, "one", peer_address_);
  batch.Put(1, "three", SocketAddress::LocalOf(other.get()));
  batch.Put(2, "four", peer_address_);
  EXPECT_EQ(Call(sendmmsg(ours(), batch.data(), 3, 0)), Gives(3));
  EXPECT_EQ(batch.data()[1].msg_len, 5u);
  EXPECT_EQ(Next(peer()), "one");
  EXPECT_EQ(Next(peer()), "four");
  EXPECT_EQ(Next(other.get()), "three");
}

// An error after the first is kept to itself.

TEST_P(DatagramTest, SendmmsgStopsAtAnError) {
  Batch batch(3);
  batch.Put(0, "one", peer_address_);
  batch.Put(1, "two", SocketAddress::Loopback(family()));  // port 0
  batch.Put(2, "three", peer_address_);
  EXPECT_EQ(Call(sendmmsg(ours(), batch.data(), 3, 0)), Gives(1));
  EXPECT_EQ(Next(peer()), "one");
  EXPECT_EQ(Call(sendmmsg(ours(), batch.data() + 1, 2, 0)), Fails(EINVAL));
}

TEST_P(DatagramTest, Recvmmsg) {
  PeerSends("one");
  PeerSends("three");
  Batch batch(2);
  EXPECT_EQ(Call(recvmmsg(ours(), batch.data(), 2, 0, nullptr)), Gives(2));
  EXPECT_EQ(batch.Get(0), "one");
  EXPECT_EQ(batch.Get(1), "three");
  EXPECT_EQ(batch.PortOf(1), peer_address_.port());
}

TEST_P(DatagramTest, RecvmmsgWaitsForOne) {
  PeerSends("one");
  Batch batch(4);
  EXPECT_EQ(Call(recvmmsg(ours(), batch.data(), 4, MSG_WAITFORONE, nullptr)),
            Gives(1));
  EXPECT_EQ(batch.Get(0), "one");
}

TEST_P(DatagramTest, RecvmmsgWithNothing) {
  Batch batch(2);
  EXPECT_EQ(Call(recvmmsg(ours(), batch.data(), 2, MSG_DONTWAIT, nullptr)),
            Fails(EAGAIN));
}

TEST_P(DatagramTest, RecvmmsgWaitsForAll) {
  ThreadGroup threads;
  threads.Start("recvmmsg", [&] {
    Batch batch(2);
    EXPECT_EQ(Call(recvmmsg(ours(), batch.data(), 2, 0, nullptr)), Gives(2));
    EXPECT_EQ(batch.Get(1), "two");
  });
  EXPECT_EQ(SendTo(peer(), "one", our_address_), Gives(3));
  ASSERT_TRUE(threads.WaitUntilBlocked());
  EXPECT_EQ(threads.ended(), 0);
  EXPECT_EQ(SendTo(peer(), "two", our_address_), Gives(3));
}

// Its time is looked at after each datagram.

TEST_P(DatagramTest, RecvmmsgHasATimeout) {
  PeerSends("one");
  Batch batch(2);
  timespec limit = {0, 1};
  EXPECT_EQ(Call(recvmmsg(ours(), batch.data(), 2, 0, &limit)), Gives(1));
}

TEST_P(DatagramTest, RecvHasATimeout) {
  const timeval limit = {0, 50000};
  ASSERT_SUCCESS(
      setsockopt(ours(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)));
  char byte;
  EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Fails(EAGAIN));
}

TEST_P(DatagramTest, NonBlocking) {
  SetNonBlocking(ours());
  char byte;
  EXPECT_EQ(Call(recv(ours(), &byte, 1, 0)), Fails(EAGAIN));
  EXPECT_EQ(Call(read(ours(), &byte, 1)), Fails(EAGAIN));
  PeerSends("x");
  EXPECT_EQ(Call(read(ours(), &byte, 1)), Gives(1));
}

// Linux: of the first datagram only.

TEST_P(DatagramTest, FionreadCountsTheFirst) {
  int count = -1;
  ASSERT_SUCCESS(ioctl(ours(), FIONREAD, &count));
  EXPECT_EQ(count, 0);
  PeerSends("abc");
  PeerSends("defghi");
  ASSERT_SUCCESS(ioctl(ours(), FIONREAD, &count));
  EXPECT_EQ(count, 3);
}

// MSG_MORE collects one datagram.

TEST_P(DatagramTest, BytesFromNowhere) {
  void* const nowhere = Nowhere();
  EXPECT_EQ(Call(sendto(ours(), nowhere, 8, 0, peer_address_.data(),
                        peer_address_.size())),
            Fails(EFAULT));
  EXPECT_EQ(SendTo(ours(), "x", peer_address_), Gives(1));
  EXPECT_EQ(Next(peer()), "x");
}

TEST_P(DatagramTest, AddressThatIsTooShort) {
  EXPECT_EQ(Call(sendto(ours(), "x", 1, 0, peer_address_.data(), 6)),
            Fails(EINVAL));
}

// Linux refuses it on IPv4 and ignores it on IPv6.

TEST_P(DatagramTest, UrgentDataIsForStreams) {
  EXPECT_EQ(Call(sendto(ours(), "x", 1, MSG_OOB, peer_address_.data(),
                        peer_address_.size())),
            family() == AF_INET ? Fails(EOPNOTSUPP) : Gives(1));
}

// Fifty without a wait: each arrives, in order.

TEST_P(DatagramTest, ManyAtOnce) {
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(SendTo(ours(), Pattern(i, 100), peer_address_), Gives(100));
    ASSERT_EQ(SendTo(peer(), Pattern(i, 100), our_address_), Gives(100));
  }
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(Next(peer()), Pattern(i, 100));
    EXPECT_EQ(Next(ours()), Pattern(i, 100));
  }
}

TEST_P(DatagramTest, ChildUsesTheSocket) {
  Child child([&] {
    SocketAddress from;
    EXPECT_EQ(Next(ours(), &from), "question");
    EXPECT_EQ(from, peer_address_);
    EXPECT_EQ(SendTo(ours(), "answer", from), Gives(6));
  });
  EXPECT_EQ(SendTo(peer(), "question", our_address_), Gives(8));
  SocketAddress from;
  EXPECT_EQ(Next(peer(), &from), "answer");
  EXPECT_EQ(from, our_address_);
  EXPECT_TRUE(child.Succeeds());
}

TEST_P(DatagramTest, DuplicateIsTheSameSocket) {
  const OwnedFd duplicate(dup(ours()));
  ours_.Reset(-1);
  EXPECT_EQ(SendTo(peer(), "x", our_address_), Gives(1));
  SocketAddress from;
  EXPECT_EQ(Next(duplicate.get(), &from), "x");
  EXPECT_EQ(from, peer_address_);
  EXPECT_EQ(SendTo(duplicate.get(), "y", from), Gives(1));
  EXPECT_EQ(Next(peer(), &from), "y");
  EXPECT_EQ(from, our_address_);
}

// An IPv6 socket hears IPv4.

TEST(MappedDatagramTest, SpeaksIPv4) {
  const OwnedFd ours = OurSocket(AF_INET6, SOCK_DGRAM);
  SetOption(ours.get(), IPPROTO_IPV6, IPV6_V6ONLY, 0);
  const SocketAddress any = SocketAddress::Wildcard(AF_INET6);
  ASSERT_SUCCESS(bind(ours.get(), any.data(), any.size()));
  const OwnedFd peer = PeerDatagramSocket(AF_INET);
  const uint16_t port = SocketAddress::LocalOf(peer.get()).port();
  const SocketAddress mapped = SocketAddress::MappedLoopback(port);
  EXPECT_EQ(Call(sendto(ours.get(), "x", 1, 0, mapped.data(), mapped.size())),
            Gives(1));
  char byte;
  SocketAddress from;
  EXPECT_EQ(Call(recvfrom(peer.get(), &byte, 1, 0, from.buffer(), from.room())),
            Gives(1));
  EXPECT_EQ(from.port(), SocketAddress::LocalOf(ours.get()).port());
  EXPECT_EQ(Call(sendto(peer.get(), "y", 1, 0, from.data(), from.size())),
            Gives(1));
  EXPECT_EQ(Call(recvfrom(ours.get(), &byte, 1, 0, from.buffer(), from.room())),
            Gives(1));
  EXPECT_EQ(from, mapped);
}

}  // namespace
}  // namespace wspd::preload
