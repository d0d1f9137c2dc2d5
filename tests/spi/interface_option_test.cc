// Options that have to do with interfaces: IP_IFLIST and its kin,
// IP_RECEIVE_BROADCAST (reference, section 4.10); in a network namespace with
// interfaces of its own.
#include <ws2tcpip.h>

#include <cstring>
#include <string>
#include <vector>

#include "tests/spi/option_fixture.h"
#include "tests/testing/extensions.h"
#include "tests/testing/network_namespace.h"
#include "tests/testing/peer_datagrams.h"
// After the Winsock headers.
#include <mswsock.h>

namespace wspd::testing {
namespace {

// The loopback interface is the first of every namespace.
constexpr int kLoopback = 1;

class InterfaceOptionTest : public OptionTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(EnterFreshNetwork());
    ASSERT_TRUE(Ip("addr add 192.0.2.1/24 brd + dev v0"));
    OptionTest::SetUp();
    sockaddr_in any = {};
    any.sin_family = AF_INET;
    int error = 0;
    ASSERT_EQ(
        spi_->table().lpWSPBind(datagram_, reinterpret_cast<sockaddr*>(&any),
                                sizeof(any), &error),
        0);
    ASSERT_EQ(spi_->GetSockName(datagram_, &endpoint_), kOk);
    ASSERT_EQ(spi_->DatagramSocket(&sender_), kOk);
    ASSERT_EQ(Set(sender_, SOL_SOCKET, SO_BROADCAST, 1), kOk);
  }

  // To an address, in host order, and the receiver's port.
  void SendTo(uint32_t address, const std::string& data) {
    sockaddr_in to = {};
    to.sin_family = AF_INET;
    to.sin_port = htons(endpoint_.port);
    to.sin_addr.s_addr = htonl(address);
    WSABUF buffer = {static_cast<ULONG>(data.size()),
                     const_cast<char*>(data.data())};
    DWORD sent = 0;
    int error = 0;
    ASSERT_EQ(
        spi_->table().lpWSPSendTo(sender_, &buffer, 1, &sent, 0,
                                  reinterpret_cast<sockaddr*>(&to), sizeof(to),
                                  nullptr, nullptr, nullptr, &error),
        0)
        << error;
  }
  std::string Receive() {
    std::string data;
    EXPECT_EQ(spi_->Recv(datagram_, 100, &data), kOk);
    return data;
  }

  std::vector<DWORD> Interfaces(SOCKET s) {
    std::vector<DWORD> list(16);
    int length = static_cast<int>(list.size() * sizeof(DWORD));
    int error = 0;
    EXPECT_EQ(spi_->table().lpWSPGetSockOpt(
                  s, IPPROTO_IP, IP_GET_IFLIST,
                  reinterpret_cast<char*>(list.data()), &length, &error),
              0)
        << error;
    list.resize(static_cast<size_t>(length) / sizeof(DWORD));
    return list;
  }

  Endpoint endpoint_;
  SOCKET sender_ = INVALID_SOCKET;
};

// 127.255.255.255 and 192.0.2.255 are broadcast addresses.
TEST_F(InterfaceOptionTest, BroadcastsThatWereThereBeforeAreNotReceivedEither) {
  SendTo(0x7fffffff, "lost");
  SendTo(INADDR_LOOPBACK, "one");
  ASSERT_EQ(Set(datagram_, IPPROTO_IP, IP_RECEIVE_BROADCAST, 0), kOk);
  EXPECT_EQ(Receive(), "one");
}

TEST_F(InterfaceOptionTest, BroadcastsAreReceivedIfWanted) {
  SendTo(0x7fffffff, "one");
  EXPECT_EQ(Receive(), "one");
  ASSERT_EQ(Set(datagram_, IPPROTO_IP, IP_RECEIVE_BROADCAST, 0), kOk);
  SendTo(0x7fffffff, "lost");
  SendTo(INADDR_LOOPBACK, "two");
  EXPECT_EQ(Receive(), "two");
  ASSERT_EQ(Set(datagram_, IPPROTO_IP, IP_RECEIVE_BROADCAST, 1), kOk);
  SendTo(0x7fffffff, "three");
  EXPECT_EQ(Receive(), "three");
}

TEST_F(InterfaceOptionTest, DatagramsOfOtherInterfacesArentReceived) {
  // To no interface at all.
  ASSERT_EQ(Set(datagram_, IPPROTO_IP, IP_IFLIST, 1), kOk);
  EXPECT_TRUE(Interfaces(datagram_).empty());
  SendTo(INADDR_LOOPBACK, "lost");
  ASSERT_EQ(Set(datagram_, IPPROTO_IP, IP_ADD_IFLIST, kLoopback), kOk);
  ASSERT_EQ(Set(datagram_, IPPROTO_IP, IP_ADD_IFLIST, kLoopback), kOk);
  EXPECT_EQ(Interfaces(datagram_), std::vector<DWORD>{kLoopback});
  SendTo(INADDR_LOOPBACK, "one");
  EXPECT_EQ(Receive(), "one");
  ASSERT_EQ(Set(datagram_, IPPROTO_IP, IP_DEL_IFLIST, kLoopback), kOk);
  SendTo(INADDR_LOOPBACK, "lost");
  ASSERT_EQ(Set(datagram_, IPPROTO_IP, IP_IFLIST, 0), kOk);
  SendTo(INADDR_LOOPBACK, "two");
  EXPECT_EQ(Receive(), "two");
}

TEST_F(InterfaceOptionTest, ConnectionsOfOtherInterfacesArentAccepted) {
  SOCKET listener;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&listener, &endpoint), kOk);
  ASSERT_EQ(Set(listener, IPPROTO_IP, IP_IFLIST, 1), kOk);
  // It goes through when the interface is one of those.
  ASSERT_EQ(spi_->SetNonBlocking(stream_, true), kOk);
  ASSERT_EQ(spi_->Connect(stream_, endpoint), WsaCode{WSAEWOULDBLOCK});
  ASSERT_EQ(spi_->SetNonBlocking(listener, true), kOk);
  SOCKET accepted;
  EXPECT_EQ(spi_->Accept(listener, &accepted), WsaCode{WSAEWOULDBLOCK});
  ASSERT_EQ(Set(listener, IPPROTO_IP, IP_ADD_IFLIST, kLoopback), kOk);
  EXPECT_TRUE(
      WaitUntil([&] { return spi_->Accept(listener, &accepted).ok(); }));
}

// The interface to which the socket sends, here by its number; there is no
// route to say another.
TEST_F(InterfaceOptionTest, ALeafJoinsOnTheInterfaceThatWasSet) {
  ASSERT_EQ(Set(datagram_, IPPROTO_IP, IP_MULTICAST_IF,
                static_cast<int>(htonl(kLoopback))),
            kOk);
  sockaddr_in group = {};
  group.sin_family = AF_INET;
  group.sin_port = htons(endpoint_.port);
  group.sin_addr.s_addr = htonl(0xefff4d03);
  int error = 0;
  EXPECT_EQ(spi_->table().lpWSPJoinLeaf(
                datagram_, reinterpret_cast<sockaddr*>(&group), sizeof(group),
                nullptr, nullptr, nullptr, nullptr, JL_RECEIVER_ONLY, &error),
            datagram_)
      << error;
  PeerDatagrams peer(Family::kIpv4, "0.0.0.0");
  peer.SetMulticastInterface(kLoopback);
  ASSERT_TRUE(peer.SendTo("to the group", "239.255.77.3", endpoint_.port));
  EXPECT_EQ(Receive(), "to the group");
}

// DisconnectEx gives it another socket of the kernel's.
TEST_F(InterfaceOptionTest, TheNextConnectionKeepsToInterfacesToo) {
  PeerListener peers;
  ASSERT_EQ(spi_->Connect(stream_, peers.endpoint()), kOk);
  // So that nothing of it is left to be waited for.
  peers.Accept().Reset();
  std::string data;
  ASSERT_EQ(spi_->Recv(stream_, 1, &data), WsaCode{WSAECONNRESET});
  const int index = static_cast<int>(htonl(kLoopback));
  ASSERT_EQ(Set(stream_, IPPROTO_IP, IP_UNICAST_IF, index), kOk);
  // To no interface at all.
  ASSERT_EQ(Set(stream_, IPPROTO_IP, IP_IFLIST, 1), kOk);
  const auto disconnect =
      GetExtension<LPFN_DISCONNECTEX>(*spi_, stream_, WSAID_DISCONNECTEX);
  ASSERT_EQ(CodeOfBool(disconnect(stream_, nullptr, TF_REUSE_SOCKET, 0)), kOk);
  EXPECT_EQ(Value(stream_, IPPROTO_IP, IP_UNICAST_IF), index);
  ASSERT_EQ(spi_->SetNonBlocking(stream_, true), kOk);
  ASSERT_EQ(spi_->Connect(stream_, peers.endpoint()), WsaCode{WSAEWOULDBLOCK});
  EXPECT_FALSE(peers.Accept(milliseconds(50)).is_open());
  // It goes through when the interface is one of those.
  ASSERT_EQ(Set(stream_, IPPROTO_IP, IP_ADD_IFLIST, kLoopback), kOk);
  EXPECT_TRUE(peers.Accept().is_open());
}

TEST_F(InterfaceOptionTest, ThereAreAtMost64) {
  for (int i = 0; i < 31; ++i) {
    ASSERT_TRUE(Ip("link add type veth"));
  }
  // Those that there were have the numbers up to 3.
  for (int index = 1; index <= 64; ++index) {
    ASSERT_EQ(Set(datagram_, IPPROTO_IP, IP_ADD_IFLIST, index), kOk) << index;
  }
  EXPECT_EQ(Set(datagram_, IPPROTO_IP, IP_ADD_IFLIST, 65), WsaCode{WSAENOBUFS});
  ASSERT_EQ(Set(datagram_, IPPROTO_IP, IP_IFLIST, 1), kOk);
  SendTo(INADDR_LOOPBACK, "passes");
  EXPECT_EQ(Receive(), "passes");
}

}  // namespace
}  // namespace wspd::testing
