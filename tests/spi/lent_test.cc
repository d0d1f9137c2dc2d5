// Connections that are lent to the SPI client's process: their handles are the
// kernel's sockets, and what synchronous calls move doesn't go by the daemon
// (proto/README.md, "Lent connections").
#include <fcntl.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <string>

#include "client_stub/spi_client/blocking_hook.h"
#include "client_stub/spi_client/upcalls.h"
#include "tests/lifecycle/data_fixture.h"
#include "tests/testing/pattern.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kInterrupted{WSAEINTR};
constexpr WsaCode kReset{WSAECONNRESET};
constexpr WsaCode kWouldBlock{WSAEWOULDBLOCK};

class LentTest : public DataTest {
 protected:
  void SetUp() override {
    setenv("WSPD_PLANE", "lent", 1);
    DataTest::SetUp();
    connection_ = Connect();
    ASSERT_TRUE(connection_.peer.is_open());
  }
  void TearDown() override {
    DataTest::TearDown();
    unsetenv("WSPD_PLANE");
  }

  SOCKET s() const { return connection_.socket; }
  int descriptor() const { return static_cast<int>(s()); }
  PeerSocket& peer() { return connection_.peer; }
  // Whether the synchronous calls of `socket` go on without the daemon.
  void ExpectNative(SOCKET socket, PeerSocket* peer) {
    daemon_.Pause();
    EXPECT_EQ(spi_->Send(socket, "to the peer"), kOk);
    EXPECT_EQ(peer->Read(11), "to the peer");
    ASSERT_TRUE(peer->Write("from the peer"));
    std::string data;
    EXPECT_EQ(spi_->RecvExactly(socket, 13, &data), kOk);
    EXPECT_EQ(data, "from the peer");
    daemon_.Resume();
  }

  Connection connection_;
};

INSTANTIATE_TEST_SUITE_P(Families, LentTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6));

// ------------------------------------------------------------------ handles

TEST_P(LentTest, HandleIsADescriptorOfTheConnection) {
  ASSERT_EQ(write(descriptor(), "hello", 5), 5);
  EXPECT_EQ(peer().Read(5), "hello");
  ASSERT_TRUE(peer().Write("there"));
  char data[5];
  ASSERT_EQ(read(descriptor(), data, sizeof(data)), 5);
  EXPECT_EQ(std::string(data, 5), "there");
}

TEST_P(LentTest, HandleOfAnAcceptedSocketIsOneToo) {
  const SOCKET listener = Listen();
  PeerSocket client = PeerSocket::ConnectTo(endpoint_);
  SOCKET accepted;
  ASSERT_EQ(spi_->Accept(listener, &accepted), kOk);
  ASSERT_EQ(write(static_cast<int>(accepted), "hello", 5), 5);
  EXPECT_EQ(client.Read(5), "hello");
  ExpectNative(accepted, &client);
}

std::atomic<int> handles_modified{0};

SOCKET WSPAPI CountedModifyIfsHandle(DWORD entry, SOCKET s, LPINT error) {
  ++handles_modified;
  return spi_client::Upcalls().lpWPUModifyIFSHandle(entry, s, error);
}

TEST_P(LentTest, SpiClientHearsOfEachHandle) {
  WSPUPCALLTABLE upcalls = spi_client::Upcalls();
  upcalls.lpWPUModifyIFSHandle = CountedModifyIfsHandle;
  ASSERT_EQ(spi_->StartupWith(upcalls), kOk);
  handles_modified = 0;
  const SOCKET listener = Listen();
  PeerSocket client = PeerSocket::ConnectTo(endpoint_);
  SOCKET accepted;
  ASSERT_EQ(spi_->Accept(listener, &accepted), kOk);
  EXPECT_EQ(handles_modified, 2);
}

TEST_P(LentTest, CatalogEntrySaysSo) {
  WSAPROTOCOL_INFOW info = {};
  int length = sizeof(info);
  int error = 0;
  ASSERT_EQ(spi_->table().lpWSPGetSockOpt(s(), SOL_SOCKET, SO_PROTOCOL_INFOW,
                                          reinterpret_cast<char*>(&info),
                                          &length, &error),
            0);
  EXPECT_NE(info.dwServiceFlags1 & XP1_IFS_HANDLES, 0u);
}

TEST_P(LentTest, ModeOfTheDescriptorIsTheSockets) {
  EXPECT_EQ(fcntl(descriptor(), F_GETFL) & O_NONBLOCK, 0);
  ASSERT_EQ(spi_->SetNonBlocking(s(), true), kOk);
  EXPECT_NE(fcntl(descriptor(), F_GETFL) & O_NONBLOCK, 0);
  ASSERT_EQ(spi_->SetNonBlocking(s(), false), kOk);
  EXPECT_EQ(fcntl(descriptor(), F_GETFL) & O_NONBLOCK, 0);
}

TEST_P(LentTest, HandleIsClosedWithTheSocket) {
  ASSERT_EQ(spi_->Close(s()), kOk);
  EXPECT_EQ(fcntl(descriptor(), F_GETFD), -1);
  EXPECT_EQ(peer().WaitForEnd(), Ending::kOrderly);
}

TEST_P(LentTest, CleanupClosesHandlesAndResets) {
  ASSERT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(fcntl(descriptor(), F_GETFD), -1);
  EXPECT_EQ(peer().WaitForEnd(), Ending::kReset);
}

// A process that has a copy of the descriptor keeps nothing open.
TEST_P(LentTest, EndsThoughAnotherProcessHasTheDescriptor) {
  int gate[2];
  ASSERT_EQ(pipe(gate), 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte;
    close(gate[1]);
    _exit(read(gate[0], &byte, 1) == 0 ? 0 : 1);
  }
  close(gate[0]);
  EXPECT_EQ(spi_->Close(s()), kOk);
  EXPECT_EQ(peer().WaitForEnd(), Ending::kOrderly);
  close(gate[1]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
}

TEST_P(LentTest, IsResetThoughAnotherProcessHasTheDescriptor) {
  int gate[2];
  ASSERT_EQ(pipe(gate), 0);
  const pid_t child = fork();
  if (child == 0) {
    char byte;
    close(gate[1]);
    _exit(read(gate[0], &byte, 1) == 0 ? 0 : 1);
  }
  close(gate[0]);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(peer().WaitForEnd(), Ending::kReset);
  close(gate[1]);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
}

// ------------------------------------------------------- without the daemon

TEST_P(LentTest, SynchronousCallsNeedNoDaemon) { ExpectNative(s(), &peer()); }

TEST_P(LentTest, WaitingReceiveNeedsNoDaemon) {
  std::string data;
  ThreadGroup threads;
  threads.Start("recv", [&] { EXPECT_EQ(spi_->Recv(s(), 5, &data), kOk); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  daemon_.Pause();
  ASSERT_TRUE(peer().Write("hello"));
  threads.JoinAll();
  EXPECT_EQ(data, "hello");
  daemon_.Resume();
}

TEST_P(LentTest, NonBlockingReceiveWithoutDataNeedsNoDaemon) {
  ASSERT_EQ(spi_->SetNonBlocking(s(), true), kOk);
  ExpectNative(s(), &peer());
  daemon_.Pause();
  std::string data;
  EXPECT_EQ(spi_->Recv(s(), 5, &data), kWouldBlock);
  daemon_.Resume();
}

TEST_P(LentTest, ConnectedWithoutBlockingItIsLentWhenItIsUsed) {
  SOCKET socket;
  ASSERT_EQ(spi_->Socket(&socket, GetParam()), kOk);
  ASSERT_EQ(spi_->SetNonBlocking(socket, true), kOk);
  ASSERT_EQ(spi_->Connect(socket, listener_.endpoint()), kWouldBlock);
  PeerSocket peer = listener_.Accept();
  ASSERT_TRUE(WaitUntil([&] { return spi_->Send(socket, "first") == kOk; }));
  EXPECT_EQ(peer.Read(5), "first");
  ExpectNative(socket, &peer);
}

TEST_P(LentTest, LongSendArrivesWhole) {
  constexpr size_t kMuch = 12 << 20;
  size_t sent = 0;
  ThreadGroup threads;
  threads.Start("send", [&] {
    EXPECT_EQ(spi_->Send(s(), Pattern(0, kMuch), &sent), kOk);
  });
  EXPECT_EQ(PatternError(peer().Read(kMuch), 0), "");
  threads.JoinAll();
  EXPECT_EQ(sent, kMuch);
}

// ---------------------------------------------------------- waiting for room

// More than the kernel takes for a peer that doesn't read.
constexpr size_t kTooMuch = 32 << 20;

// A thread that sends more than there is room for.
class LentSendTest : public LentTest {
 protected:
  void TearDown() override {
    spi_client::SetBlockingHook({});
    threads_.JoinAll();
    LentTest::TearDown();
  }

  void StartSending(size_t size = kTooMuch) {
    threads_.Start("send", [this, size] {
      code_ = spi_->Send(s(), Pattern(0, size), &sent_);
    });
    ASSERT_TRUE(threads_.WaitUntilBlocked());
    ASSERT_EQ(threads_.ended(), 0);
  }
  // What the send says in the end.
  WsaCode Join() {
    threads_.JoinAll();
    return code_;
  }

  ThreadGroup threads_;
  WsaCode code_;
  size_t sent_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Families, LentSendTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6));

TEST_P(LentSendTest, NeedsNoDaemon) {
  StartSending();
  daemon_.Pause();
  EXPECT_EQ(PatternError(peer().Read(kTooMuch), 0), "");
  EXPECT_EQ(Join(), kOk);
  EXPECT_EQ(sent_, kTooMuch);
  daemon_.Resume();
  ExpectNative(s(), &peer());
}

TEST_P(LentSendTest, TimeLimitEndsItWithoutTheDaemon) {
  ASSERT_EQ(spi_->SetOption(s(), SOL_SOCKET, SO_SNDTIMEO, 100), kOk);
  daemon_.Pause();
  EXPECT_EQ(spi_->Send(s(), Pattern(0, kTooMuch)), WsaCode{WSAETIMEDOUT});
  daemon_.Resume();
}

TEST_P(LentSendTest, OverlappedSendsComeBehindIt) {
  StartSending();
  Operation next;
  ASSERT_EQ(spi_->StartSend(s(), &next, Pattern(kTooMuch, 1000)), kPending);
  EXPECT_EQ(PatternError(peer().Read(kTooMuch + 1000), 0), "");
  EXPECT_EQ(Join(), kOk);
  EXPECT_EQ(sent_, kTooMuch);
  EXPECT_TRUE(WaitUntil([&] { return !next.is_pending(); }));
  // In order again, and so without the daemon.
  ExpectNative(s(), &peer());
}

TEST_P(LentSendTest, SynchronousSendsComeBehindIt) {
  StartSending();
  WsaCode code;
  threads_.Start("next",
                 [&] { code = spi_->Send(s(), Pattern(kTooMuch, 1000)); });
  ASSERT_TRUE(threads_.WaitUntilBlocked());
  EXPECT_EQ(PatternError(peer().Read(kTooMuch + 1000), 0), "");
  EXPECT_EQ(Join(), kOk);
  EXPECT_EQ(code, kOk);
}

// It goes by the mode as well, as it does with the daemon.
TEST_P(LentSendTest, NonBlockingSendDoesNotOvertakeIt) {
  StartSending();
  ASSERT_EQ(spi_->SetNonBlocking(s(), true), kOk);
  EXPECT_EQ(spi_->Send(s(), Pattern(kTooMuch, 1000)), kWouldBlock);
  EXPECT_EQ(Join(), kOk);
  EXPECT_EQ(PatternError(peer().Read(sent_), 0), "");
}

TEST_P(LentSendTest, ShutdownComesBehindIt) {
  StartSending();
  ASSERT_EQ(spi_->Shutdown(s(), SD_SEND), kOk);
  const PeerSocket::Rest rest = peer().ReadToEnd();
  EXPECT_EQ(rest.ending, Ending::kOrderly);
  EXPECT_EQ(rest.data.size(), kTooMuch);
  EXPECT_EQ(Join(), kOk);
}

TEST_P(LentSendTest, ReceivesGoOnBesideIt) {
  StartSending();
  daemon_.Pause();
  ASSERT_TRUE(peer().Write("hello"));
  std::string data;
  EXPECT_EQ(spi_->RecvExactly(s(), 5, &data), kOk);
  daemon_.Resume();
  EXPECT_EQ(PatternError(peer().Read(kTooMuch), 0), "");
  EXPECT_EQ(Join(), kOk);
}

TEST_P(LentSendTest, ResetEndsItAndStays) {
  StartSending();
  peer().Reset();
  EXPECT_EQ(Join(), kReset);
  std::string data;
  EXPECT_EQ(spi_->Recv(s(), 1, &data), kReset);
}

TEST_P(LentSendTest, CloseEndsIt) {
  StartSending();
  EXPECT_EQ(spi_->Close(s()), kOk);
  EXPECT_EQ(Join(), kInterrupted);
}

TEST_P(LentSendTest, CleanupEndsIt) {
  StartSending();
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(Join(), kInterrupted);
  EXPECT_EQ(peer().WaitForEnd(), Ending::kReset);
}

TEST_P(LentSendTest, DaemonsEndEndsIt) {
  StartSending();
  daemon_.Kill();
  EXPECT_EQ(Join(), WsaCode{WSAENETDOWN});
  EXPECT_EQ(spi_->Send(s(), "x"), WsaCode{WSAENETDOWN});
}

TEST_P(LentSendTest, CancelledItLeavesNoStreamWithAGap) {
  spi_client::SetBlockingHook(
      {[](DWORD_PTR spi) -> BOOL {
         EXPECT_EQ(reinterpret_cast<Spi*>(spi)->CancelBlocking(), kOk);
         return FALSE;
       },
       reinterpret_cast<DWORD_PTR>(spi_.get())});
  EXPECT_EQ(spi_->Send(s(), Pattern(0, kTooMuch)), kInterrupted);
  EXPECT_EQ(peer().WaitForEnd(), Ending::kReset);
}

// -------------------------------------------------------------------- order

TEST_P(LentTest, ReceiveComesBehindAPendingOverlappedOne) {
  Operation first;
  ASSERT_EQ(spi_->StartRecv(s(), &first, 5), kPending);
  std::string second;
  ThreadGroup threads;
  threads.Start("recv",
                [&] { EXPECT_EQ(spi_->RecvExactly(s(), 6, &second), kOk); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ASSERT_TRUE(peer().Write("firstsecond"));
  threads.JoinAll();
  EXPECT_EQ(second, "second");
  EXPECT_EQ(first.buffer.substr(0, 5), "first");
}

TEST_P(LentTest, WaitingReceiveComesBeforeALaterOverlappedOne) {
  std::string first;
  ThreadGroup threads;
  threads.Start("recv", [&] { EXPECT_EQ(spi_->Recv(s(), 5, &first), kOk); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  Operation second;
  ASSERT_EQ(spi_->StartRecv(s(), &second, 6), kPending);
  ASSERT_TRUE(peer().Write("firstsecond"));
  threads.JoinAll();
  EXPECT_EQ(first, "first");
  ASSERT_TRUE(WaitUntil([&] { return !second.is_pending(); }));
  EXPECT_EQ(second.buffer.substr(0, 6), "second");
}

TEST_P(LentTest, SendComesBehindPendingOverlappedOnes) {
  constexpr size_t kEach = 4 << 20;
  Operation first;
  ASSERT_EQ(spi_->StartSend(s(), &first, Pattern(0, kEach)), kPending);
  ThreadGroup threads;
  threads.Start("send",
                [&] { EXPECT_EQ(spi_->Send(s(), Pattern(kEach, 1000)), kOk); });
  EXPECT_EQ(PatternError(peer().Read(kEach + 1000), 0), "");
  threads.JoinAll();
}

TEST_P(LentTest, IsNativeAgainAfterAnOverlappedReceive) {
  Operation receive;
  ASSERT_EQ(spi_->StartRecv(s(), &receive, 5), kPending);
  ASSERT_TRUE(peer().Write("hello"));
  ASSERT_TRUE(WaitUntil([&] { return !receive.is_pending(); }));
  ExpectNative(s(), &peer());
}

// --------------------------------------------------------------------- ends

TEST_P(LentTest, ResetEndsAWaitingReceiveAndStays) {
  std::string data;
  ThreadGroup threads;
  threads.Start("recv", [&] { EXPECT_EQ(spi_->Recv(s(), 5, &data), kReset); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  peer().Reset();
  threads.JoinAll();
  EXPECT_EQ(spi_->Recv(s(), 5, &data), kReset);
  EXPECT_EQ(spi_->Send(s(), "x"), kReset);
}

TEST_P(LentTest, ResetThatASendIsToldOfReceivesAreToldToo) {
  peer().Reset();
  WsaCode code;
  ASSERT_TRUE(WaitUntil([&] {
    code = spi_->Send(s(), "x");
    return code != kOk;
  }));
  EXPECT_EQ(code, kReset);
  std::string data;
  EXPECT_EQ(spi_->Recv(s(), 5, &data), kReset);
}

TEST_P(LentTest, EndOfTheStreamIsNoData) {
  ASSERT_TRUE(peer().Write("last"));
  peer().ShutdownSend();
  std::string data;
  EXPECT_EQ(spi_->RecvExactly(s(), 100, &data), kOk);
  EXPECT_EQ(data, "last");
  EXPECT_EQ(spi_->Send(s(), "still"), kOk);
  EXPECT_EQ(peer().Read(5), "still");
}

TEST_P(LentTest, TimeLimitEndsAWaitingReceive) {
  ASSERT_EQ(spi_->SetOption(s(), SOL_SOCKET, SO_RCVTIMEO, 50), kOk);
  std::string data;
  EXPECT_EQ(spi_->Recv(s(), 5, &data), WsaCode{WSAETIMEDOUT});
}

TEST_P(LentTest, DaemonsEndEndsAWaitingReceive) {
  std::string data;
  ThreadGroup threads;
  threads.Start("recv", [&] {
    EXPECT_EQ(spi_->Recv(s(), 5, &data), WsaCode{WSAENETDOWN});
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  daemon_.Kill();
  threads.JoinAll();
  EXPECT_EQ(spi_->Send(s(), "x"), WsaCode{WSAENETDOWN});
}

// -------------------------------------------------------------- urgent data

TEST_P(LentTest, UrgentByteIsNoPartOfTheStream) {
  ExpectNative(s(), &peer());
  ASSERT_TRUE(peer().WriteUrgent("ab!"));
  ASSERT_TRUE(peer().Write("cd"));
  std::string data;
  EXPECT_EQ(spi_->RecvExactly(s(), 4, &data), kOk);
  EXPECT_EQ(data, "abcd");
  EXPECT_EQ(spi_->Recv(s(), 1, &data, MSG_OOB), kOk);
  EXPECT_EQ(data, "!");
}

TEST_P(LentTest, UrgentByteThatAnOverlappedReceiveMetIsNoneOfLaterOnes) {
  Operation first;
  ASSERT_EQ(spi_->StartRecv(s(), &first, 2), kPending);
  ASSERT_TRUE(peer().WriteUrgent("ab!"));
  ASSERT_TRUE(WaitUntil([&] { return !first.is_pending(); }));
  ASSERT_TRUE(peer().WriteUrgent("cd?"));
  ASSERT_TRUE(peer().Write("ef"));
  std::string data;
  EXPECT_EQ(spi_->RecvExactly(s(), 4, &data), kOk);
  EXPECT_EQ(data, "cdef");
}

// -------------------------------------------------------- what stays forwarded

TEST_P(LentTest, EventsAreToldOfWhatCallsLeave) {
  Event event;
  ASSERT_EQ(spi_->EventSelect(s(), event.get(), FD_READ), kOk);
  ASSERT_TRUE(peer().Write("ab"));
  ASSERT_TRUE(event.Wait());
  WSANETWORKEVENTS occurred = {};
  ASSERT_EQ(spi_->EnumNetworkEvents(s(), event.get(), &occurred), kOk);
  EXPECT_EQ(occurred.lNetworkEvents, FD_READ);
  std::string data;
  ASSERT_EQ(spi_->Recv(s(), 1, &data), kOk);
  EXPECT_TRUE(event.Wait());
}

TEST_P(LentTest, ListenersAndDatagramsHaveDescriptorsAsWell) {
  const SOCKET listener = Listen();
  EXPECT_GE(fcntl(static_cast<int>(listener), F_GETFD), 0);
  SOCKET datagrams;
  ASSERT_EQ(spi_->DatagramSocket(&datagrams, GetParam()), kOk);
  EXPECT_GE(fcntl(static_cast<int>(datagrams), F_GETFD), 0);
  EXPECT_NE(listener, datagrams);
}

// ------------------------------------------------------------ not in force

class NotLentTest : public ProviderTest {
 protected:
  NotLentTest() : ProviderTest(Forbidding()) {}
  void SetUp() override {
    setenv("WSPD_PLANE", "lent", 1);
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }
  void TearDown() override {
    ProviderTest::TearDown();
    unsetenv("WSPD_PLANE");
  }
  static DaemonOptions Forbidding() {
    DaemonOptions options;
    options.config = "planes { lent: false }";
    return options;
  }
};

TEST_F(NotLentTest, BytesTravelInTheStream) {
  Connection connection = Connect();
  ASSERT_EQ(spi_->Send(connection.socket, "hello"), kOk);
  EXPECT_EQ(connection.peer.Read(5), "hello");
  int error = 0;
  DWORD_PTR context = 0;
  EXPECT_EQ(spi_client::Upcalls().lpWPUQuerySocketHandleContext(
                connection.socket, &context, &error),
            0);
}

}  // namespace
}  // namespace wspd::testing
