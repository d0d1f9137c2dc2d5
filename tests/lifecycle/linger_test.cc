// A socket that was closed still delivers what WSPSend accepted, also when its
// process has cleaned up, exited or died since.
#include <signal.h>
#include <unistd.h>

#include <string>

#include "tests/testing/child_process.h"
#include "tests/testing/pattern.h"
#include "tests/testing/process_files.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/role.h"
#include "tests/testing/spawn.h"

namespace wspd::testing {
namespace {

constexpr size_t kSize = 8 << 20;

// What the process does after closing its socket.
constexpr char kExit[] = "cleanup and exit";
constexpr char kStay[] = "cleanup and stay";
constexpr char kExitAtOnce[] = "exit without cleanup";
constexpr char kBeKilled[] = "be killed";

// Connects to port [0] of family [1], sends 8 MiB, closes, and does as [2]
// says.
int SendAndClose(Role& role) {
  const Endpoint endpoint = {
      role.arguments[1] == "4" ? Family::kIpv4 : Family::kIpv6,
      static_cast<uint16_t>(std::stoi(role.arguments[0]))};
  const std::string& then = role.arguments[2];
  std::unique_ptr<Spi> spi = Spi::Load();
  WSPD_ROLE_CHECK(spi != nullptr, "load");
  SOCKET s;
  WsaCode code = spi->Startup();
  WSPD_ROLE_CHECK(code.ok(), ToString(code));
  code = spi->ConnectNew(endpoint, &s);
  WSPD_ROLE_CHECK(code.ok(), ToString(code));
  role.parent.Send("connected");
  WSPD_ROLE_CHECK(role.parent.Receive() == "send", "told to send");
  // The peer's data is there and stays unread.
  u_long unread = 0;
  WSPD_ROLE_CHECK(WaitUntil([&] {
                    return spi->BytesReadable(s, &unread).ok() && unread > 0;
                  }),
                  "peer's data");
  size_t sent = 0;
  code = spi->Send(s, Pattern(0, kSize), &sent);
  WSPD_ROLE_CHECK(code.ok() && sent == kSize, ToString(code));
  code = spi->Close(s);
  WSPD_ROLE_CHECK(code.ok(), ToString(code));
  if (then == kExitAtOnce) _exit(0);
  if (then != kBeKilled) {
    code = spi->Cleanup();
    WSPD_ROLE_CHECK(code.ok(), ToString(code));
    WSPD_ROLE_CHECK(spi->Unload(), "unload");
  }
  role.parent.Send("closed");
  if (then == kExit) return 0;
  role.parent.Receive();  // until the parent kills this process, or goes
  return 0;
}
const RoleRegistration kSendAndClose("SendAndClose", SendAndClose);

struct Way {
  const char* name;
  Family family;
  const char* then;
};

class LingerTest : public ProviderTest,
                   public ::testing::WithParamInterface<Way> {
 protected:
  LingerTest()
      : listener_([] {
          PeerListener::Options options;
          options.family = GetParam().family;
          options.receive_buffer = 65536;
          return options;
        }()) {}

  // Reads no more than is needed for the child to get on until it has ended, or
  // is past its cleanup; then the rest.
  PeerSocket::Rest ReadSlowly(PeerSocket* peer, ChildProcess* child) {
    PeerSocket::Rest rest;
    EXPECT_TRUE(WaitUntil([&] {
      rest.data += peer->ReadWhatIsThere(16384);
      return child->channel().HasMessage();
    }));
    if (GetParam().then != kExitAtOnce) {
      EXPECT_EQ(child->channel().Receive(), "closed");
    }
    if (GetParam().then == kBeKilled) child->Signal(SIGKILL);
    if (GetParam().then != kStay) {
      const int status = child->Wait();
      EXPECT_EQ(status, GetParam().then == kBeKilled ? SIGKILL : 0)
          << DescribeStatus(status);
    }
    read_while_open_ = rest.data.size();
    const PeerSocket::Rest end = peer->ReadToEnd();
    rest.data += end.data;
    rest.ending = end.ending;
    return rest;
  }

  PeerListener listener_;
  size_t read_while_open_ = 0;
};

TEST_P(LingerTest, EveryByteArrivesAndTheEndIsOrderly) {
  ChildProcess child(
      "SendAndClose",
      {std::to_string(listener_.endpoint().port),
       GetParam().family == Family::kIpv4 ? "4" : "6", GetParam().then});
  ASSERT_EQ(child.channel().Receive(), "connected");
  PeerSocket peer = listener_.Accept();
  ASSERT_TRUE(peer.is_open());
  ASSERT_TRUE(peer.Write(std::string(100000, 'u')));
  child.channel().Send("send");
  const PeerSocket::Rest rest = ReadSlowly(&peer, &child);
  EXPECT_EQ(rest.ending, Ending::kOrderly);
  EXPECT_EQ(rest.data.size(), kSize);
  EXPECT_EQ(PatternError(rest.data, 0), "");
  EXPECT_LT(read_while_open_, kSize) << "nothing was left for afterwards";
}

INSTANTIATE_TEST_SUITE_P(
    After, LingerTest,
    ::testing::Values(Way{"CleanupAndExit", Family::kIpv4, kExit},
                      Way{"CleanupAndExitIpv6", Family::kIpv6, kExit},
                      Way{"CleanupInALivingProcess", Family::kIpv4, kStay},
                      Way{"ExitWithoutCleanup", Family::kIpv4, kExitAtOnce},
                      Way{"Death", Family::kIpv4, kBeKilled},
                      Way{"DeathIpv6", Family::kIpv6, kBeKilled}),
    [](const auto& info) { return info.param.name; });

class DrainTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }
};

TEST_F(DrainTest, PeerMayGoOnSendingToAClosedSocket) {
  Connection connection = Connect();
  const std::string sent = Pattern(0, 1 << 20);
  ASSERT_EQ(spi_->Send(connection.socket, sent), kOk);
  ASSERT_EQ(spi_->Close(connection.socket), kOk);
  ASSERT_EQ(spi_->Cleanup(), kOk);
  ASSERT_TRUE(connection.peer.Write(std::string(1 << 20, 'u')));
  const PeerSocket::Rest rest = connection.peer.ReadToEnd();
  EXPECT_EQ(rest.ending, Ending::kOrderly);
  EXPECT_EQ(PatternError(rest.data, 0), "");
  EXPECT_EQ(rest.data.size(), sent.size());
}

TEST_F(DrainTest, CloseWithZeroLingerResets) {
  Connection connection = Connect();
  ASSERT_EQ(spi_->SetLinger(connection.socket, true, 0), kOk);
  EXPECT_EQ(spi_->Close(connection.socket), kOk);
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
}

TEST_F(DrainTest, CloseIsOrderlyByDefault) {
  Connection connection = Connect();
  EXPECT_EQ(spi_->Close(connection.socket), kOk);
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kOrderly);
}

TEST_F(DrainTest, CloseWithLingerWaitsForThePeerAtMostItsTime) {
  PeerListener::Options options;
  options.receive_buffer = 4096;
  PeerListener listener(options);
  Connection connection = Connect(listener);
  ASSERT_EQ(spi_->SetNonBlocking(connection.socket, true), kOk);
  const std::string chunk(1 << 16, 'x');
  while (spi_->Send(connection.socket, chunk).ok()) {
  }
  ASSERT_EQ(spi_->SetNonBlocking(connection.socket, false), kOk);
  ASSERT_EQ(spi_->SetLinger(connection.socket, true, 1), kOk);
  const milliseconds time =
      TimeOf([&] { EXPECT_EQ(spi_->Close(connection.socket), kOk); });
  EXPECT_GE(time, milliseconds(900));
  EXPECT_LT(time, seconds(10));
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
}

TEST_F(DrainTest, NonBlockingCloseWithLingerWouldBlockAndStaysOpen) {
  PeerListener::Options options;
  options.receive_buffer = 4096;
  PeerListener listener(options);
  Connection connection = Connect(listener);
  ASSERT_EQ(spi_->SetNonBlocking(connection.socket, true), kOk);
  size_t total = 0, sent = 0;
  while (spi_->Send(connection.socket, Pattern(total, 1 << 16), &sent).ok()) {
    total += sent;
  }
  ASSERT_EQ(spi_->SetLinger(connection.socket, true, 20), kOk);
  EXPECT_EQ(spi_->Close(connection.socket), WsaCode{WSAEWOULDBLOCK});
  const std::string data = connection.peer.Read(total);
  EXPECT_EQ(PatternError(data, 0), "");
  EXPECT_EQ(connection.peer.PeekEnd(), Ending::kStillOpen);
  EXPECT_TRUE(WaitUntil([&] { return spi_->Close(connection.socket).ok(); }));
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kOrderly);
}

class LingerBoundTest : public ProviderTest {
 protected:
  LingerBoundTest()
      : ProviderTest([] {
          DaemonOptions options;
          options.times = "linger_ms: 300";
          return options;
        }()) {}
};

TEST_F(LingerBoundTest, SocketWhosePeerReadsNothingIsGivenUp) {
  ASSERT_EQ(spi_->Startup(), kOk);
  PeerListener::Options options;
  options.receive_buffer = 4096;
  PeerListener listener(options);
  const size_t descriptors = OpenDescriptors(daemon_.pid()).size();
  Connection connection = Connect(listener);
  ASSERT_EQ(spi_->SetNonBlocking(connection.socket, true), kOk);
  while (spi_->Send(connection.socket, std::string(1 << 16, 'x')).ok()) {
  }
  ASSERT_EQ(spi_->Close(connection.socket), kOk);
  EXPECT_GT(OpenDescriptors(daemon_.pid()).size(), descriptors);
  EXPECT_TRUE(WaitUntil(
      [&] { return OpenDescriptors(daemon_.pid()).size() <= descriptors; }));
}

}  // namespace
}  // namespace wspd::testing
