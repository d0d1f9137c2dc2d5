#include "daemon/relay/relay_pair.h"

#include <errno.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "gtest/gtest.h"

namespace wspd {
namespace {

using wsp::relay::Kind;
using wsp::relay::Name;

const Name kName = {0x1234, 42, Kind::kStream, AF_INET6, IPPROTO_TCP};

Name PeerNameOf(int fd) {
  sockaddr_un address{};
  socklen_t size = sizeof(address);
  Name name;
  EXPECT_EQ(getpeername(fd, reinterpret_cast<sockaddr*>(&address), &size), 0);
  EXPECT_TRUE(wsp::relay::ParseName(address, size, &name));
  return name;
}

int TypeOf(int fd) {
  int type = 0;
  socklen_t size = sizeof(type);
  EXPECT_EQ(getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size), 0);
  return type;
}

TEST(RelayPairTest, TheProgramsEndSaysWhatItIs) {
  RelayPair pair;
  ASSERT_EQ(MakeRelayPair(kName, false, false, &pair), 0);
  const Name name = PeerNameOf(pair.program.get());
  EXPECT_EQ(name.instance, 0x1234u);
  EXPECT_EQ(name.number, 42u);
  EXPECT_EQ(name.kind, Kind::kStream);
  EXPECT_EQ(name.family, AF_INET6);
  EXPECT_EQ(name.protocol, IPPROTO_TCP);
  EXPECT_EQ(CookieOf(pair.program.get()), pair.cookie);
  EXPECT_NE(CookieOf(pair.daemon.get()), pair.cookie);
  EXPECT_EQ(TypeOf(pair.program.get()), SOCK_STREAM);
}

TEST(RelayPairTest, DatagramsHaveTheirBounds) {
  Name name = kName;
  name.number = 43;
  name.kind = Kind::kDatagram;
  RelayPair pair;
  ASSERT_EQ(MakeRelayPair(name, false, false, &pair), 0);
  EXPECT_EQ(TypeOf(pair.program.get()), SOCK_SEQPACKET);
}

TEST(RelayPairTest, AUsedNameIsAnError) {
  RelayPair one;
  RelayPair other;
  ASSERT_EQ(MakeRelayPair(kName, false, false, &one), 0);
  EXPECT_EQ(MakeRelayPair(kName, false, false, &other), EADDRINUSE);
}

TEST(RelayPairTest, AFewBytesFillAnUnconnectedStream) {
  RelayPair pair;
  ASSERT_EQ(MakeRelayPair(kName, true, false, &pair), 0);
  int sent = 0;
  while (send(pair.program.get(), "", 1, MSG_DONTWAIT) == 1) ++sent;
  EXPECT_EQ(errno, EAGAIN);
  EXPECT_GT(sent, 0);
  EXPECT_LE(sent, 16);
  Name accepted = kName;
  accepted.number = 44;
  accepted.kind = Kind::kConnection;
  ASSERT_EQ(MakeRelayPair(accepted, true, true, &pair), 0);
  const std::string bytes(64 << 10, 'x');
  EXPECT_EQ(send(pair.program.get(), bytes.data(), bytes.size(), MSG_DONTWAIT),
            static_cast<ssize_t>(bytes.size()));
}

TEST(RelayPairTest, AShutdownIsNoClose) {
  RelayPair pair;
  ASSERT_EQ(MakeRelayPair(kName, false, false, &pair), 0);
  EXPECT_EQ(FindProgramEnd(pair.daemon.get()), ProgramEnd::kOpen);
  shutdown(pair.program.get(), SHUT_RDWR);
  shutdown(pair.daemon.get(), SHUT_RDWR);
  EXPECT_EQ(FindProgramEnd(pair.daemon.get()), ProgramEnd::kOpen);
  OwnedFd again(dup(pair.program.get()));
  pair.program.Reset();
  EXPECT_EQ(FindProgramEnd(pair.daemon.get()), ProgramEnd::kOpen);
  again.Reset();
  EXPECT_EQ(FindProgramEnd(pair.daemon.get()), ProgramEnd::kClosed);
}

TEST(RelayPairTest, WithoutADescriptorToAskByNothingIsKnown) {
  RelayPair pair;
  ASSERT_EQ(MakeRelayPair(kName, false, false, &pair), 0);
  rlimit limit;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  rlimit none = limit;
  none.rlim_cur = 0;
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  const ProgramEnd open = FindProgramEnd(pair.daemon.get());
  pair.program.Reset();
  const ProgramEnd closed = FindProgramEnd(pair.daemon.get());
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(open, ProgramEnd::kUnknown);
  EXPECT_EQ(closed, ProgramEnd::kUnknown);
  EXPECT_EQ(FindProgramEnd(pair.daemon.get()), ProgramEnd::kClosed);
}

}  // namespace
}  // namespace wspd
