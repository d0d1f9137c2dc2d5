// Socket options: values as Linux keeps them, errors, TCP_INFO, and ioctls.
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <sys/ioctl.h>

#include <cstring>
#include <vector>

#include "tests/preload/behaviour/fixture.h"

namespace wspd::preload {
namespace {

// An option with an int for a value.
struct IntOption {
  const char* name;
  int level;
  int option;
  int initial;  // kAny: whatever it is
  int set;
  int read_back;
  bool streams;
  bool datagrams;
};

constexpr int kAny = -1234;

const IntOption kGeneralOptions[] = {
    {"Reuseaddr", SOL_SOCKET, SO_REUSEADDR, 0, 1, 1, true, true},
    {"Reuseport", SOL_SOCKET, SO_REUSEPORT, 0, 1, 1, true, true},
    {"Keepalive", SOL_SOCKET, SO_KEEPALIVE, 0, 1, 1, true, false},
    {"Broadcast", SOL_SOCKET, SO_BROADCAST, 0, 1, 1, true, true},
    {"Dontroute", SOL_SOCKET, SO_DONTROUTE, 0, 1, 1, true, true},
    {"Oobinline", SOL_SOCKET, SO_OOBINLINE, 0, 1, 1, true, true},
    // Linux doubles these.
    {"Sndbuf", SOL_SOCKET, SO_SNDBUF, kAny, 20000, 40000, true, true},
    {"Rcvbuf", SOL_SOCKET, SO_RCVBUF, kAny, 20000, 40000, true, true},
    {"Rcvlowat", SOL_SOCKET, SO_RCVLOWAT, 1, 5, 5, true, true},
    {"Priority", SOL_SOCKET, SO_PRIORITY, 0, 3, 3, true, true},
    {"Timestamp", SOL_SOCKET, SO_TIMESTAMP, 0, 1, 1, true, true},
    {"Timestampns", SOL_SOCKET, SO_TIMESTAMPNS, 0, 1, 1, true, true},
    {"Rxqovfl", SOL_SOCKET, SO_RXQ_OVFL, 0, 1, 1, true, true},
    {"Zerocopy", SOL_SOCKET, SO_ZEROCOPY, 0, 1, 1, true, true},
    {"PeekOff", SOL_SOCKET, SO_PEEK_OFF, -1, 2, 2, false, true},
    {"Nodelay", IPPROTO_TCP, TCP_NODELAY, 0, 1, 1, true, false},
    {"Cork", IPPROTO_TCP, TCP_CORK, 0, 1, 1, true, false},
    {"Keepidle", IPPROTO_TCP, TCP_KEEPIDLE, kAny, 77, 77, true, false},
    {"Keepintvl", IPPROTO_TCP, TCP_KEEPINTVL, kAny, 12, 12, true, false},
    {"Keepcnt", IPPROTO_TCP, TCP_KEEPCNT, kAny, 4, 4, true, false},
    {"Syncnt", IPPROTO_TCP, TCP_SYNCNT, kAny, 3, 3, true, false},
    {"Linger2", IPPROTO_TCP, TCP_LINGER2, kAny, 9, 9, true, false},
    {"DeferAccept", IPPROTO_TCP, TCP_DEFER_ACCEPT, 0, 1, 1, true, false},
    {"UserTimeout", IPPROTO_TCP, TCP_USER_TIMEOUT, 0, 5000, 5000, true, false},
    {"NotsentLowat", IPPROTO_TCP, TCP_NOTSENT_LOWAT, kAny, 9000, 9000, true,
     false},
    {"Maxseg", IPPROTO_TCP, TCP_MAXSEG, kAny, 800, kAny, true, false},
    {"WindowClamp", IPPROTO_TCP, TCP_WINDOW_CLAMP, 0, 30000, 30000, true,
     false},
    {"UdpCork", IPPROTO_UDP, UDP_CORK, 0, 1, 1, false, true},
    {"UdpSegment", IPPROTO_UDP, UDP_SEGMENT, 0, 500, 500, false, true},
    {"UdpGro", IPPROTO_UDP, UDP_GRO, 0, 1, 1, false, true},
};

const IntOption kFamilyOptions[] = {
    {"Tos", IPPROTO_IP, IP_TOS, 0, 0x10, 0x10, true, true},
    {"Ttl", IPPROTO_IP, IP_TTL, kAny, 33, 33, true, true},
    {"MtuDiscover", IPPROTO_IP, IP_MTU_DISCOVER, kAny, IP_PMTUDISC_DO,
     IP_PMTUDISC_DO, true, true},
    {"Recvttl", IPPROTO_IP, IP_RECVTTL, 0, 1, 1, true, true},
    {"Recvtos", IPPROTO_IP, IP_RECVTOS, 0, 1, 1, true, true},
    {"Pktinfo", IPPROTO_IP, IP_PKTINFO, 0, 1, 1, true, true},
    {"Recverr", IPPROTO_IP, IP_RECVERR, 0, 1, 1, true, true},
    {"Freebind", IPPROTO_IP, IP_FREEBIND, 0, 1, 1, true, true},
    {"BindAddressNoPort", IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 0, 1, 1, true,
     true},
    {"Minttl", IPPROTO_IP, IP_MINTTL, 0, 5, 5, true, true},
    {"MulticastTtl", IPPROTO_IP, IP_MULTICAST_TTL, 1, 7, 7, false, true},
    {"MulticastLoop", IPPROTO_IP, IP_MULTICAST_LOOP, 1, 0, 0, false, true},
    {"V6only", IPPROTO_IPV6, IPV6_V6ONLY, kAny, 1, 1, true, true},
    {"UnicastHops", IPPROTO_IPV6, IPV6_UNICAST_HOPS, kAny, 33, 33, true, true},
    {"Tclass", IPPROTO_IPV6, IPV6_TCLASS, 0, 0x10, 0x10, true, true},
    {"V6MtuDiscover", IPPROTO_IPV6, IPV6_MTU_DISCOVER, kAny, IPV6_PMTUDISC_DO,
     IPV6_PMTUDISC_DO, true, true},
    {"Recvpktinfo", IPPROTO_IPV6, IPV6_RECVPKTINFO, 0, 1, 1, true, true},
    {"Recvhoplimit", IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 0, 1, 1, true, true},
    {"Recvtclass", IPPROTO_IPV6, IPV6_RECVTCLASS, 0, 1, 1, true, true},
    {"V6Recverr", IPPROTO_IPV6, IPV6_RECVERR, 0, 1, 1, true, true},
    {"V6Freebind", IPPROTO_IPV6, IPV6_FREEBIND, 0, 1, 1, true, true},
    {"MulticastHops", IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 1, 7, 7, false, true},
    {"V6MulticastLoop", IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 1, 0, 0, false,
     true},
};

struct OptionCase {
  int family;
  int type;
  IntOption option;
};

std::vector<OptionCase> AllCases() {
  std::vector<OptionCase> cases;
  const auto add = [&](int family, const IntOption& option) {
    if (option.streams) cases.push_back({family, SOCK_STREAM, option});
    if (option.datagrams) cases.push_back({family, SOCK_DGRAM, option});
  };
  for (const IntOption& option : kGeneralOptions) {
    add(AF_INET, option);
    add(AF_INET6, option);
  }
  for (const IntOption& option : kFamilyOptions) {
    add(option.level == IPPROTO_IP ? AF_INET : AF_INET6, option);
  }
  return cases;
}

class IntOptionTest : public ::testing::TestWithParam<OptionCase> {};

std::string OptionCaseName(const ::testing::TestParamInfo<OptionCase>& info) {
  return SocketName({{info.param.family, info.param.type}, 0}) +
         info.param.option.name;
}

INSTANTIATE_TEST_SUITE_P(, IntOptionTest, ::testing::ValuesIn(AllCases()),
                         OptionCaseName);

// What is set is read back, also by a duplicate.
TEST_P(IntOptionTest, IsReadBack) {
  const auto& [family, type, option] = GetParam();
  const OwnedFd made = OurSocket(family, type);
  const int initial = GetOption(made.get(), option.level, option.option);
  if (option.initial != kAny) {
    EXPECT_EQ(initial, option.initial);
  }
  SetOption(made.get(), option.level, option.option, option.set);
  const OwnedFd duplicate(dup(made.get()));
  const int value = GetOption(duplicate.get(), option.level, option.option);
  if (option.read_back != kAny) {
    EXPECT_EQ(value, option.read_back);
  }
}

class OptionTest : public SocketTest {
 protected:
  OwnedFd made_ = Socket();
  int fd() const { return made_.get(); }
};
INSTANTIATE_FOR_SOCKETS(OptionTest);

TEST_P(OptionTest, UnknownOnes) {
  int value = 0;
  socklen_t size = sizeof(value);
  EXPECT_EQ(Call(getsockopt(fd(), SOL_SOCKET, 9999, &value, &size)),
            Fails(ENOPROTOOPT));
  EXPECT_EQ(Call(setsockopt(fd(), SOL_SOCKET, 9999, &value, size)),
            Fails(ENOPROTOOPT));
  const int level = type() == SOCK_STREAM ? IPPROTO_TCP : IPPROTO_UDP;
  EXPECT_EQ(Call(getsockopt(fd(), level, 9999, &value, &size)),
            Fails(ENOPROTOOPT));
  EXPECT_EQ(Call(setsockopt(fd(), level, 9999, &value, size)),
            Fails(ENOPROTOOPT));
}

TEST_P(OptionTest, ReadOnlyOnes) {
  const int value = 1;
  for (const int option : {SO_TYPE, SO_DOMAIN, SO_PROTOCOL, SO_ERROR}) {
    EXPECT_EQ(Call(setsockopt(fd(), SOL_SOCKET, option, &value, sizeof(value))),
              Fails(ENOPROTOOPT));
  }
}

// A value is cut to its room, and the length says so.
TEST_P(OptionTest, ValueIsCut) {
  uint8_t bytes[8] = {9, 9, 9, 9, 9, 9, 9, 9};
  socklen_t size = 1;
  ASSERT_SUCCESS(getsockopt(fd(), SOL_SOCKET, SO_TYPE, bytes, &size));
  EXPECT_EQ(size, 1u);
  EXPECT_EQ(bytes[0], type());
  EXPECT_EQ(bytes[1], 9);
  size = sizeof(bytes);
  ASSERT_SUCCESS(getsockopt(fd(), SOL_SOCKET, SO_TYPE, bytes, &size));
  EXPECT_EQ(size, sizeof(int));
  EXPECT_EQ(bytes[4], 9);
}

TEST_P(OptionTest, ValueThatIsTooShort) {
  const char value = 1;
  EXPECT_EQ(Call(setsockopt(fd(), SOL_SOCKET, SO_REUSEADDR, &value, 1)),
            Fails(EINVAL));
}

TEST_P(OptionTest, ValueThatIsNowhere) {
  void* const nowhere = Nowhere();
  socklen_t size = sizeof(int);
  EXPECT_EQ(Call(setsockopt(fd(), SOL_SOCKET, SO_REUSEADDR, nowhere, size)),
            Fails(EFAULT));
  EXPECT_EQ(Call(getsockopt(fd(), SOL_SOCKET, SO_REUSEADDR, nowhere, &size)),
            Fails(EFAULT));
}

TEST_P(OptionTest, Linger) {
  const linger set = {1, 7};
  ASSERT_SUCCESS(setsockopt(fd(), SOL_SOCKET, SO_LINGER, &set, sizeof(set)));
  linger got = {};
  socklen_t size = sizeof(got);
  ASSERT_SUCCESS(getsockopt(fd(), SOL_SOCKET, SO_LINGER, &got, &size));
  EXPECT_EQ(size, sizeof(got));
  EXPECT_EQ(got.l_onoff, 1);
  EXPECT_EQ(got.l_linger, 7);
}

TEST_P(OptionTest, Timeouts) {
  for (const int option : {SO_RCVTIMEO, SO_SNDTIMEO}) {
    const timeval set = {7, 240000};
    ASSERT_SUCCESS(setsockopt(fd(), SOL_SOCKET, option, &set, sizeof(set)));
    timeval got = {};
    socklen_t size = sizeof(got);
    ASSERT_SUCCESS(getsockopt(fd(), SOL_SOCKET, option, &got, &size));
    EXPECT_EQ(got.tv_sec, 7);
    EXPECT_EQ(got.tv_usec, 240000);
    const timeval wrong = {0, 1000000};
    EXPECT_EQ(Call(setsockopt(fd(), SOL_SOCKET, option, &wrong, sizeof(wrong))),
              Fails(EDOM));
  }
}

TEST_P(OptionTest, BoundDevice) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  ASSERT_SUCCESS(setsockopt(fd(), SOL_SOCKET, SO_BINDTODEVICE, "lo", 3));
  char name[IFNAMSIZ] = {};
  socklen_t size = sizeof(name);
  ASSERT_SUCCESS(getsockopt(fd(), SOL_SOCKET, SO_BINDTODEVICE, name, &size));
  EXPECT_STREQ(name, "lo");
  EXPECT_EQ(Call(setsockopt(fd(), SOL_SOCKET, SO_BINDTODEVICE, "nosuch", 7)),
            Fails(ENODEV));
}

TEST_P(OptionTest, Mark) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  SetOption(fd(), SOL_SOCKET, SO_MARK, 42);
  EXPECT_EQ(GetOption(fd(), SOL_SOCKET, SO_MARK), 42);
}

// Each socket has one of its own, the same for its duplicates.
TEST_P(OptionTest, Cookie) {
  const auto cookie = [](int fd) {
    uint64_t value = 0;
    socklen_t size = sizeof(value);
    EXPECT_SUCCESS(getsockopt(fd, SOL_SOCKET, SO_COOKIE, &value, &size));
    return value;
  };
  const OwnedFd duplicate(dup(fd()));
  EXPECT_NE(cookie(fd()), 0u);
  EXPECT_EQ(cookie(duplicate.get()), cookie(fd()));
  EXPECT_NE(cookie(Socket().get()), cookie(fd()));
}

TEST_P(OptionTest, OptionsOfTheOtherProtocol) {
  int value = 1;
  socklen_t size = sizeof(value);
  if (type() == SOCK_STREAM) {
    EXPECT_EQ(Call(setsockopt(fd(), IPPROTO_UDP, UDP_CORK, &value, size)),
              Fails(ENOPROTOOPT));
  } else {
    EXPECT_EQ(Call(setsockopt(fd(), IPPROTO_TCP, TCP_NODELAY, &value, size)),
              Fails(ENOPROTOOPT));
  }
}

// The interfaces are those of the daemon's network, which has a loopback one.
TEST_P(OptionTest, InterfaceIoctls) {
  ifreq request = {};
  strcpy(request.ifr_name, "lo");
  ASSERT_SUCCESS(ioctl(fd(), SIOCGIFFLAGS, &request));
  EXPECT_EQ(request.ifr_flags & (IFF_LOOPBACK | IFF_UP), IFF_LOOPBACK | IFF_UP);
  ASSERT_SUCCESS(ioctl(fd(), SIOCGIFINDEX, &request));
  EXPECT_GT(request.ifr_ifindex, 0);
  ASSERT_SUCCESS(ioctl(fd(), SIOCGIFMTU, &request));
  EXPECT_GT(request.ifr_mtu, 0);
  strcpy(request.ifr_name, "nosuch");
  EXPECT_EQ(Call(ioctl(fd(), SIOCGIFFLAGS, &request)), Fails(ENODEV));
}

TEST_P(OptionTest, InterfaceList) {
  char room[4096];
  ifconf list = {};
  list.ifc_len = sizeof(room);
  list.ifc_buf = room;
  ASSERT_SUCCESS(ioctl(fd(), SIOCGIFCONF, &list));
  bool found = false;
  for (int at = 0; at < list.ifc_len; at += sizeof(ifreq)) {
    found |= strcmp(reinterpret_cast<ifreq*>(room + at)->ifr_name, "lo") == 0;
  }
  EXPECT_TRUE(found);
}

TEST_P(OptionTest, IoctlsOfOtherThings) {
  int value = 0;
  EXPECT_EQ(Call(ioctl(fd(), TIOCGWINSZ, &value)), Fails(ENOTTY));
}

TEST_P(OptionTest, CloseOnExecByIoctl) {
  ASSERT_SUCCESS(ioctl(fd(), FIOCLEX));
  EXPECT_EQ(Call(fcntl(fd(), F_GETFD)), Gives(FD_CLOEXEC));
  ASSERT_SUCCESS(ioctl(fd(), FIONCLEX));
  EXPECT_EQ(Call(fcntl(fd(), F_GETFD)), Gives(0));
}

class ConnectionOptionTest : public ConnectionTest {
 protected:
  tcp_info Info() const {
    tcp_info info = {};
    socklen_t size = sizeof(info);
    EXPECT_SUCCESS(getsockopt(ours(), IPPROTO_TCP, TCP_INFO, &info, &size));
    return info;
  }
};
INSTANTIATE_FOR_CONNECTIONS(ConnectionOptionTest);

TEST_P(ConnectionOptionTest, TcpInfo) {
  const tcp_info info = Info();
  EXPECT_EQ(info.tcpi_state, TCP_ESTABLISHED);
  EXPECT_GT(info.tcpi_snd_mss, 0u);
  EXPECT_GT(info.tcpi_rcv_mss, 0u);
  EXPECT_GT(info.tcpi_snd_cwnd, 0u);
  EXPECT_EQ(info.tcpi_unacked, 0u);
}

// What libcurl, Go and others ask whether a pooled connection still lives.
TEST_P(ConnectionOptionTest, TcpInfoOfAnEndedConnection) {
  ClosePeer();
  EXPECT_TRUE(Ends(ours()));
  EXPECT_EQ(Info().tcpi_state, TCP_CLOSE_WAIT);
}

TEST_P(ConnectionOptionTest, TcpInfoIsCut) {
  uint8_t state[4] = {9, 9, 9, 9};
  socklen_t size = 1;
  ASSERT_SUCCESS(getsockopt(ours(), IPPROTO_TCP, TCP_INFO, state, &size));
  EXPECT_EQ(size, 1u);
  EXPECT_EQ(state[0], TCP_ESTABLISHED);
  EXPECT_EQ(state[1], 9);
}

TEST_P(ConnectionOptionTest, Congestion) {
  char name[16] = {};
  socklen_t size = sizeof(name);
  ASSERT_SUCCESS(getsockopt(ours(), IPPROTO_TCP, TCP_CONGESTION, name, &size));
  EXPECT_GT(strlen(name), 0u);
  ASSERT_SUCCESS(setsockopt(ours(), IPPROTO_TCP, TCP_CONGESTION, "reno", 4));
  size = sizeof(name);
  ASSERT_SUCCESS(getsockopt(ours(), IPPROTO_TCP, TCP_CONGESTION, name, &size));
  EXPECT_STREQ(name, "reno");
  EXPECT_EQ(Call(setsockopt(ours(), IPPROTO_TCP, TCP_CONGESTION, "nosuch", 6)),
            Fails(ENOENT));
}

TEST_P(ConnectionOptionTest, Maxseg) {
  EXPECT_GT(GetOption(ours(), IPPROTO_TCP, TCP_MAXSEG), 500);
}

TEST_P(ConnectionOptionTest, PathMtu) {
  const bool four = family() == AF_INET;
  EXPECT_GT(GetOption(ours(), four ? IPPROTO_IP : IPPROTO_IPV6,
                      four ? IP_MTU : IPV6_MTU),
            500);
}

TEST_P(ConnectionOptionTest, QuickAck) {
  SetOption(ours(), IPPROTO_TCP, TCP_QUICKACK, 1);
  EXPECT_EQ(GetOption(ours(), IPPROTO_TCP, TCP_QUICKACK), 1);
}

// Corked bytes wait for the uncorking.
TEST_P(ConnectionOptionTest, CorkedBytesWait) {
  SetOption(ours(), IPPROTO_TCP, TCP_CORK, 1);
  EXPECT_EQ(Call(send(ours(), "abc", 3, 0)), Gives(3));
  EXPECT_EQ(Readiness(peer(), POLLIN), 0);
  SetOption(ours(), IPPROTO_TCP, TCP_CORK, 0);
  EXPECT_EQ(Receive(peer(), 3), "abc");
}

TEST_P(ConnectionOptionTest, NoErrorYet) {
  EXPECT_EQ(GetOption(ours(), SOL_SOCKET, SO_ERROR), 0);
}

TEST_P(ConnectionOptionTest, OptionsAreStillSetWhenConnected) {
  SetOption(ours(), IPPROTO_TCP, TCP_NODELAY, 1);
  SetOption(ours(), SOL_SOCKET, SO_KEEPALIVE, 1);
  SetOption(ours(), IPPROTO_TCP, TCP_KEEPIDLE, 99);
  EXPECT_EQ(GetOption(ours(), IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_EQ(GetOption(ours(), SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(GetOption(ours(), IPPROTO_TCP, TCP_KEEPIDLE), 99);
}

// A Unix socket would say who the peer is.
TEST_P(ConnectionOptionTest, PeerCredentialsAreForUnixSockets) {
  ucred credentials = {};
  socklen_t size = sizeof(credentials);
  ASSERT_SUCCESS(
      getsockopt(ours(), SOL_SOCKET, SO_PEERCRED, &credentials, &size));
  EXPECT_EQ(credentials.pid, 0);
  EXPECT_EQ(credentials.uid, static_cast<uid_t>(-1));
}

}  // namespace
}  // namespace wspd::preload
