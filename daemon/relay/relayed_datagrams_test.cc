#include "daemon/relay/relayed_datagrams.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/relay/relay_address.h"
#include "daemon/relay/relay_calls.h"
#include "daemon/relay/relay_fixture.h"
#include "daemon/winsock/address_codec.h"
#include "gtest/gtest.h"
#include "proto/relay_name.h"
#include "proto/relay_wire.h"

namespace wspd {
namespace {

using wsp::relay::DatagramHeader;
using wsp::v1::LinuxCallRequest;
using wsp::v1::LinuxCallResult;

class RelayedDatagramsTest : public RelayFixture {
 protected:
  RelayedDatagramsTest() { Start(); }

  // A kernel's socket, bound.
  static OwnedFd Peer(NetAddress* address) {
    OwnedFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const NetAddress any = Loopback(0);
    EXPECT_EQ(bind(fd.get(), any.get(), any.size()), 0);
    *address = NetAddress::LocalOf(fd.get());
    SetDeadline(fd.get());
    return fd;
  }

  static int Call(const Relayed& relayed, const LinuxCallRequest& request,
                  LinuxCallResult* result) {
    return RunRelayCall(request, *ClientAccess::Unrestricted(),
                        relayed.socket.get(), result);
  }
  static int Bind(const Relayed& relayed) {
    LinuxCallRequest request;
    LinuxCallResult result;
    EncodeAddress(Loopback(0), request.mutable_bind()->mutable_address());
    return Call(relayed, request, &result);
  }
  static int SetOption(const Relayed& relayed, int level, int name, int value) {
    LinuxCallRequest request;
    LinuxCallResult result;
    request.mutable_set_option()->set_level(level);
    request.mutable_set_option()->set_name(name);
    request.mutable_set_option()->set_value(&value, sizeof(value));
    return Call(relayed, request, &result);
  }
  static NetAddress LocalOf(const Relayed& relayed) {
    return relayed.socket->Report().local;
  }

  static void SendTo(const Relayed& relayed, const NetAddress& to,
                     const std::string& payload) {
    DatagramHeader header{};
    header.address = ToRelayAddress(to);
    Send(relayed.program.get(),
         std::string(reinterpret_cast<const char*>(&header), sizeof(header)) +
             payload);
  }
  static std::string Read(const Relayed& relayed, DatagramHeader* header) {
    char buffer[70000];
    const ssize_t size = recv(relayed.program.get(), buffer, sizeof(buffer), 0);
    if (size < static_cast<ssize_t>(sizeof(*header))) return "no datagram";
    memcpy(header, buffer, sizeof(*header));
    const size_t before = sizeof(*header) + header->control_bytes;
    return std::string(buffer + before, static_cast<size_t>(size) - before);
  }
  static std::string Receive(const OwnedFd& peer) {
    char buffer[70000];
    const ssize_t size = recv(peer.get(), buffer, sizeof(buffer), 0);
    return size < 0 ? strerror(errno)
                    : std::string(buffer, static_cast<size_t>(size));
  }
  static void Answer(const OwnedFd& peer, const NetAddress& to,
                     const std::string& payload) {
    EXPECT_EQ(sendto(peer.get(), payload.data(), payload.size(), 0, to.get(),
                     to.size()),
              static_cast<ssize_t>(payload.size()));
  }
};

TEST_F(RelayedDatagramsTest, TheProgramsEndSaysWhatItIs) {
  const Relayed relayed = Make(SOCK_DGRAM);
  sockaddr_un address{};
  socklen_t size = sizeof(address);
  ASSERT_EQ(getpeername(relayed.program.get(),
                        reinterpret_cast<sockaddr*>(&address), &size),
            0);
  wsp::relay::Name name;
  ASSERT_TRUE(wsp::relay::ParseName(address, size, &name));
  EXPECT_EQ(name.kind, wsp::relay::Kind::kDatagram);
  EXPECT_EQ(name.number, relayed.socket->info().number);
  EXPECT_EQ(name.protocol, IPPROTO_UDP);
  int type = 0;
  size = sizeof(type);
  ASSERT_EQ(
      getsockopt(relayed.program.get(), SOL_SOCKET, SO_TYPE, &type, &size), 0);
  EXPECT_EQ(type, SOCK_SEQPACKET);
}

TEST_F(RelayedDatagramsTest, DatagramsGoBothWaysAndAreCounted) {
  NetAddress there;
  const OwnedFd peer = Peer(&there);
  const Relayed relayed = Make(SOCK_DGRAM);
  ASSERT_EQ(Bind(relayed), 0);
  SendTo(relayed, there, "question");
  EXPECT_EQ(Receive(peer), "question");
  Answer(peer, LocalOf(relayed), "answer");
  DatagramHeader header;
  EXPECT_EQ(Read(relayed, &header), "answer");
  EXPECT_EQ(header.address.port, there.v4().sin_port);
  EXPECT_TRUE(Await([&] {
    const RelayedSocketReport report = relayed.socket->Report();
    return report.bytes_sent == 8 && report.bytes_received == 6;
  }));
  const RelayedSocketReport report = relayed.socket->Report();
  EXPECT_EQ(report.state, LinuxState::STATE_UNCONNECTED);
  EXPECT_LT(report.idle_ns, 60'000'000'000);
}

TEST_F(RelayedDatagramsTest, TheLongestDatagramFitsIntoBothEnds) {
  NetAddress there;
  const OwnedFd peer = Peer(&there);
  const Relayed relayed = Make(SOCK_DGRAM);
  ASSERT_EQ(Bind(relayed), 0);
  const std::string payload = Pattern(65507);
  for (int i = 0; i < 20; ++i) {
    SendTo(relayed, there, payload);
    ASSERT_EQ(Receive(peer), payload);
    Answer(peer, LocalOf(relayed), payload);
    DatagramHeader header;
    ASSERT_EQ(Read(relayed, &header), payload);
  }
}

TEST_F(RelayedDatagramsTest, OptionsHoldFromTheirCallOn) {
  NetAddress there;
  const OwnedFd peer = Peer(&there);
  const int on = 1;
  ASSERT_EQ(setsockopt(peer.get(), IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)), 0);
  const Relayed relayed = Make(SOCK_DGRAM);
  for (int ttl = 1; ttl <= 100; ++ttl) {
    ASSERT_EQ(SetOption(relayed, IPPROTO_IP, IP_TTL, ttl), 0);
    SendTo(relayed, there, "x");
  }
  for (int ttl = 1; ttl <= 100; ++ttl) {
    char byte;
    iovec piece{&byte, 1};
    alignas(cmsghdr) char control[64];
    msghdr message{};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    ASSERT_EQ(recvmsg(peer.get(), &message, 0), 1);
    int came = 0;
    memcpy(&came, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(came));
    ASSERT_EQ(came, ttl);
  }
}

TEST_F(RelayedDatagramsTest, ConnectsAndTellsItsState) {
  NetAddress there;
  OwnedFd peer = Peer(&there);
  const Relayed relayed = Make(SOCK_DGRAM);
  LinuxCallRequest request;
  LinuxCallResult result;
  EncodeAddress(there, request.mutable_connect()->mutable_address());
  ASSERT_EQ(Call(relayed, request, &result), 0);
  EXPECT_FALSE(result.connect().in_progress());
  request.mutable_state();
  ASSERT_EQ(Call(relayed, request, &result), 0);
  EXPECT_EQ(result.state().state(), LinuxState::STATE_CONNECTED);
  EXPECT_EQ(result.state().error(), 0);
  EXPECT_TRUE(relayed.socket->Report().peer.SameEndpoint(there));
  SendTo(relayed, NetAddress(), "to the peer");
  EXPECT_EQ(Receive(peer), "to the peer");
  // Its port is closed: an error, in its place.
  Answer(peer, LocalOf(relayed), "last");
  peer.Reset();
  DatagramHeader header;
  EXPECT_EQ(Read(relayed, &header), "last");
  SendTo(relayed, NetAddress(), "to nobody");
  EXPECT_EQ(Read(relayed, &header), "");
  EXPECT_EQ(header.kind, wsp::relay::kError);
  EXPECT_EQ(header.flags, ECONNREFUSED);
  request.mutable_connect()->clear_address();
  ASSERT_EQ(Call(relayed, request, &result), 0);
  request.mutable_state();
  ASSERT_EQ(Call(relayed, request, &result), 0);
  EXPECT_EQ(result.state().state(), LinuxState::STATE_UNCONNECTED);
}

TEST_F(RelayedDatagramsTest, CallsSayTheirErrors) {
  const Relayed relayed = Make(SOCK_DGRAM);
  LinuxCallRequest request;
  LinuxCallResult result;
  request.mutable_send()->set_data("to whom?");
  EXPECT_EQ(Call(relayed, request, &result), EDESTADDRREQ);
  request.mutable_listen()->set_backlog(1);
  EXPECT_EQ(Call(relayed, request, &result), EOPNOTSUPP);
  request.mutable_shutdown()->set_how(SHUT_WR);
  EXPECT_EQ(Call(relayed, request, &result), ENOTCONN);
  request.mutable_receive_error()->set_data_length(1);
  EXPECT_EQ(Call(relayed, request, &result), EAGAIN);
  EXPECT_EQ(SetOption(relayed, SOL_SOCKET, SO_MARK, 1), EPERM);
  EXPECT_EQ(SetOption(relayed, SOL_SOCKET, SO_BROADCAST, 1), 0);
}

TEST_F(RelayedDatagramsTest, GroupsAreJoined) {
  const Relayed relayed = Make(SOCK_DGRAM);
  ASSERT_EQ(SetOption(relayed, SOL_SOCKET, SO_REUSEADDR, 1), 0);
  LinuxCallRequest request;
  LinuxCallResult result;
  sockaddr_in any{};
  any.sin_family = AF_INET;
  EncodeAddress(NetAddress(any), request.mutable_bind()->mutable_address());
  ASSERT_EQ(Call(relayed, request, &result), 0);
  ip_mreqn group{};
  group.imr_multiaddr.s_addr = htonl(0xefff2a01);  // 239.255.42.1
  group.imr_address.s_addr = htonl(INADDR_LOOPBACK);
  auto* set = request.mutable_set_option();
  set->set_level(IPPROTO_IP);
  set->set_name(IP_ADD_MEMBERSHIP);
  set->set_value(&group, sizeof(group));
  ASSERT_EQ(Call(relayed, request, &result), 0);
  set->set_name(IP_MULTICAST_IF);
  ASSERT_EQ(Call(relayed, request, &result), 0);
  NetAddress to = NetAddress::Any(AF_INET, LocalOf(relayed).port());
  sockaddr_in address = to.v4();
  address.sin_addr = group.imr_multiaddr;
  SendTo(relayed, NetAddress(address), "to the group");
  DatagramHeader header;
  EXPECT_EQ(Read(relayed, &header), "to the group");
}

TEST_F(RelayedDatagramsTest, TheLastCloseEndsIt) {
  NetAddress there;
  const OwnedFd peer = Peer(&there);
  Relayed relayed = Make(SOCK_DGRAM);
  EXPECT_EQ(owner_->sockets, 1u);
  OwnedFd other(fcntl(relayed.program.get(), F_DUPFD_CLOEXEC, 0));
  SendTo(relayed, there, "first");
  relayed.program.Reset(other.Release());
  EXPECT_EQ(Receive(peer), "first");
  SendTo(relayed, there, "last");
  relayed.program.Reset();
  EXPECT_TRUE(AwaitSize(0));
  EXPECT_EQ(Receive(peer), "last");
  EXPECT_EQ(owner_->sockets, 0u);
  LinuxCallRequest request;
  LinuxCallResult result;
  request.mutable_send()->set_data("too late");
  EXPECT_EQ(Call(relayed, request, &result), EBADF);
  request.mutable_state();
  EXPECT_EQ(Call(relayed, request, &result), EBADF);
}

TEST_F(RelayedDatagramsTest, BothWaysShutDownIsNotTheEnd) {
  NetAddress there;
  const OwnedFd peer = Peer(&there);
  Relayed relayed = Make(SOCK_DGRAM);
  ASSERT_EQ(Bind(relayed), 0);
  SendTo(relayed, there, "last");
  ASSERT_EQ(shutdown(relayed.program.get(), SHUT_RDWR), 0);
  EXPECT_EQ(Receive(peer), "last");
  // The loop has come to it.
  Answer(peer, LocalOf(relayed), "to nobody");
  EXPECT_TRUE(Await([&] { return relayed.socket->dropped() == 1; }));
  LinuxCallRequest request;
  LinuxCallResult result;
  request.mutable_name();
  EXPECT_EQ(Call(relayed, request, &result), 0);
  EXPECT_EQ(table_->size(), 1u);
  relayed.program.Reset();
  EXPECT_TRUE(AwaitSize(0));
}

TEST_F(RelayedDatagramsTest, ACloseFreesTheAddressAtOnce) {
  for (int i = 0; i < 100; ++i) {
    Relayed first = Make(SOCK_DGRAM);
    ASSERT_EQ(Bind(first), 0);
    const NetAddress address = LocalOf(first);
    const Relayed second = Make(SOCK_DGRAM);
    LinuxCallRequest request;
    LinuxCallResult result;
    EncodeAddress(address, request.mutable_bind()->mutable_address());
    ASSERT_EQ(Call(second, request, &result), EADDRINUSE);
    first.program.Reset();
    ASSERT_EQ(Call(second, request, &result), 0) << i;
  }
  EXPECT_TRUE(AwaitSize(0));
}

TEST_F(RelayedDatagramsTest, WhatIsDroppedIsCounted) {
  NetAddress there;
  const OwnedFd peer = Peer(&there);
  const Relayed relayed = Make(SOCK_DGRAM);
  Send(relayed.program.get(), "no header");
  SendTo(relayed, there, "good");
  EXPECT_EQ(Receive(peer), "good");
  EXPECT_TRUE(Await([&] { return relayed.socket->dropped() == 1; }));
  EXPECT_TRUE(Await([&] { return relayed.socket->operations().sends == 1; }));
  EXPECT_EQ(relayed.socket->operations().receives, 0u);
}

TEST_F(RelayedDatagramsTest, ManySocketsAtOnce) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([this, i] {
      NetAddress there;
      const OwnedFd peer = Peer(&there);
      for (int round = 0; round < 20; ++round) {
        const Relayed relayed = Make(SOCK_DGRAM);
        ASSERT_EQ(Bind(relayed), 0);
        const NetAddress here = LocalOf(relayed);
        for (int n = 0; n < 10; ++n) {
          const std::string text = absl::StrCat(i, "-", round, "-", n);
          SendTo(relayed, there, text);
          ASSERT_EQ(Receive(peer), text);
          Answer(peer, here, text);
          DatagramHeader header;
          ASSERT_EQ(Read(relayed, &header), text);
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(AwaitSize(0));
}

}  // namespace
}  // namespace wspd
