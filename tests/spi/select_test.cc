// WSPSelect (reference, section 4.6).
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "client_stub/spi_client/blocking_hook.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/socket_set.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

using Sockets = std::vector<SOCKET>;

constexpr WsaCode kInval{WSAEINVAL};
constexpr WsaCode kNotSock{WSAENOTSOCK};
constexpr WsaCode kInterrupted{WSAEINTR};
constexpr WsaCode kWouldBlock{WSAEWOULDBLOCK};
constexpr timeval kAtOnce = {0, 0};
constexpr timeval kLong = {30, 0};

class SelectTest : public ProviderTest,
                   public ::testing::WithParamInterface<Family> {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }

  // What one socket is ready for within the time: a word of r, w and e.
  std::string Ready(SOCKET s, const timeval* time) {
    SocketSet read({s}), write({s}), except({s});
    int count = 0;
    const WsaCode code =
        spi_->Select(read.get(), write.get(), except.get(), time, &count);
    if (!code.ok()) return ToString(code);
    std::string ready;
    if (!read.sockets().empty()) ready += "r";
    if (!write.sockets().empty()) ready += "w";
    if (!except.sockets().empty()) ready += "e";
    EXPECT_EQ(count, static_cast<int>(ready.size()));
    return ready;
  }
  std::string Ready(SOCKET s) { return Ready(s, &kAtOnce); }
  // Waits until the socket is readable, or exceptional.
  void AwaitRead(SOCKET s) {
    SocketSet read({s});
    int count = 0;
    ASSERT_EQ(spi_->Select(read.get(), nullptr, nullptr, &kLong, &count), kOk);
    ASSERT_EQ(count, 1);
  }
  void AwaitExcept(SOCKET s) {
    SocketSet except({s});
    int count = 0;
    ASSERT_EQ(spi_->Select(nullptr, nullptr, except.get(), &kLong, &count),
              kOk);
    ASSERT_EQ(count, 1);
  }

  PeerListener peers_{GetParam()};
};

TEST_P(SelectTest, DataMakesReadable) {
  Connection connection = Connect(peers_);
  EXPECT_EQ(Ready(connection.socket), "w");
  ASSERT_TRUE(connection.peer.Write("x"));
  AwaitRead(connection.socket);
  EXPECT_EQ(Ready(connection.socket), "rw");
  std::string data;
  ASSERT_EQ(spi_->Recv(connection.socket, 10, &data), kOk);
  EXPECT_EQ(Ready(connection.socket), "w");
}

TEST_P(SelectTest, TheEndMakesReadable) {
  Connection connection = Connect(peers_);
  connection.peer.ShutdownSend();
  AwaitRead(connection.socket);
  EXPECT_EQ(Ready(connection.socket), "rw");
}

TEST_P(SelectTest, AResetMakesReadableAndWritableAndNotExceptional) {
  Connection connection = Connect(peers_);
  connection.peer.Reset();
  AwaitRead(connection.socket);
  EXPECT_EQ(Ready(connection.socket), "rw");
  std::string data;
  EXPECT_EQ(spi_->Recv(connection.socket, 1, &data), WsaCode{WSAECONNRESET});
  EXPECT_EQ(Ready(connection.socket), "rw");
}

TEST_P(SelectTest, AConnectionInTheQueueMakesReadable) {
  SOCKET listener, accepted;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&listener, &endpoint, GetParam()), kOk);
  EXPECT_EQ(Ready(listener), "");
  PeerSocket peer = PeerSocket::ConnectTo(endpoint);
  ASSERT_TRUE(peer.is_open());
  AwaitRead(listener);
  EXPECT_EQ(Ready(listener), "r");
  ASSERT_EQ(spi_->Accept(listener, &accepted), kOk);
  EXPECT_EQ(Ready(listener), "");
  EXPECT_EQ(Ready(accepted), "w");
}

TEST_P(SelectTest, WritableAgainWhenThereIsRoom) {
  Connection connection = Connect(peers_);
  ASSERT_EQ(spi_->SetNonBlocking(connection.socket, true), kOk);
  const std::string data(64 << 10, 'x');
  size_t sent = 0;
  size_t total = 0;
  while (spi_->Send(connection.socket, data, &sent).ok()) total += sent;
  EXPECT_EQ(Ready(connection.socket), "");
  ThreadGroup reader;
  reader.Start("reader", [&] { connection.peer.Read(total); });
  SocketSet write({connection.socket});
  int count = 0;
  EXPECT_EQ(spi_->Select(nullptr, write.get(), nullptr, &kLong, &count), kOk);
  EXPECT_EQ(count, 1);
  reader.JoinAll();
}

TEST_P(SelectTest, ANonBlockingConnectEndsWritableOrExceptional) {
  SOCKET works, fails;
  ASSERT_EQ(spi_->Socket(&works, GetParam()), kOk);
  ASSERT_EQ(spi_->SetNonBlocking(works, true), kOk);
  ASSERT_EQ(spi_->Connect(works, peers_.endpoint()), kWouldBlock);
  EXPECT_EQ(Ready(works, &kLong), "w");

  ASSERT_EQ(spi_->Socket(&fails, GetParam()), kOk);
  ASSERT_EQ(spi_->SetNonBlocking(fails, true), kOk);
  ASSERT_EQ(spi_->Connect(fails, ClosedEndpoint(GetParam())), kWouldBlock);
  AwaitExcept(fails);
  EXPECT_EQ(Ready(fails), "e");
  int error = 0;
  ASSERT_EQ(spi_->GetOption(fails, SOL_SOCKET, SO_ERROR, &error), kOk);
  EXPECT_EQ(error, WSAECONNREFUSED);
}

TEST_P(SelectTest, AnUnconnectedSocketIsReadyForNothing) {
  SOCKET s;
  ASSERT_EQ(spi_->Socket(&s, GetParam()), kOk);
  EXPECT_EQ(Ready(s), "");
  ASSERT_EQ(spi_->Bind(s, {GetParam(), 0}), kOk);
  EXPECT_EQ(Ready(s), "");
}

TEST_P(SelectTest, Datagrams) {
  SOCKET s;
  Endpoint own;
  ASSERT_EQ(spi_->DatagramSocket(&s, GetParam()), kOk);
  ASSERT_EQ(spi_->Bind(s, {GetParam(), 0}), kOk);
  ASSERT_EQ(spi_->GetSockName(s, &own), kOk);
  EXPECT_EQ(Ready(s), "w");
  ASSERT_EQ(spi_->SendTo(s, "x", own), kOk);
  AwaitRead(s);
  EXPECT_EQ(Ready(s), "rw");
}

TEST_P(SelectTest, UrgentDataIsExceptionalUnlessItComesInLine) {
  Connection connection = Connect(peers_);
  ASSERT_TRUE(connection.peer.WriteUrgent("u"));
  AwaitExcept(connection.socket);
  EXPECT_EQ(Ready(connection.socket), "we");
  ASSERT_EQ(spi_->SetOption(connection.socket, SOL_SOCKET, SO_OOBINLINE, 1),
            kOk);
  EXPECT_EQ(Ready(connection.socket), "rw");
}

INSTANTIATE_TEST_SUITE_P(Families, SelectTest,
                         ::testing::Values(Family::kIpv4, Family::kIpv6));

// ------------------------------------------------------------------- the sets

class SelectSetsTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }
  WsaCode SelectRead(SocketSet* read, int* count) {
    return spi_->Select(read->get(), nullptr, nullptr, &kAtOnce, count);
  }
  // So many sockets, every third of which can be written to.
  Sockets ManySockets(size_t count, Sockets* writable) {
    Sockets all;
    for (size_t i = 0; i < count; ++i) {
      SOCKET s;
      EXPECT_EQ(spi_->DatagramSocket(&s), kOk);
      if (i % 3 == 0) {
        EXPECT_EQ(spi_->Bind(s, {Family::kIpv4, 0}), kOk);
        writable->push_back(s);
      } else {
        // A stream that isn't connected.
        EXPECT_EQ(spi_->Close(s), kOk);
        EXPECT_EQ(spi_->Socket(&s), kOk);
      }
      all.push_back(s);
    }
    return all;
  }
};

TEST_F(SelectSetsTest, AtLeastOneSocketIsNeeded) {
  SocketSet empty, also_empty;
  int count;
  EXPECT_EQ(spi_->Select(nullptr, nullptr, nullptr, &kAtOnce, &count), kInval);
  EXPECT_EQ(
      spi_->Select(empty.get(), nullptr, also_empty.get(), nullptr, &count),
      kInval);
}

TEST_F(SelectSetsTest, ANegativeTimeIsNone) {
  Connection connection = Connect();
  int count;
  for (const timeval& time : {timeval{-1, 0}, timeval{0, -1}}) {
    SocketSet write({connection.socket});
    EXPECT_EQ(spi_->Select(nullptr, write.get(), nullptr, &time, &count),
              kInval);
    EXPECT_EQ(write.sockets(), Sockets{connection.socket});
  }
}

TEST_F(SelectSetsTest, WhatIsNoSocketChangesNothing) {
  Connection connection = Connect();
  SOCKET closed;
  ASSERT_EQ(spi_->Socket(&closed), kOk);
  ASSERT_EQ(spi_->Close(closed), kOk);
  for (const SOCKET bad : {closed, INVALID_SOCKET, SOCKET{0}}) {
    SocketSet write({connection.socket, bad}), read({connection.socket});
    int count;
    EXPECT_EQ(spi_->Select(read.get(), write.get(), nullptr, &kAtOnce, &count),
              kNotSock);
    EXPECT_EQ(write.sockets(), (Sockets{connection.socket, bad}));
    EXPECT_EQ(read.sockets(), Sockets{connection.socket});
  }
}

TEST_F(SelectSetsTest, ASocketCountsOnceInEachSet) {
  Connection one = Connect();
  Connection two = Connect();
  SocketSet write({two.socket, one.socket, two.socket, one.socket});
  SocketSet read({two.socket});
  int count;
  ASSERT_TRUE(two.peer.Write("x"));
  ASSERT_EQ(spi_->Select(read.get(), nullptr, nullptr, &kLong, &count), kOk);
  ASSERT_EQ(spi_->Select(read.get(), write.get(), nullptr, &kLong, &count),
            kOk);
  EXPECT_EQ(count, 3);
  EXPECT_EQ(write.sockets(), (Sockets{two.socket, one.socket}));
  EXPECT_EQ(read.sockets(), Sockets{two.socket});
}

TEST_F(SelectSetsTest, OneSetMayServeAsTwo) {
  Connection one = Connect();
  Connection two = Connect();
  ASSERT_TRUE(two.peer.Write("x"));
  SocketSet both({one.socket, two.socket});
  int count;
  ASSERT_EQ(spi_->Select(both.get(), both.get(), nullptr, &kLong, &count), kOk);
  EXPECT_EQ(count, 2);
  EXPECT_EQ(both.sockets(), (Sockets{one.socket, two.socket}));
}

TEST_F(SelectSetsTest, SetsOfAnySizeKeepTheirOrder) {
  for (const size_t size : {size_t{64}, size_t{65}, size_t{200}}) {
    Sockets writable;
    const Sockets all = ManySockets(size, &writable);
    SocketSet read(all), write(all), except(all);
    int count;
    ASSERT_EQ(
        spi_->Select(read.get(), write.get(), except.get(), &kLong, &count),
        kOk);
    EXPECT_EQ(write.sockets(), writable);
    EXPECT_EQ(read.sockets(), Sockets());
    EXPECT_EQ(except.sockets(), Sockets());
    EXPECT_EQ(count, static_cast<int>(writable.size()));
  }
}

// Not one round trip for each socket: a select of 1,000 takes less than a
// fraction of 1,000 calls.
TEST_F(SelectSetsTest, AThousandSocketsAreOneCall) {
  Sockets writable;
  const Sockets all = ManySockets(1000, &writable);
  const milliseconds calls = TimeOf([&] {
    int error;
    for (const SOCKET s : all) {
      EXPECT_EQ(spi_->GetOption(s, SOL_SOCKET, SO_ERROR, &error), kOk);
    }
  });
  milliseconds select = milliseconds::max();
  for (int i = 0; i < 5; ++i) {
    SocketSet read(all), write(all), except(all);
    int count = 0;
    const milliseconds time = TimeOf([&] {
      EXPECT_EQ(
          spi_->Select(read.get(), write.get(), except.get(), &kLong, &count),
          kOk);
    });
    EXPECT_EQ(write.sockets(), writable);
    select = std::min(select, time);
  }
  EXPECT_LT(select.count(), calls.count() / 3 + 1);
}

// ------------------------------------------------------------------- the time

TEST_F(SelectSetsTest, WithoutTimeItOnlyLooks) {
  Connection connection = Connect();
  SocketSet read({connection.socket});
  timeval none = {0, 0};
  int count = 99;
  EXPECT_EQ(spi_->Select(read.get(), nullptr, nullptr, &none, &count), kOk);
  EXPECT_EQ(count, 0);
  EXPECT_EQ(read.sockets(), Sockets());
}

TEST_F(SelectSetsTest, WaitsAsLongAsItIsTold) {
  Connection connection = Connect();
  SocketSet read({connection.socket});
  timeval time = {0, 60 * 1000};
  int count = 99;
  const milliseconds waited = TimeOf([&] {
    EXPECT_EQ(spi_->Select(read.get(), nullptr, nullptr, &time, &count), kOk);
  });
  EXPECT_EQ(count, 0);
  EXPECT_EQ(read.sockets(), Sockets());
  EXPECT_GE(waited, milliseconds(59));
  EXPECT_EQ(time.tv_usec, 60 * 1000);
  EXPECT_EQ(time.tv_sec, 0);
}

TEST_F(SelectSetsTest, WaitsForEverUntilSomethingHappens) {
  Connection connection = Connect();
  ThreadGroup selector;
  selector.Start("selector", [&] {
    SocketSet read({connection.socket});
    int count = 0;
    EXPECT_EQ(spi_->Select(read.get(), nullptr, nullptr, nullptr, &count), kOk);
    EXPECT_EQ(count, 1);
  });
  ASSERT_TRUE(selector.WaitUntilBlocked());
  EXPECT_EQ(selector.ended(), 0);
  ASSERT_TRUE(connection.peer.Write("x"));
  selector.JoinAll();
}

TEST_F(SelectSetsTest, OneOfManyIsEnough) {
  std::vector<Connection> connections(70);
  Sockets all;
  for (Connection& connection : connections) {
    connection = Connect();
    all.push_back(connection.socket);
  }
  ThreadGroup selector;
  SocketSet read(all);
  selector.Start("selector", [&] {
    int count = 0;
    EXPECT_EQ(spi_->Select(read.get(), nullptr, nullptr, nullptr, &count), kOk);
    EXPECT_EQ(count, 1);
  });
  ASSERT_TRUE(selector.WaitUntilBlocked());
  ASSERT_TRUE(connections[66].peer.Write("x"));
  selector.JoinAll();
  EXPECT_EQ(read.sockets(), Sockets{all[66]});
}

// -------------------------------------------------------------- interruptions

TEST_F(SelectSetsTest, AClosedSocketWakesIt) {
  for (const bool except_only : {false, true}) {
    Connection connection = Connect();
    ThreadGroup selector;
    selector.Start("selector", [&] {
      SocketSet set({connection.socket});
      int count = 0;
      fd_set* const none = nullptr;
      const WsaCode code =
          spi_->Select(except_only ? none : set.get(), nullptr,
                       except_only ? set.get() : none, nullptr, &count);
      if (except_only) {
        EXPECT_EQ(code, kNotSock);
      } else {
        EXPECT_EQ(code, kOk);
        EXPECT_EQ(count, 1);
      }
    });
    ASSERT_TRUE(selector.WaitUntilBlocked());
    EXPECT_EQ(spi_->Close(connection.socket), kOk);
    selector.JoinAll();
  }
}

TEST_F(SelectSetsTest, TheFinalCleanupInterruptsIt) {
  Connection connection = Connect();
  ThreadGroup selector;
  selector.Start("selector", [&] {
    SocketSet read({connection.socket});
    int count = 0;
    EXPECT_EQ(spi_->Select(read.get(), nullptr, nullptr, nullptr, &count),
              kInterrupted);
    EXPECT_EQ(read.sockets(), Sockets{connection.socket});
  });
  ASSERT_TRUE(selector.WaitUntilBlocked());
  EXPECT_EQ(spi_->Cleanup(), kOk);
  selector.JoinAll();
}

BOOL CALLBACK CancelInHook(DWORD_PTR context) {
  EXPECT_EQ(reinterpret_cast<Spi*>(context)->CancelBlocking(), kOk);
  return FALSE;
}

TEST_F(SelectSetsTest, ItsHookMayCancelIt) {
  Connection connection = Connect();
  spi_client::SetBlockingHook(
      {CancelInHook, reinterpret_cast<DWORD_PTR>(spi_.get())});
  SocketSet read({connection.socket});
  int count = 0;
  EXPECT_EQ(spi_->Select(read.get(), nullptr, nullptr, nullptr, &count),
            kInterrupted);
  // One that needn't wait calls no hook.
  EXPECT_EQ(spi_->Select(read.get(), nullptr, nullptr, &kAtOnce, &count), kOk);
  spi_client::SetBlockingHook({});
  // The sockets are as they were.
  ASSERT_TRUE(connection.peer.Write("x"));
  SocketSet again({connection.socket});
  EXPECT_EQ(spi_->Select(again.get(), nullptr, nullptr, nullptr, &count), kOk);
  EXPECT_EQ(count, 1);
}

TEST_F(SelectSetsTest, HasNothingToDoWithNetworkEvents) {
  Connection connection = Connect();
  Event event;
  ASSERT_EQ(spi_->EventSelect(connection.socket, event.get(), FD_READ), kOk);
  ASSERT_TRUE(connection.peer.Write("x"));
  SocketSet read({connection.socket});
  int count = 0;
  EXPECT_EQ(spi_->Select(read.get(), nullptr, nullptr, &kLong, &count), kOk);
  EXPECT_EQ(count, 1);
  EXPECT_TRUE(event.Wait());
  WSANETWORKEVENTS events = {};
  EXPECT_EQ(spi_->EnumNetworkEvents(connection.socket, event.get(), &events),
            kOk);
  EXPECT_EQ(events.lNetworkEvents, FD_READ);
}

}  // namespace
}  // namespace wspd::testing
