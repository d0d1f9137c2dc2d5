// What options of IPPROTO_IP, _IPV6 and _UDP do to datagrams (4.10), where
// reading back isn't all there is to it. Groups are in multicast_test.cc, more
// control data in ancillary_test.cc.
#include <cstring>
#include <string>
#include <vector>

#include "mswsock.h"
#include "tests/conformance/datagram_fixture.h"
#include "ws2tcpip.h"

namespace wspd::conformance {
namespace {

using testing::MulticastInterface;

// ------------------------------------------------------------ what is sent

class SentOptionTest : public DatagramFamilyTest {
 protected:
  static int Level() {
    return GetParam() == Family::kIpv4 ? IPPROTO_IP : IPPROTO_IPV6;
  }
};
WSPD_FOR_BOTH_FAMILIES(SentOptionTest);

// TTL 4, UNICAST_HOPS 4.
TEST_P(SentOptionTest, DatagramsLeaveWithTheHopsThatWereSet) {
  static_assert(IP_TTL == IPV6_UNICAST_HOPS, "one number for both");
  const SOCKET s = NewDatagrams(family());
  ASSERT_EQ(SetInt(s, Level(), IP_TTL, 77), kOk);
  peer_.AskForFields();
  EXPECT_EQ(SendDatagram(s, "x", SockAddr::Of(peer_.endpoint())), kOk);
  EXPECT_EQ(peer_.Receive().hops, 77);
}

// UDP SEND_MSG_SIZE 2: one send is several datagrams.
TEST_P(SentOptionTest, OneSendIsCutIntoDatagramsOfTheSizeThatWasSet) {
  const SOCKET s = NewDatagrams(family());
  ASSERT_EQ(SetInt(s, IPPROTO_UDP, UDP_SEND_MSG_SIZE, 4), kOk);
  DWORD sent = 0;
  EXPECT_EQ(SendDatagram(s, "onetwothree", SockAddr::Of(peer_.endpoint()),
                         CallMode::kBlocking, 0, &sent),
            kOk);
  EXPECT_EQ(sent, 11u);
  ExpectNext(&peer_, "onet");
  ExpectNext(&peer_, "woth");
  ExpectNext(&peer_, "ree");
  ASSERT_EQ(SetInt(s, IPPROTO_UDP, UDP_SEND_MSG_SIZE, 0), kOk);
  EXPECT_EQ(SendDatagram(s, "as one", SockAddr::Of(peer_.endpoint())), kOk);
  ExpectNext(&peer_, "as one");
}

// -------------------------------------------------------- what is received

class ReceivedOptionTest : public DatagramTest {
 protected:
  SOCKET NewOnAny() {
    const SOCKET s = NewSocket(Family::kIpv4, Protocol::kUdp);
    EXPECT_EQ(Bind(s, SockAddr::Any(Family::kIpv4)), kOk);
    EXPECT_EQ(GetSockName(s, &name_), kOk);
    return s;
  }
  void SendToOne(const std::string& data) {
    ASSERT_TRUE(peer_.Send(data, {Family::kIpv4, name_.port()}));
  }
  std::vector<DWORD> Interfaces(SOCKET s) {
    std::vector<DWORD> list(16);
    int length = static_cast<int>(list.size() * sizeof(DWORD));
    EXPECT_EQ(GetOption(s, IPPROTO_IP, IP_GET_IFLIST, list.data(), &length),
              kOk);
    list.resize(static_cast<size_t>(length) / sizeof(DWORD));
    return list;
  }

  SockAddr name_;
  PeerDatagrams peer_{Family::kIpv4};
};

// RECEIVE_BROADCAST 22: FALSE keeps them away.
TEST_F(ReceivedOptionTest, BroadcastsAreNotReceivedIfTheyArentWanted) {
  const SOCKET s = NewOnAny();
  ASSERT_EQ(SetInt(s, IPPROTO_IP, IP_RECEIVE_BROADCAST, 0), kOk);
  peer_.AllowBroadcast();
  ASSERT_TRUE(peer_.SendTo("to all", "127.255.255.255", name_.port()));
  SendToOne("to one");
  ExpectNext(s, "to one");
  ASSERT_EQ(SetInt(s, IPPROTO_IP, IP_RECEIVE_BROADCAST, 1), kOk);
  ASSERT_TRUE(peer_.SendTo("to all", "127.255.255.255", name_.port()));
  ExpectNext(s, "to all");
}

// IFLIST 28: only what comes by the interfaces of a list, which is empty at
// first, is received.
TEST_F(ReceivedOptionTest, OnlyListedInterfacesAreReceivedBy) {
  const int loopback = static_cast<int>(MulticastInterface(Family::kIpv4));
  const SOCKET s = NewOnAny();
  ASSERT_EQ(SetInt(s, IPPROTO_IP, IP_IFLIST, 1), kOk);
  SendToOne("to an empty list");
  ASSERT_EQ(SetInt(s, IPPROTO_IP, IP_ADD_IFLIST, loopback), kOk);
  SendToOne("listed");
  ExpectNext(s, "listed");
  ASSERT_EQ(SetInt(s, IPPROTO_IP, IP_DEL_IFLIST, loopback), kOk);
  SendToOne("taken off");
  ASSERT_EQ(SetInt(s, IPPROTO_IP, IP_IFLIST, 0), kOk);
  SendToOne("from anywhere");
  ExpectNext(s, "from anywhere");
}

// ADD_IFLIST 29, DEL_IFLIST 30, GET_IFLIST 33.
TEST_F(ReceivedOptionTest, ListOfInterfacesCanBeRead) {
  const auto loopback = static_cast<DWORD>(MulticastInterface(Family::kIpv4));
  const SOCKET s = NewOnAny();
  ASSERT_EQ(SetInt(s, IPPROTO_IP, IP_IFLIST, 1), kOk);
  EXPECT_EQ(Interfaces(s), std::vector<DWORD>());
  ASSERT_EQ(SetInt(s, IPPROTO_IP, IP_ADD_IFLIST, static_cast<int>(loopback)),
            kOk);
  EXPECT_EQ(Interfaces(s), std::vector<DWORD>{loopback});
  ASSERT_EQ(SetInt(s, IPPROTO_IP, IP_DEL_IFLIST, static_cast<int>(loopback)),
            kOk);
  EXPECT_EQ(Interfaces(s), std::vector<DWORD>());
}

// ----------------------------------------------------- what control data has

using RecvMsgFunction = INT(WSAAPI*)(SOCKET, LPWSAMSG, LPDWORD, LPWSAOVERLAPPED,
                                     LPWSAOVERLAPPED_COMPLETION_ROUTINE);
constexpr GUID kRecvMsg = WSAID_WSARECVMSG;

class ControlOptionTest : public DatagramFamilyTest {
 protected:
  static int Level() {
    return GetParam() == Family::kIpv4 ? IPPROTO_IP : IPPROTO_IPV6;
  }
  // The number of the same option over each family.
  static int Pick(int ipv4, int ipv6) {
    return GetParam() == Family::kIpv4 ? ipv4 : ipv6;
  }

  // The data of the control message of the type of `option`, with which the
  // next datagram comes after that was turned on; empty if there is none.
  std::string ControlFor(int option) {
    const SOCKET s = NewDatagrams(family());
    EXPECT_EQ(SetInt(s, Level(), option, 1), kOk);
    SendFrom(&peer_, s, "x");
    const auto function =
        reinterpret_cast<RecvMsgFunction>(FindExtension(s, kRecvMsg));
    EXPECT_NE(function, nullptr);
    if (function == nullptr) return "";
    char data[10];
    alignas(8) char control[200] = {};
    WSABUF part = {sizeof(data), data};
    SockAddr from;
    WSAMSG message = {
        from.get(), from.length(), &part, 1, {sizeof(control), control}, 0};
    DWORD received = 0;
    EXPECT_EQ(function(s, &message, &received, nullptr, nullptr), 0)
        << WsaCode{WSAGetLastError()};
    WSACMSGHDR header;
    for (size_t at = 0; at + sizeof(header) <= message.Control.len;
         at += (header.cmsg_len + 7) / 8 * 8) {
      std::memcpy(&header, control + at, sizeof(header));
      if (header.cmsg_len < sizeof(header)) break;
      if (header.cmsg_level == Level() && header.cmsg_type == option) {
        return std::string(control + at + sizeof(header),
                           header.cmsg_len - sizeof(header));
      }
    }
    return "";
  }
  static int Number(const std::string& data) {
    int number = -1;
    if (data.size() == sizeof(number)) {
      std::memcpy(&number, data.data(), sizeof(number));
    }
    return number;
  }
  static std::string LoopbackAddress() {
    SockAddr loopback = SockAddr::Loopback(GetParam(), 0);
    return GetParam() == Family::kIpv4
               ? std::string(
                     reinterpret_cast<const char*>(&loopback.in().sin_addr),
                     sizeof(in_addr))
               : std::string(
                     reinterpret_cast<const char*>(&loopback.in6().sin6_addr),
                     sizeof(in6_addr));
  }
};
WSPD_FOR_BOTH_FAMILIES(ControlOptionTest);

// RECVIF 24.
TEST_P(ControlOptionTest, InterfaceIsTold) {
  EXPECT_EQ(Number(ControlFor(Pick(IP_RECVIF, IPV6_RECVIF))),
            static_cast<int>(MulticastInterface(Family::kIpv4)));
}

// RECVDSTADDR 25.
TEST_P(ControlOptionTest, DestinationIsTold) {
  EXPECT_EQ(ControlFor(Pick(IP_RECVDSTADDR, IPV6_RECVDSTADDR)),
            LoopbackAddress());
}

// ORIGINAL_ARRIVAL_IF 47.
TEST_P(ControlOptionTest, OriginalInterfaceIsTold) {
  constexpr int kOriginalArrivalIf = 47;
  EXPECT_EQ(Number(ControlFor(kOriginalArrivalIf)),
            static_cast<int>(MulticastInterface(Family::kIpv4)));
}

// ECN 50: the two bits alone.
TEST_P(ControlOptionTest, CongestionBitsAreTold) {
  peer_.SetTrafficClass(0xb9);
  EXPECT_EQ(Number(ControlFor(Pick(IP_ECN, IPV6_ECN))), 1);
}

// PKTINFO_EX 51: as PKTINFO, with a zone behind.
TEST_P(ControlOptionTest, PacketInformationWithItsZoneIsTold) {
  const std::string info = ControlFor(Pick(IP_PKTINFO_EX, IPV6_PKTINFO_EX));
  const std::string address = LoopbackAddress();
  ASSERT_EQ(info.size(), address.size() + 2 * sizeof(ULONG));
  EXPECT_EQ(info.substr(0, address.size()), address);
  EXPECT_EQ(Number(info.substr(address.size(), sizeof(ULONG))),
            static_cast<int>(MulticastInterface(Family::kIpv4)));
}

}  // namespace
}  // namespace wspd::conformance
