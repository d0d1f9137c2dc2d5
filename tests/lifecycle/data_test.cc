// Real TCP traffic through the provider: blocking, non-blocking, overlapped,
// over IPv4 and IPv6, both ways of coming by a connection.
#include <unistd.h>
#include <ws2tcpip.h>

#include <atomic>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "client_stub/spi_client/event.h"
#include "tests/testing/echo_server.h"
#include "tests/testing/pattern.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kWouldBlock{WSAEWOULDBLOCK};

class DataTest : public ProviderTest,
                 public ::testing::WithParamInterface<Family> {
 protected:
  DataTest() : listener_(GetParam()) {}

  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }

  Connection Connect() { return ProviderTest::Connect(listener_); }

  // A listener of the provider.
  SOCKET Listen() {
    SOCKET s = INVALID_SOCKET;
    EXPECT_EQ(spi_->ListenNew(&s, &endpoint_, GetParam()), kOk);
    return s;
  }

  PeerListener listener_;
  Endpoint endpoint_;
};

INSTANTIATE_TEST_SUITE_P(Families, DataTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6),
                         [](const auto& info) {
                           return info.param == Family::kIpv4 ? "Ipv4" : "Ipv6";
                         });

// ------------------------------------------------------------ blocking

TEST_P(DataTest, BulkSendArrivesByteForByte) {
  constexpr size_t kSize = 20000001;
  Connection connection = Connect();
  PeerSocket::Rest rest;
  ThreadGroup threads;
  threads.Start("peer", [&] { rest = connection.peer.ReadToEnd(); });
  size_t sent = 0;
  EXPECT_EQ(spi_->Send(connection.socket, Pattern(0, kSize), &sent), kOk);
  EXPECT_EQ(sent, kSize);
  EXPECT_EQ(spi_->Shutdown(connection.socket, SD_SEND), kOk);
  threads.JoinAll();
  EXPECT_EQ(rest.ending, Ending::kOrderly);
  EXPECT_EQ(rest.data.size(), kSize);
  EXPECT_EQ(PatternError(rest.data, 0), "");
}

TEST_P(DataTest, BulkReceiveArrivesByteForByteAndEndsWithZero) {
  constexpr size_t kSize = 20000001;
  Connection connection = Connect();
  ThreadGroup threads;
  threads.Start("peer", [&] {
    EXPECT_TRUE(connection.peer.Write(Pattern(0, kSize)));
    connection.peer.ShutdownSend();
  });
  std::string data, end;
  ASSERT_EQ(spi_->RecvExactly(connection.socket, kSize, &data), kOk);
  EXPECT_EQ(data.size(), kSize);
  EXPECT_EQ(PatternError(data, 0), "");
  EXPECT_EQ(spi_->Recv(connection.socket, 10, &end), kOk);
  EXPECT_EQ(end, "");
}

TEST_P(DataTest, ManyThreadsAtOnceKeepTheirBytesApart) {
  constexpr int kThreads = 8;
  constexpr int kRounds = 300;
  EchoServer echo(GetParam());
  ThreadGroup threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.Start("echo", [&, i] {
      SOCKET s;
      ASSERT_EQ(spi_->ConnectNew(echo.endpoint(), &s), kOk);
      uint64_t offset = 0;
      for (int j = 0; j < kRounds; ++j) {
        const size_t size = 1 + (j * 7919) % 5000;
        std::string data;
        ASSERT_EQ(spi_->Send(s, Pattern(offset, size, i)), kOk);
        ASSERT_EQ(spi_->RecvExactly(s, size, &data), kOk);
        ASSERT_EQ(PatternError(data, offset, i), "");
        offset += size;
      }
      EXPECT_EQ(spi_->Close(s), kOk);
    });
  }
}

TEST_P(DataTest, SendGathersAndReceiveScatters) {
  Connection connection = Connect();
  int error = 0;
  DWORD count = 0, flags = 0;
  char one[] = "one", two[] = "two", three[] = "three";
  WSABUF out[] = {{3, one}, {0, nullptr}, {3, two}, {5, three}};
  ASSERT_EQ(spi_->table().lpWSPSend(connection.socket, out, 4, &count, 0,
                                    nullptr, nullptr, nullptr, &error),
            0)
      << WsaCode{error};
  EXPECT_EQ(count, 11u);
  EXPECT_EQ(connection.peer.Read(11), "onetwothree");
  ASSERT_TRUE(connection.peer.Write("onetwothree"));
  ASSERT_TRUE(WaitUntil([&] {
    u_long there = 0;
    return spi_->BytesReadable(connection.socket, &there).ok() && there == 11;
  }));
  char first[4] = {}, second[20] = {};
  WSABUF in[] = {{4, first}, {20, second}};
  ASSERT_EQ(spi_->table().lpWSPRecv(connection.socket, in, 2, &count, &flags,
                                    nullptr, nullptr, nullptr, &error),
            0)
      << WsaCode{error};
  EXPECT_EQ(count, 11u);
  EXPECT_EQ(std::string(first, 4) + std::string(second, 7), "onetwothree");
}

TEST_P(DataTest, PeekTakesNothing) {
  Connection connection = Connect();
  std::string data;
  ASSERT_TRUE(connection.peer.Write("hello"));
  EXPECT_EQ(spi_->Recv(connection.socket, 4, &data, MSG_PEEK), kOk);
  EXPECT_EQ(data, "hell");
  EXPECT_EQ(spi_->RecvExactly(connection.socket, 5, &data), kOk);
  EXPECT_EQ(data, "hello");
}

TEST_P(DataTest, WaitAllFillsTheBuffer) {
  Connection connection = Connect();
  std::string data;
  ThreadGroup threads;
  threads.Start("recv", [&] {
    EXPECT_EQ(spi_->Recv(connection.socket, 200000, &data, MSG_WAITALL), kOk);
  });
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(connection.peer.Write(Pattern(i * 50000, 50000)));
  }
  threads.JoinAll();
  EXPECT_EQ(data.size(), 200000u);
  EXPECT_EQ(PatternError(data, 0), "");
}

TEST_P(DataTest, NamesAreThoseOfTheConnection) {
  Connection connection = Connect();
  Endpoint own, peer;
  EXPECT_EQ(spi_->GetSockName(connection.socket, &own), kOk);
  EXPECT_EQ(spi_->GetPeerName(connection.socket, &peer), kOk);
  EXPECT_EQ(own.family, GetParam());
  EXPECT_NE(own.port, 0);
  EXPECT_EQ(peer, listener_.endpoint());
}

TEST_P(DataTest, RefusedConnectionSaysSoAndTheSocketMayTryAgain) {
  SOCKET s;
  ASSERT_EQ(spi_->Socket(&s, GetParam()), kOk);
  EXPECT_EQ(spi_->Connect(s, ClosedEndpoint(GetParam())),
            WsaCode{WSAECONNREFUSED});
  EXPECT_EQ(spi_->Connect(s, listener_.endpoint()), kOk);
}

TEST_P(DataTest, PeersResetIsConnectionReset) {
  Connection connection = Connect();
  ThreadGroup threads;
  threads.Start("recv", [&] {
    std::string data;
    EXPECT_EQ(spi_->Recv(connection.socket, 10, &data), WsaCode{WSAECONNRESET});
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  connection.peer.Reset();
  threads.JoinAll(seconds(10));
}

TEST_P(DataTest, ShutDownDirectionsAreShut) {
  Connection connection = Connect();
  std::string data;
  EXPECT_EQ(spi_->Shutdown(connection.socket, SD_SEND), kOk);
  EXPECT_EQ(spi_->Send(connection.socket, "x"), WsaCode{WSAESHUTDOWN});
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kOrderly);
  ASSERT_TRUE(connection.peer.Write("hello"));
  EXPECT_EQ(spi_->RecvExactly(connection.socket, 5, &data), kOk);
  EXPECT_EQ(spi_->Shutdown(connection.socket, SD_RECEIVE), kOk);
  EXPECT_EQ(spi_->Recv(connection.socket, 5, &data), WsaCode{WSAESHUTDOWN});
  EXPECT_EQ(spi_->Shutdown(connection.socket, 3), WsaCode{WSAEINVAL});
}

TEST_P(DataTest, UnreadDataAtTheShutdownOfReceivingResets) {
  Connection connection = Connect();
  ASSERT_TRUE(connection.peer.Write("unread"));
  u_long bytes = 0;
  ASSERT_TRUE(WaitUntil([&] {
    return spi_->BytesReadable(connection.socket, &bytes).ok() && bytes > 0;
  }));
  EXPECT_EQ(spi_->Shutdown(connection.socket, SD_RECEIVE), kOk);
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(spi_->Send(connection.socket, "x"), WsaCode{WSAECONNRESET});
  EXPECT_EQ(spi_->Close(connection.socket), kOk);
}

TEST_P(DataTest, DataAfterTheShutdownOfReceivingResets) {
  Connection connection = Connect();
  EXPECT_EQ(spi_->Shutdown(connection.socket, SD_RECEIVE), kOk);
  EXPECT_EQ(spi_->Send(connection.socket, "hello"), kOk);
  EXPECT_EQ(connection.peer.Read(5), "hello");
  ASSERT_TRUE(connection.peer.Write("unwanted"));
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
}

TEST_P(DataTest, AnOrderlyEndAfterTheShutdownOfReceivingIsNoReset) {
  Connection connection = Connect();
  EXPECT_EQ(spi_->Shutdown(connection.socket, SD_RECEIVE), kOk);
  connection.peer.ShutdownSend();
  ASSERT_EQ(spi_->Send(connection.socket, Pattern(0, 1000000)), kOk);
  ASSERT_EQ(spi_->Close(connection.socket), kOk);
  const PeerSocket::Rest rest = connection.peer.ReadToEnd();
  EXPECT_EQ(rest.ending, Ending::kOrderly);
  EXPECT_EQ(PatternError(rest.data, 0), "");
  EXPECT_EQ(rest.data.size(), 1000000u);
}

TEST_P(DataTest, UnconnectedSocketsSayWhatTheyAreNot) {
  SOCKET s, accepted;
  Endpoint endpoint;
  std::string data;
  ASSERT_EQ(spi_->Socket(&s, GetParam()), kOk);
  EXPECT_EQ(spi_->Send(s, "x"), WsaCode{WSAENOTCONN});
  EXPECT_EQ(spi_->Recv(s, 1, &data), WsaCode{WSAENOTCONN});
  EXPECT_EQ(spi_->GetPeerName(s, &endpoint), WsaCode{WSAENOTCONN});
  EXPECT_EQ(spi_->Shutdown(s, SD_SEND), WsaCode{WSAENOTCONN});
  EXPECT_EQ(spi_->GetSockName(s, &endpoint), WsaCode{WSAEINVAL});
  EXPECT_EQ(spi_->Listen(s), WsaCode{WSAEINVAL});
  EXPECT_EQ(spi_->Accept(s, &accepted), WsaCode{WSAEINVAL});
  EXPECT_EQ(spi_->Bind(s, {GetParam(), 0}), kOk);
  EXPECT_EQ(spi_->Bind(s, {GetParam(), 0}), WsaCode{WSAEINVAL});
}

TEST_P(DataTest, WhatIsNoSocketIsNoSocket) {
  SOCKET s;
  std::string data;
  ASSERT_EQ(spi_->Socket(&s, GetParam()), kOk);
  ASSERT_EQ(spi_->Close(s), kOk);
  for (const SOCKET bad : {s, INVALID_SOCKET, SOCKET{0}, SOCKET{12345}}) {
    EXPECT_EQ(spi_->Send(bad, "x"), WsaCode{WSAENOTSOCK}) << bad;
    EXPECT_EQ(spi_->Recv(bad, 1, &data), WsaCode{WSAENOTSOCK}) << bad;
    EXPECT_EQ(spi_->Close(bad), WsaCode{WSAENOTSOCK}) << bad;
    EXPECT_EQ(spi_->Connect(bad, listener_.endpoint()), WsaCode{WSAENOTSOCK});
  }
}

// -------------------------------------------------------- non-blocking

TEST_P(DataTest, NonBlockingReceiveWouldBlock) {
  Connection connection = Connect();
  std::string data;
  ASSERT_EQ(spi_->SetNonBlocking(connection.socket, true), kOk);
  EXPECT_EQ(spi_->Recv(connection.socket, 10, &data), kWouldBlock);
  ASSERT_TRUE(connection.peer.Write("hello"));
  EXPECT_TRUE(WaitUntil([&] {
    const WsaCode code = spi_->Recv(connection.socket, 10, &data);
    EXPECT_TRUE(code.ok() || code == kWouldBlock) << code;
    return code.ok();
  }));
  EXPECT_EQ(data, "hello");
  ASSERT_EQ(spi_->SetNonBlocking(connection.socket, false), kOk);
  ThreadGroup threads;
  threads.Start("recv", [&] {
    EXPECT_EQ(spi_->Recv(connection.socket, 10, &data), kOk);
    EXPECT_EQ(data, "again");
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  connection.peer.Write("again");
}

TEST_P(DataTest, NonBlockingSendTakesWhatFits) {
  Connection connection = Connect();
  ASSERT_EQ(spi_->SetNonBlocking(connection.socket, true), kOk);
  uint64_t total = 0;
  WsaCode code = kOk;
  for (int i = 0; i < 1000 && code.ok(); ++i) {
    size_t sent = 0;
    code = spi_->Send(connection.socket, Pattern(total, 100000), &sent);
    EXPECT_TRUE(sent > 0 || !code.ok());
    total += sent;
  }
  EXPECT_EQ(code, kWouldBlock);
  const std::string data = connection.peer.Read(total);
  EXPECT_EQ(data.size(), total);
  EXPECT_EQ(PatternError(data, 0), "");
  EXPECT_TRUE(
      WaitUntil([&] { return spi_->Send(connection.socket, "more").ok(); }));
  EXPECT_EQ(connection.peer.Read(4), "more");
}

TEST_P(DataTest, NonBlockingConnectGoesOn) {
  SOCKET s;
  ASSERT_EQ(spi_->Socket(&s, GetParam()), kOk);
  ASSERT_EQ(spi_->SetNonBlocking(s, true), kOk);
  const WsaCode code = spi_->Connect(s, listener_.endpoint());
  EXPECT_TRUE(code == kWouldBlock) << code;
  PeerSocket peer = listener_.Accept();
  ASSERT_TRUE(peer.is_open());
  EXPECT_TRUE(WaitUntil([&] {
    return spi_->Connect(s, listener_.endpoint()) == WsaCode{WSAEISCONN};
  }));
  EXPECT_EQ(spi_->Send(s, "hello"), kOk);
  EXPECT_EQ(peer.Read(5), "hello");
}

TEST_P(DataTest, NonBlockingAcceptWouldBlock) {
  const SOCKET listener = Listen();
  SOCKET accepted;
  ASSERT_EQ(spi_->SetNonBlocking(listener, true), kOk);
  EXPECT_EQ(spi_->Accept(listener, &accepted), kWouldBlock);
  PeerSocket peer = PeerSocket::ConnectTo(endpoint_);
  EXPECT_TRUE(
      WaitUntil([&] { return spi_->Accept(listener, &accepted).ok(); }));
  EXPECT_EQ(spi_->Send(accepted, "hello"), kOk);
  EXPECT_EQ(peer.Read(5), "hello");
}

TEST_P(DataTest, FionreadCountsWhatIsThere) {
  Connection connection = Connect();
  u_long there = 1;
  EXPECT_EQ(spi_->BytesReadable(connection.socket, &there), kOk);
  EXPECT_EQ(there, 0u);
  ASSERT_TRUE(connection.peer.Write(std::string(1000, 'x')));
  EXPECT_TRUE(WaitUntil([&] {
    return spi_->BytesReadable(connection.socket, &there).ok() && there == 1000;
  })) << there;
}

// -------------------------------------------------------------- accept

TEST_P(DataTest, AcceptWaitsForAConnectionAndSaysWhose) {
  const SOCKET listener = Listen();
  SOCKET accepted = INVALID_SOCKET;
  ThreadGroup threads;
  threads.Start("accept",
                [&] { EXPECT_EQ(spi_->Accept(listener, &accepted), kOk); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  PeerSocket peer = PeerSocket::ConnectTo(endpoint_);
  threads.JoinAll();
  Endpoint own;
  EXPECT_EQ(spi_->GetSockName(accepted, &own), kOk);
  EXPECT_EQ(own, endpoint_);
  std::string data;
  EXPECT_TRUE(peer.Write("hello"));
  EXPECT_EQ(spi_->RecvExactly(accepted, 5, &data), kOk);
  EXPECT_EQ(spi_->Close(accepted), kOk);
  EXPECT_EQ(peer.WaitForEnd(), Ending::kOrderly);
}

TEST_P(DataTest, AcceptTakesConnectionsInOrder) {
  const SOCKET listener = Listen();
  std::vector<PeerSocket> peers;
  for (int i = 0; i < 10; ++i) {
    peers.push_back(PeerSocket::ConnectTo(endpoint_));
  }
  for (PeerSocket& peer : peers) {
    SOCKET accepted;
    ASSERT_EQ(spi_->Accept(listener, &accepted), kOk);
    ASSERT_EQ(spi_->Send(accepted, "you"), kOk);
    EXPECT_EQ(peer.Read(3), "you");
  }
}

struct Condition {
  int decision = CF_ACCEPT;
  int calls = 0;
  pid_t thread = 0;
  size_t caller_length = 0;
  bool has_callee = false;
};

int CALLBACK Decide(LPWSABUF caller, LPWSABUF, LPQOS, LPQOS, LPWSABUF callee,
                    LPWSABUF, GROUP*, DWORD_PTR context) {
  auto* const condition = reinterpret_cast<Condition*>(context);
  ++condition->calls;
  condition->thread = gettid();
  condition->caller_length =
      caller != nullptr && caller->buf != nullptr ? caller->len : 0;
  condition->has_callee = callee != nullptr && callee->buf != nullptr;
  return condition->decision;
}

class ConditionTest : public DataTest {
 protected:
  WsaCode Accept(SOCKET listener, SOCKET* accepted, int decision) {
    condition_.decision = decision;
    return spi_->Accept(listener, accepted, Decide,
                        reinterpret_cast<DWORD_PTR>(&condition_));
  }
  Condition condition_;
};

INSTANTIATE_TEST_SUITE_P(Families, ConditionTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6),
                         [](const auto& info) {
                           return info.param == Family::kIpv4 ? "Ipv4" : "Ipv6";
                         });

TEST_P(ConditionTest, AcceptsInTheCallersThreadKnowingTheCaller) {
  const SOCKET listener = Listen();
  SOCKET accepted;
  PeerSocket peer = PeerSocket::ConnectTo(endpoint_);
  EXPECT_EQ(Accept(listener, &accepted, CF_ACCEPT), kOk);
  EXPECT_EQ(condition_.calls, 1);
  EXPECT_EQ(condition_.thread, gettid());
  EXPECT_GE(condition_.caller_length, GetParam() == Family::kIpv4
                                          ? sizeof(sockaddr_in)
                                          : sizeof(sockaddr_in6));
  EXPECT_TRUE(condition_.has_callee);
  EXPECT_EQ(spi_->Send(accepted, "hello"), kOk);
  EXPECT_EQ(peer.Read(5), "hello");
}

TEST_P(ConditionTest, RejectedConnectionIsResetAndRefused) {
  const SOCKET listener = Listen();
  SOCKET accepted;
  PeerSocket peer = PeerSocket::ConnectTo(endpoint_);
  PeerSocket next = PeerSocket::ConnectTo(endpoint_);
  EXPECT_EQ(Accept(listener, &accepted, CF_REJECT), WsaCode{WSAECONNREFUSED});
  EXPECT_EQ(peer.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(Accept(listener, &accepted, CF_ACCEPT), kOk);
  EXPECT_EQ(spi_->Send(accepted, "hello"), kOk);
  EXPECT_EQ(next.Read(5), "hello");
}

TEST_P(ConditionTest, DeferredConnectionStaysTheFirst) {
  const SOCKET listener = Listen();
  SOCKET accepted;
  PeerSocket peer = PeerSocket::ConnectTo(endpoint_);
  PeerSocket next = PeerSocket::ConnectTo(endpoint_);
  EXPECT_EQ(Accept(listener, &accepted, CF_DEFER), WsaCode{WSATRY_AGAIN});
  EXPECT_EQ(Accept(listener, &accepted, CF_DEFER), WsaCode{WSATRY_AGAIN});
  EXPECT_EQ(spi_->Accept(listener, &accepted), kOk);
  EXPECT_EQ(spi_->Send(accepted, "hello"), kOk);
  EXPECT_EQ(peer.Read(5), "hello");
  EXPECT_EQ(condition_.calls, 2);
}

TEST_P(ConditionTest, RubbishIsInvalid) {
  const SOCKET listener = Listen();
  SOCKET accepted;
  PeerSocket peer = PeerSocket::ConnectTo(endpoint_);
  EXPECT_EQ(Accept(listener, &accepted, 17), WsaCode{WSAEINVAL});
}

// ---------------------------------------------------------- overlapped

TEST_P(DataTest, OverlappedReceiveSetsItsEvent) {
  Connection connection = Connect();
  Event event;
  Operation operation;
  operation.overlapped.hEvent = event.get();
  DWORD bytes = 0;
  ASSERT_EQ(spi_->StartRecv(connection.socket, &operation, 10), kPending);
  EXPECT_TRUE(operation.is_pending());
  EXPECT_EQ(spi_->GetResult(connection.socket, &operation, false, &bytes),
            WsaCode{WSA_IO_INCOMPLETE});
  ASSERT_TRUE(connection.peer.Write("hello"));
  EXPECT_TRUE(event.Wait());
  EXPECT_EQ(spi_->GetResult(connection.socket, &operation, true, &bytes), kOk);
  EXPECT_EQ(operation.buffer.substr(0, bytes), "hello");
  EXPECT_EQ(operation.overlapped.Internal, 0u);
  EXPECT_EQ(operation.overlapped.InternalHigh, 5u);
}

TEST_P(DataTest, GetOverlappedResultWaits) {
  Connection connection = Connect();
  Event event;
  Operation operation;
  operation.overlapped.hEvent = event.get();
  ASSERT_EQ(spi_->StartRecv(connection.socket, &operation, 10), kPending);
  ThreadGroup threads;
  threads.Start("waiter", [&] {
    DWORD bytes = 0;
    EXPECT_EQ(spi_->GetResult(connection.socket, &operation, true, &bytes),
              kOk);
    EXPECT_EQ(bytes, 5u);
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ASSERT_TRUE(connection.peer.Write("hello"));
}

TEST_P(DataTest, OverlappedReceiveWithDataThereStillIndicates) {
  Connection connection = Connect();
  ASSERT_TRUE(connection.peer.Write("hello"));
  ASSERT_TRUE(WaitUntil([&] {
    u_long there = 0;
    return spi_->BytesReadable(connection.socket, &there).ok() && there == 5;
  }));
  Event event;
  Operation operation;
  operation.overlapped.hEvent = event.get();
  const WsaCode code = spi_->StartRecv(connection.socket, &operation, 10);
  EXPECT_TRUE(code.ok() || code == kPending) << code;
  EXPECT_TRUE(event.Wait());
  EXPECT_EQ(operation.overlapped.InternalHigh, 5u);
}

struct RoutineCall {
  int count = 0;
  DWORD error = 0;
  DWORD bytes = 0;
  LPWSAOVERLAPPED overlapped = nullptr;
  pid_t thread = 0;
} routine_call;

void CALLBACK NoteRoutine(DWORD error, DWORD bytes, LPWSAOVERLAPPED overlapped,
                          DWORD) {
  routine_call = {routine_call.count + 1, error, bytes, overlapped, gettid()};
}

TEST_P(DataTest, RoutineRunsInAnAlertableWaitOfItsThreadOnly) {
  routine_call = {};
  Connection connection = Connect();
  Operation operation;
  ASSERT_EQ(spi_->StartRecv(connection.socket, &operation, 10, NoteRoutine),
            kPending);
  ASSERT_TRUE(connection.peer.Write("hello"));
  ASSERT_TRUE(WaitUntil([&] { return !operation.is_pending(); }));
  ThreadGroup threads;
  threads.Start("other", [] { EXPECT_EQ(spi_client::SleepAlertable(0), 0u); });
  threads.JoinAll();
  EXPECT_EQ(routine_call.count, 0);
  EXPECT_EQ(spi_client::SleepAlertable(20000), DWORD{WSA_WAIT_IO_COMPLETION});
  EXPECT_EQ(routine_call.count, 1);
  EXPECT_EQ(routine_call.error, 0u);
  EXPECT_EQ(routine_call.bytes, 5u);
  EXPECT_EQ(routine_call.overlapped, &operation.overlapped);
  EXPECT_EQ(routine_call.thread, gettid());
}

TEST_P(DataTest, OverlappedIgnoresNonBlockingMode) {
  Connection connection = Connect();
  ASSERT_EQ(spi_->SetNonBlocking(connection.socket, true), kOk);
  Event event;
  Operation operation;
  operation.overlapped.hEvent = event.get();
  ASSERT_EQ(spi_->StartRecv(connection.socket, &operation, 10), kPending);
  ASSERT_TRUE(connection.peer.Write("hello"));
  EXPECT_TRUE(event.Wait());
}

TEST_P(DataTest, OverlappedReceivesAreFilledInOrder) {
  constexpr int kCount = 50;
  constexpr size_t kEach = 1000;
  Connection connection = Connect();
  std::vector<Operation> operations(kCount);
  for (Operation& operation : operations) {
    ASSERT_EQ(spi_->StartRecv(connection.socket, &operation, kEach), kPending);
  }
  ASSERT_TRUE(connection.peer.Write(Pattern(0, kCount * kEach)));
  connection.peer.ShutdownSend();
  std::string data;
  for (Operation& operation : operations) {
    ASSERT_TRUE(WaitUntil([&] { return !operation.is_pending(); }));
    DWORD bytes = 0;
    EXPECT_EQ(spi_->GetResult(connection.socket, &operation, false, &bytes),
              kOk);
    data.append(operation.buffer, 0, bytes);
  }
  EXPECT_EQ(PatternError(data, 0), "");
  EXPECT_GE(data.size(), kEach);
}

TEST_P(DataTest, OverlappedSendsLeaveInOrder) {
  constexpr int kCount = 8;
  constexpr size_t kEach = 3 << 20;
  Connection connection = Connect();
  std::vector<Operation> operations(kCount);
  std::vector<Event> events(kCount);
  for (int i = 0; i < kCount; ++i) {
    operations[i].overlapped.hEvent = events[i].get();
    const WsaCode code = spi_->StartSend(connection.socket, &operations[i],
                                         Pattern(i * kEach, kEach));
    ASSERT_TRUE(code.ok() || code == kPending) << code;
  }
  const std::string data = connection.peer.Read(kCount * kEach);
  EXPECT_EQ(data.size(), kCount * kEach);
  EXPECT_EQ(PatternError(data, 0), "");
  for (int i = 0; i < kCount; ++i) {
    EXPECT_TRUE(events[i].Wait());
    DWORD bytes = 0;
    EXPECT_EQ(spi_->GetResult(connection.socket, &operations[i], false, &bytes),
              kOk);
    EXPECT_EQ(bytes, kEach);
  }
}

TEST_P(DataTest, ResetEndsAnOverlappedReceiveWithItsIndication) {
  Connection connection = Connect();
  Event event;
  Operation operation;
  operation.overlapped.hEvent = event.get();
  ASSERT_EQ(spi_->StartRecv(connection.socket, &operation, 10), kPending);
  connection.peer.Reset();
  EXPECT_TRUE(event.Wait());
  DWORD bytes = 0;
  EXPECT_EQ(spi_->GetResult(connection.socket, &operation, false, &bytes),
            WsaCode{WSAECONNRESET});
}

// ------------------------------------------------------------- options

TEST_P(DataTest, OptionsReadBackWhatWasSet) {
  SOCKET s;
  ASSERT_EQ(spi_->Socket(&s, GetParam()), kOk);
  const struct {
    int level, option, value;
  } rows[] = {
      {SOL_SOCKET, SO_KEEPALIVE, 1},   {SOL_SOCKET, SO_REUSEADDR, 1},
      {SOL_SOCKET, SO_SNDBUF, 12345},  {SOL_SOCKET, SO_RCVBUF, 54321},
      {SOL_SOCKET, SO_SNDTIMEO, 1500}, {SOL_SOCKET, SO_RCVTIMEO, 2500},
      {SOL_SOCKET, SO_OOBINLINE, 1},   {IPPROTO_TCP, TCP_NODELAY, 1},
  };
  for (const auto& row : rows) {
    int value = 0;
    EXPECT_EQ(spi_->SetOption(s, row.level, row.option, row.value), kOk)
        << row.option;
    EXPECT_EQ(spi_->GetOption(s, row.level, row.option, &value), kOk)
        << row.option;
    EXPECT_EQ(value, row.value) << row.option;
  }
  int value = 0;
  EXPECT_EQ(spi_->GetOption(s, SOL_SOCKET, SO_TYPE, &value), kOk);
  EXPECT_EQ(value, SOCK_STREAM);
  EXPECT_EQ(spi_->GetOption(s, SOL_SOCKET, SO_ERROR, &value), kOk);
  EXPECT_EQ(value, 0);
  EXPECT_EQ(spi_->GetOption(s, SOL_SOCKET, 0x5555, &value),
            WsaCode{WSAENOPROTOOPT});
  EXPECT_EQ(spi_->GetOption(s, 0x5555, 1, &value), WsaCode{WSAEINVAL});
}

TEST_P(DataTest, ReceiveTimesOutAfterItsTime) {
  Connection connection = Connect();
  ASSERT_EQ(spi_->SetOption(connection.socket, SOL_SOCKET, SO_RCVTIMEO, 200),
            kOk);
  std::string data;
  const milliseconds time = TimeOf([&] {
    EXPECT_EQ(spi_->Recv(connection.socket, 10, &data), WsaCode{WSAETIMEDOUT});
  });
  EXPECT_GE(time, milliseconds(190));
  EXPECT_LT(time, seconds(5));
}

TEST_P(DataTest, ListeningShows) {
  const SOCKET listener = Listen();
  int value = 0;
  EXPECT_EQ(spi_->GetOption(listener, SOL_SOCKET, SO_ACCEPTCONN, &value), kOk);
  EXPECT_EQ(value, 1);
}

TEST_P(DataTest, V6OnlyIsOnByDefault) {
  if (GetParam() == Family::kIpv4) GTEST_SKIP() << "of IPv6 only";
  SOCKET s;
  ASSERT_EQ(spi_->Socket(&s, Family::kIpv6), kOk);
  int value = 0;
  EXPECT_EQ(spi_->GetOption(s, IPPROTO_IPV6, IPV6_V6ONLY, &value), kOk);
  EXPECT_EQ(value, 1);
  EXPECT_EQ(spi_->SetOption(s, IPPROTO_IPV6, IPV6_V6ONLY, 0), kOk);
  EXPECT_EQ(spi_->GetOption(s, IPPROTO_IPV6, IPV6_V6ONLY, &value), kOk);
  EXPECT_EQ(value, 0);
}

// ------------------------------------------- receives behind a MSG_WAITALL

class WaitAllTest : public DataTest {
 protected:
  static constexpr size_t kAll = 200000;

  void SetUp() override {
    DataTest::SetUp();
    connection_ = Connect();
    all_.flags = MSG_WAITALL;
    ASSERT_EQ(spi_->StartRecv(connection_.socket, &all_, kAll), kPending);
  }
  void WriteAll() {
    for (size_t i = 0; i < kAll; i += kAll / 4) {
      ASSERT_TRUE(connection_.peer.Write(Pattern(i, kAll / 4)));
      u_long readable;  // the daemon has handled what was there before
      ASSERT_EQ(spi_->BytesReadable(connection_.socket, &readable), kOk);
    }
  }

  Connection connection_;
  Operation all_;
};

INSTANTIATE_TEST_SUITE_P(Families, WaitAllTest,
                         ::testing::Values(Family::kIpv4));

TEST_P(WaitAllTest, KeepsItsPlaceBeforeLaterReceives) {
  constexpr size_t kEach = 1000;
  Operation second, third;
  ASSERT_EQ(spi_->StartRecv(connection_.socket, &second, kEach), kPending);
  third.flags = MSG_WAITALL;
  ASSERT_EQ(spi_->StartRecv(connection_.socket, &third, kEach), kPending);
  std::string last;
  ThreadGroup threads;
  threads.Start("recv", [&] {
    EXPECT_EQ(spi_->RecvExactly(connection_.socket, kEach, &last), kOk);
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  WriteAll();
  ASSERT_TRUE(connection_.peer.Write(Pattern(kAll, 3 * kEach)));
  threads.JoinAll();
  for (const Operation* operation : {&all_, &second, &third}) {
    ASSERT_TRUE(WaitUntil([&] { return !operation->is_pending(); }));
    EXPECT_EQ(operation->error(), 0u);
  }
  EXPECT_EQ(PatternError(all_.buffer + second.buffer + third.buffer + last, 0),
            "");
}

TEST_P(WaitAllTest, HoldsNothingBackThatMayNotWait) {
  std::string data;
  ASSERT_EQ(spi_->SetOption(connection_.socket, SOL_SOCKET, SO_RCVTIMEO, 50),
            kOk);
  EXPECT_EQ(spi_->Recv(connection_.socket, 10, &data), WsaCode{WSAETIMEDOUT});
  ASSERT_EQ(spi_->SetNonBlocking(connection_.socket, true), kOk);
  EXPECT_EQ(spi_->Recv(connection_.socket, 10, &data), kWouldBlock);
  WriteAll();
  ASSERT_TRUE(WaitUntil([&] { return !all_.is_pending(); }));
  EXPECT_EQ(PatternError(all_.buffer, 0), "");
}

TEST_P(WaitAllTest, EndsWithThoseBehindItWhenItsSocketIsClosed) {
  Operation second;
  Event event;
  second.overlapped.hEvent = event.get();
  ASSERT_EQ(spi_->StartRecv(connection_.socket, &second, 10), kPending);
  EXPECT_EQ(spi_->Close(connection_.socket), kOk);
  EXPECT_TRUE(event.Wait());
  EXPECT_EQ(all_.error(), DWORD{WSA_OPERATION_ABORTED});
  EXPECT_EQ(second.error(), DWORD{WSA_OPERATION_ABORTED});
}

// --------------------------------------------- calls behind sends that wait

// More than the kernel and the provider's credit take while nobody reads.
constexpr size_t kTooMuch = 32 << 20;

class BehindSendsTest : public DataTest {
 protected:
  void SetUp() override {
    DataTest::SetUp();
    connection_ = Connect();
    ASSERT_EQ(spi_->StartSend(connection_.socket, &send_, Pattern(0, kTooMuch)),
              kPending);
  }

  Connection connection_;
  Operation send_;
};

INSTANTIATE_TEST_SUITE_P(Families, BehindSendsTest,
                         ::testing::Values(Family::kIpv4));

TEST_P(BehindSendsTest, ShutdownDoesNotBlockAndComesAfterThem) {
  EXPECT_LT(TimeOf([&] {
              EXPECT_EQ(spi_->Shutdown(connection_.socket, SD_SEND), kOk);
            }),
            seconds(5));
  EXPECT_TRUE(send_.is_pending());
  Operation late;
  EXPECT_EQ(spi_->StartSend(connection_.socket, &late, "late"),
            WsaCode{WSAESHUTDOWN});
  const PeerSocket::Rest rest = connection_.peer.ReadToEnd();
  EXPECT_EQ(rest.ending, Ending::kOrderly);
  EXPECT_EQ(rest.data.size(), kTooMuch);
  EXPECT_EQ(PatternError(rest.data, 0), "");
}

TEST_P(BehindSendsTest, ShutdownEndsWithTheSocket) {
  EXPECT_EQ(spi_->Shutdown(connection_.socket, SD_BOTH), kOk);
  EXPECT_EQ(spi_->Close(connection_.socket), kOk);
  EXPECT_FALSE(send_.is_pending());
  EXPECT_EQ(send_.error(), DWORD{WSA_OPERATION_ABORTED});
  Connection fresh = Connect();
  EXPECT_EQ(spi_->Send(fresh.socket, "fresh"), kOk);
  EXPECT_EQ(fresh.peer.Read(5), "fresh");
}

TEST_P(BehindSendsTest, NonBlockingSendWouldBlock) {
  ASSERT_EQ(spi_->SetNonBlocking(connection_.socket, true), kOk);
  EXPECT_EQ(spi_->Send(connection_.socket, "x"), kWouldBlock);
  EXPECT_EQ(connection_.peer.Read(kTooMuch).size(), kTooMuch);
  ASSERT_TRUE(WaitUntil([&] { return !send_.is_pending(); }));
  EXPECT_EQ(spi_->Send(connection_.socket, "late"), kOk);
  EXPECT_EQ(connection_.peer.Read(4), "late");
}

TEST_P(BehindSendsTest, SendTimesOutWhileItWaits) {
  ASSERT_EQ(spi_->SetOption(connection_.socket, SOL_SOCKET, SO_SNDTIMEO, 200),
            kOk);
  const milliseconds time = TimeOf([&] {
    EXPECT_EQ(spi_->Send(connection_.socket, std::string(200000, 'x')),
              WsaCode{WSAETIMEDOUT});
  });
  EXPECT_GE(time, milliseconds(190));
  EXPECT_LT(time, seconds(2));
  EXPECT_EQ(connection_.peer.Read(kTooMuch).size(), kTooMuch);
  EXPECT_EQ(spi_->Send(connection_.socket, "late"), kOk);
  EXPECT_EQ(connection_.peer.Read(4), "late");
}

TEST_P(DataTest, SendTimesOutOnceForAllItsChunks) {
  Connection connection = Connect();
  ASSERT_EQ(spi_->SetOption(connection.socket, SOL_SOCKET, SO_SNDTIMEO, 300),
            kOk);
  std::atomic<bool> stop{false};
  ThreadGroup threads;
  // A reader so slow that no chunk waits for as long as the limit.
  threads.Start("reader", [&] {
    while (!stop) {
      connection.peer.ReadWhatIsThere(100000);
      std::this_thread::sleep_for(milliseconds(10));
    }
  });
  const milliseconds time = TimeOf([&] {
    EXPECT_EQ(spi_->Send(connection.socket, std::string(kTooMuch, 'x')),
              WsaCode{WSAETIMEDOUT});
  });
  stop = true;
  EXPECT_LT(time, seconds(2));
}

TEST_P(DataTest, OverlappedReceiveBlocksOnASocketThatIsNotForThem) {
  SOCKET s;
  ASSERT_EQ(spi_->Socket(&s, GetParam(), 0), kOk);
  ASSERT_EQ(spi_->Connect(s, listener_.endpoint()), kOk);
  PeerSocket peer = listener_.Accept();
  ASSERT_EQ(spi_->SetNonBlocking(s, true), kOk);
  Operation operation;
  ThreadGroup threads;
  threads.Start("recv",
                [&] { EXPECT_EQ(spi_->StartRecv(s, &operation, 5), kOk); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ASSERT_EQ(threads.ended(), 0);
  ASSERT_TRUE(peer.Write("hello"));
  threads.JoinAll(seconds(10));
  EXPECT_EQ(operation.buffer, "hello");
}

}  // namespace
}  // namespace wspd::testing
