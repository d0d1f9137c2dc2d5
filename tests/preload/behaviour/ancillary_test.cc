// Ancillary data: what a message brings along, and what is sent along with it.
#include <netinet/udp.h>
#include <sys/time.h>
#include <time.h>

// After <time.h>, which it lacks.
#include <linux/errqueue.h>

#include <cstring>
#include <optional>
#include <vector>

#include "tests/preload/behaviour/fixture.h"

namespace wspd::preload {
namespace {

// One message with room for ancillary data.
class Message {
 public:
  explicit Message(const std::string& data = std::string(64, '\0'))
      : data_(data), part_{data_.data(), data_.size()} {
    header_.msg_iov = &part_;
    header_.msg_iovlen = 1;
  }
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  void SetAddress(const SocketAddress& address) {
    address_ = address;
    header_.msg_name = address_.buffer();
    header_.msg_namelen = address_.size();
  }
  template <typename Value>
  void Attach(int level, int type, const Value& value) {
    header_.msg_control = control_;
    header_.msg_controllen = CMSG_SPACE(sizeof(value));
    cmsghdr* const part = CMSG_FIRSTHDR(&header_);
    part->cmsg_level = level;
    part->cmsg_type = type;
    part->cmsg_len = CMSG_LEN(sizeof(value));
    memcpy(CMSG_DATA(part), &value, sizeof(value));
  }

  Outcome Send(int fd) { return Call(sendmsg(fd, &header_, 0)); }
  Outcome Receive(int fd, int flags = 0, size_t room = sizeof(control_)) {
    header_.msg_name = address_.buffer();
    header_.msg_namelen = *address_.room();
    header_.msg_control = control_;
    header_.msg_controllen = room;
    const Outcome outcome = Call(recvmsg(fd, &header_, flags));
    received_ = outcome.value;
    return outcome;
  }

  template <typename Value>
  std::optional<Value> Find(int level, int type) {
    for (cmsghdr* part = CMSG_FIRSTHDR(&header_); part != nullptr;
         part = CMSG_NXTHDR(&header_, part)) {
      if (part->cmsg_level != level || part->cmsg_type != type) continue;
      if (part->cmsg_len < CMSG_LEN(sizeof(Value))) continue;
      Value value;
      memcpy(&value, CMSG_DATA(part), sizeof(value));
      return value;
    }
    return std::nullopt;
  }
  std::string data() const { return data_.substr(0, received_); }
  int flags() const { return header_.msg_flags; }

 private:
  std::string data_;
  iovec part_;
  SocketAddress address_;
  msghdr header_ = {};
  alignas(cmsghdr) char control_[512] = {};
  int64_t received_ = 0;
};

class AncillaryTest : public FamilyTest {
 protected:
  void SetUp() override {
    ours_ = OurDatagramSocket(family());
    peer_ = PeerDatagramSocket(family());
    our_address_ = SocketAddress::LocalOf(ours());
    peer_address_ = SocketAddress::LocalOf(peer());
    ASSERT_FALSE(HasFailure());
  }
  int ours() const { return ours_.get(); }
  int peer() const { return peer_.get(); }
  bool four() const { return family() == AF_INET; }
  void PeerSends(const std::string& data) {
    ASSERT_EQ(Call(sendto(peer(), data.data(), data.size(), 0,
                          our_address_.data(), our_address_.size())),
              Gives(data.size()));
    ASSERT_NE(WaitFor(ours(), POLLIN), 0);
  }
  // By what name each family knows the same thing.
  void Ask(int v4_name, int v6_name) {
    SetOption(ours(), four() ? IPPROTO_IP : IPPROTO_IPV6,
              four() ? v4_name : v6_name, 1);
  }

  OwnedFd ours_, peer_;
  SocketAddress our_address_, peer_address_;
};
INSTANTIATE_FOR_FAMILIES(AncillaryTest);

TEST_P(AncillaryTest, NothingUnlessAsked) {
  PeerSends("x");
  Message message;
  EXPECT_EQ(message.Receive(ours()), Gives(1));
  EXPECT_EQ(message.flags(), 0);
  EXPECT_FALSE(message.Find<int>(four() ? IPPROTO_IP : IPPROTO_IPV6,
                                 four() ? IP_TTL : IPV6_HOPLIMIT));
}

TEST_P(AncillaryTest, PacketInformation) {
  Ask(IP_PKTINFO, IPV6_RECVPKTINFO);
  PeerSends("x");
  Message message;
  EXPECT_EQ(message.Receive(ours()), Gives(1));
  if (four()) {
    const auto info = message.Find<in_pktinfo>(IPPROTO_IP, IP_PKTINFO);
    ASSERT_TRUE(info);
    EXPECT_EQ(info->ipi_addr.s_addr, htonl(INADDR_LOOPBACK));
    EXPECT_GT(info->ipi_ifindex, 0);
  } else {
    const auto info = message.Find<in6_pktinfo>(IPPROTO_IPV6, IPV6_PKTINFO);
    ASSERT_TRUE(info);
    EXPECT_EQ(memcmp(&info->ipi6_addr, &in6addr_loopback, 16), 0);
    EXPECT_GT(info->ipi6_ifindex, 0u);
  }
}

// As servers on a wildcard address answer from the address that was asked.
TEST_P(AncillaryTest, SourceOfChoice) {
  const OwnedFd any = OurSocket(family(), SOCK_DGRAM);
  const SocketAddress wildcard = SocketAddress::Wildcard(family());
  ASSERT_SUCCESS(bind(any.get(), wildcard.data(), wildcard.size()));
  Message message("x");
  message.SetAddress(peer_address_);
  if (four()) {
    in_pktinfo info = {};
    info.ipi_spec_dst.s_addr = htonl(INADDR_LOOPBACK + 1);  // 127.0.0.2
    message.Attach(IPPROTO_IP, IP_PKTINFO, info);
  } else {
    in6_pktinfo info = {};
    info.ipi6_addr = in6addr_loopback;
    message.Attach(IPPROTO_IPV6, IPV6_PKTINFO, info);
  }
  EXPECT_EQ(message.Send(any.get()), Gives(1));
  char byte;
  SocketAddress from;
  EXPECT_EQ(Call(recvfrom(peer(), &byte, 1, 0, from.buffer(), from.room())),
            Gives(1));
  EXPECT_EQ(from.port(), SocketAddress::LocalOf(any.get()).port());
  if (four()) {
    EXPECT_EQ(
        reinterpret_cast<const sockaddr_in*>(from.data())->sin_addr.s_addr,
        htonl(INADDR_LOOPBACK + 1));
  }
}

TEST_P(AncillaryTest, TimeToLive) {
  Ask(IP_RECVTTL, IPV6_RECVHOPLIMIT);
  SetOption(peer(), four() ? IPPROTO_IP : IPPROTO_IPV6,
            four() ? IP_TTL : IPV6_UNICAST_HOPS, 42);
  PeerSends("x");
  Message message;
  EXPECT_EQ(message.Receive(ours()), Gives(1));
  EXPECT_EQ(message.Find<int>(four() ? IPPROTO_IP : IPPROTO_IPV6,
                              four() ? IP_TTL : IPV6_HOPLIMIT),
            42);
}

TEST_P(AncillaryTest, TypeOfService) {
  Ask(IP_RECVTOS, IPV6_RECVTCLASS);
  SetOption(peer(), four() ? IPPROTO_IP : IPPROTO_IPV6,
            four() ? IP_TOS : IPV6_TCLASS, 0x20);
  PeerSends("x");
  Message message;
  EXPECT_EQ(message.Receive(ours()), Gives(1));
  if (four()) {
    EXPECT_EQ(message.Find<uint8_t>(IPPROTO_IP, IP_TOS), 0x20);
  } else {
    EXPECT_EQ(message.Find<int>(IPPROTO_IPV6, IPV6_TCLASS), 0x20);
  }
}

TEST_P(AncillaryTest, TimeToLiveOfOneMessage) {
  SetOption(peer(), four() ? IPPROTO_IP : IPPROTO_IPV6,
            four() ? IP_RECVTTL : IPV6_RECVHOPLIMIT, 1);
  Message message("x");
  message.SetAddress(peer_address_);
  message.Attach(four() ? IPPROTO_IP : IPPROTO_IPV6,
                 four() ? IP_TTL : IPV6_HOPLIMIT, 33);
  EXPECT_EQ(message.Send(ours()), Gives(1));
  Message received;
  EXPECT_EQ(received.Receive(peer()), Gives(1));
  EXPECT_EQ(received.Find<int>(four() ? IPPROTO_IP : IPPROTO_IPV6,
                               four() ? IP_TTL : IPV6_HOPLIMIT),
            33);
}

TEST_P(AncillaryTest, TimeOfArrival) {
  SetOption(ours(), SOL_SOCKET, SO_TIMESTAMP, 1);
  timeval before, after;
  gettimeofday(&before, nullptr);
  PeerSends("x");
  Message message;
  EXPECT_EQ(message.Receive(ours()), Gives(1));
  gettimeofday(&after, nullptr);
  const auto time = message.Find<timeval>(SOL_SOCKET, SCM_TIMESTAMP);
  ASSERT_TRUE(time);
  EXPECT_FALSE(timercmp(&*time, &before, <));
  EXPECT_FALSE(timercmp(&*time, &after, >));
}

TEST_P(AncillaryTest, TimeOfArrivalInNanoseconds) {
  SetOption(ours(), SOL_SOCKET, SO_TIMESTAMPNS, 1);
  PeerSends("x");
  Message message;
  EXPECT_EQ(message.Receive(ours()), Gives(1));
  const auto time = message.Find<timespec>(SOL_SOCKET, SCM_TIMESTAMPNS);
  ASSERT_TRUE(time);
  EXPECT_NEAR(time->tv_sec, ::time(nullptr), 60);
}

// Without room for it the flag says so, and the data is there.
TEST_P(AncillaryTest, NoRoom) {
  Ask(IP_PKTINFO, IPV6_RECVPKTINFO);
  PeerSends("abc");
  Message message;
  EXPECT_EQ(message.Receive(ours(), 0, 4), Gives(3));
  EXPECT_EQ(message.flags(), MSG_CTRUNC);
  EXPECT_EQ(message.data(), "abc");
}

TEST_P(AncillaryTest, SeveralAtOnce) {
  Ask(IP_PKTINFO, IPV6_RECVPKTINFO);
  Ask(IP_RECVTTL, IPV6_RECVHOPLIMIT);
  SetOption(ours(), SOL_SOCKET, SO_TIMESTAMP, 1);
  PeerSends("x");
  Message message;
  EXPECT_EQ(message.Receive(ours()), Gives(1));
  EXPECT_TRUE(message.Find<timeval>(SOL_SOCKET, SCM_TIMESTAMP));
  EXPECT_TRUE(message.Find<int>(four() ? IPPROTO_IP : IPPROTO_IPV6,
                                four() ? IP_TTL : IPV6_HOPLIMIT));
  EXPECT_TRUE(
      four()
          ? message.Find<in_pktinfo>(IPPROTO_IP, IP_PKTINFO).has_value()
          : message.Find<in6_pktinfo>(IPPROTO_IPV6, IPV6_PKTINFO).has_value());
}

TEST_P(AncillaryTest, UnknownIsRefused) {
  Message message("x");
  message.SetAddress(peer_address_);
  message.Attach(four() ? IPPROTO_IP : IPPROTO_IPV6, 250, 1);
  EXPECT_EQ(message.Send(ours()), Fails(EINVAL));
}

// The error queue says which datagram was refused, and by whom.
TEST_P(AncillaryTest, ErrorQueue) {
  Ask(IP_RECVERR, IPV6_RECVERR);
  const OwnedFd refusing = PeerDatagramSocket(family());
  const SocketAddress address = SocketAddress::LocalOf(refusing.get());
  // It hears nobody but itself.
  ASSERT_SUCCESS(connect(refusing.get(), address.data(), address.size()));
  EXPECT_EQ(Call(sendto(ours(), "lost", 4, 0, address.data(), address.size())),
            Gives(4));
  ASSERT_EQ(WaitFor(ours(), 0), POLLERR);
  Message message;
  EXPECT_EQ(message.Receive(ours(), MSG_ERRQUEUE), Gives(4));
  EXPECT_EQ(message.data(), "lost");
  EXPECT_EQ(message.flags() & MSG_ERRQUEUE, MSG_ERRQUEUE);
  const auto error = message.Find<sock_extended_err>(
      four() ? IPPROTO_IP : IPPROTO_IPV6, four() ? IP_RECVERR : IPV6_RECVERR);
  ASSERT_TRUE(error);
  EXPECT_EQ(error->ee_errno, static_cast<uint32_t>(ECONNREFUSED));
  EXPECT_EQ(error->ee_origin, four() ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6);
  Message none;
  EXPECT_EQ(none.Receive(ours(), MSG_ERRQUEUE), Fails(EAGAIN));
}

TEST_P(AncillaryTest, SegmentSizeOfOneMessage) {
  Message message("abcdefgh");
  message.SetAddress(peer_address_);
  message.Attach(SOL_UDP, UDP_SEGMENT, uint16_t{4});
  EXPECT_EQ(message.Send(ours()), Gives(8));
  char buffer[16];
  for (int i = 0; i < 2; ++i) {
    ASSERT_NE(WaitFor(peer(), POLLIN), 0);
    EXPECT_EQ(Call(recv(peer(), buffer, sizeof(buffer), 0)), Gives(4));
  }
}

TEST_P(AncillaryTest, CoalescedSegments) {
  SetOption(ours(), IPPROTO_UDP, UDP_GRO, 1);
  SetOption(peer(), IPPROTO_UDP, UDP_SEGMENT, 4);
  PeerSends("abcdefgh");
  Message message;
  EXPECT_EQ(message.Receive(ours()), Gives(8));
  EXPECT_EQ(message.Find<int>(SOL_UDP, UDP_GRO), 4);
}

}  // namespace
}  // namespace wspd::preload
