// What goes on around the upcalls: failing ones, and calls made from within.
#include <sys/types.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <string>

#include "client_stub/spi_client/apc.h"
#include "client_stub/spi_client/event.h"
#include "client_stub/spi_client/upcalls.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kNotInitialised{WSANOTINITIALISED};

// ------------------------------------------------------- no handle to be had

std::atomic<bool> no_handles{false};

SOCKET WSPAPI ScarceSocketHandle(DWORD entry, DWORD_PTR context, LPINT error) {
  if (!no_handles) {
    return spi_client::Upcalls().lpWPUCreateSocketHandle(entry, context, error);
  }
  *error = WSAENOBUFS;
  return INVALID_SOCKET;
}

SOCKET WSPAPI ScarceIfsHandle(DWORD entry, SOCKET s, LPINT error) {
  if (!no_handles) {
    return spi_client::Upcalls().lpWPUModifyIFSHandle(entry, s, error);
  }
  *error = WSAENOBUFS;
  return INVALID_SOCKET;
}

class NoHandleTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    no_handles = false;
    // The table comes with the first of the two.
    ASSERT_EQ(spi_->Startup(), kOk);
    WSPUPCALLTABLE upcalls = spi_client::Upcalls();
    upcalls.lpWPUCreateSocketHandle = ScarceSocketHandle;
    upcalls.lpWPUModifyIFSHandle = ScarceIfsHandle;
    ASSERT_EQ(spi_->StartupWith(upcalls), kOk);
  }
};

TEST_F(NoHandleTest, AcceptClosesTheConnectionAndNotTheListener) {
  SOCKET listener, accepted;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&listener, &endpoint), kOk);
  PeerSocket unlucky = PeerSocket::ConnectTo(endpoint);
  ASSERT_TRUE(unlucky.is_open());
  no_handles = true;
  EXPECT_EQ(spi_->Accept(listener, &accepted), WsaCode{WSAENOBUFS});
  EXPECT_NE(unlucky.WaitForEnd(), Ending::kStillOpen);

  no_handles = false;
  PeerSocket lucky = PeerSocket::ConnectTo(endpoint);
  ASSERT_TRUE(lucky.is_open());
  ASSERT_EQ(spi_->Accept(listener, &accepted), kOk);
  EXPECT_EQ(spi_->Send(accepted, "hello"), kOk);
  EXPECT_EQ(lucky.Read(5), "hello");
}

TEST_F(NoHandleTest, SocketSaysSo) {
  SOCKET s;
  no_handles = true;
  EXPECT_EQ(spi_->Socket(&s), WsaCode{WSAENOBUFS});
  no_handles = false;
  EXPECT_EQ(spi_->Socket(&s), kOk);
}

// ------------------------------------------- startups and cleanups in upcalls

// What the upcall called `where` does once, and what it is told.
struct Nested {
  Spi* spi = nullptr;
  const char* where = "";
  bool starts_up = false;
  std::atomic<int> result{-2};
  std::atomic<pid_t> thread{0};

  void Enter(const char* upcall) {
    if (where != std::string(upcall) || result != -2) return;
    thread = gettid();
    result = starts_up ? spi->Startup().code : spi->Cleanup().code;
  }
} nested;

BOOL WSPAPI NestingSetEvent(WSAEVENT event, LPINT error) {
  nested.Enter("SetEvent");
  return spi_client::Upcalls().lpWPUSetEvent(event, error);
}
BOOL WSPAPI NestingResetEvent(WSAEVENT event, LPINT error) {
  nested.Enter("ResetEvent");
  return spi_client::Upcalls().lpWPUResetEvent(event, error);
}
int WSPAPI NestingQueueApc(LPWSATHREADID thread, LPWSAUSERAPC apc,
                           DWORD_PTR context, LPINT error) {
  nested.Enter("QueueApc");
  return spi_client::Upcalls().lpWPUQueueApc(thread, apc, context, error);
}
int WSPAPI NestingQuerySocketHandle(SOCKET s, PDWORD_PTR context, LPINT error) {
  nested.Enter("QuerySocketHandleContext");
  return spi_client::Upcalls().lpWPUQuerySocketHandleContext(s, context, error);
}
int WSPAPI NestingQueryBlockingCallback(DWORD entry, LPBLOCKINGCALLBACK* hook,
                                        PDWORD_PTR context, LPINT error) {
  nested.Enter("QueryBlockingCallback");
  return spi_client::Upcalls().lpWPUQueryBlockingCallback(entry, hook, context,
                                                          error);
}
SOCKET WSPAPI NestingCreateSocketHandle(DWORD entry, DWORD_PTR context,
                                        LPINT error) {
  nested.Enter("CreateSocketHandle");
  return spi_client::Upcalls().lpWPUCreateSocketHandle(entry, context, error);
}
SOCKET WSPAPI NestingModifyIfsHandle(DWORD entry, SOCKET s, LPINT error) {
  nested.Enter("ModifyIFSHandle");
  return spi_client::Upcalls().lpWPUModifyIFSHandle(entry, s, error);
}
int WSPAPI NestingCloseSocketHandle(SOCKET s, LPINT error) {
  nested.Enter("CloseSocketHandle");
  return spi_client::Upcalls().lpWPUCloseSocketHandle(s, error);
}

class NestedLifecycleTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    ASSERT_EQ(spi_->Cleanup(), kOk);
    nested.spi = spi_.get();
    nested.where = "";
    WSPUPCALLTABLE upcalls = spi_client::Upcalls();
    upcalls.lpWPUSetEvent = NestingSetEvent;
    upcalls.lpWPUResetEvent = NestingResetEvent;
    upcalls.lpWPUQueueApc = NestingQueueApc;
    upcalls.lpWPUQuerySocketHandleContext = NestingQuerySocketHandle;
    upcalls.lpWPUQueryBlockingCallback = NestingQueryBlockingCallback;
    upcalls.lpWPUCreateSocketHandle = NestingCreateSocketHandle;
    upcalls.lpWPUModifyIFSHandle = NestingModifyIfsHandle;
    upcalls.lpWPUCloseSocketHandle = NestingCloseSocketHandle;
    ASSERT_EQ(spi_->StartupWith(upcalls), kOk);
  }
  void TearDown() override {
    nested.where = "";
    ProviderTest::TearDown();
  }

  // Has both refused in the upcall that `use` makes.
  void ExpectRefused(const char* where, const std::function<void()>& use) {
    for (const bool starts_up : {false, true}) {
      nested.result = -2;
      nested.starts_up = starts_up;
      nested.where = where;
      use();
      nested.where = "";
      EXPECT_EQ(WsaCode{nested.result}, WsaCode{WSAEINPROGRESS})
          << (starts_up ? "WSPStartup in " : "WSPCleanup in ") << where;
    }
  }
};

void CALLBACK NoRoutine(DWORD, DWORD, LPWSAOVERLAPPED, DWORD) {}

TEST_F(NestedLifecycleTest, IsRefusedOnTheStubsOwnThread) {
  Connection connection = Connect();
  Event event;
  ExpectRefused("SetEvent", [&] {
    Operation operation;
    operation.overlapped.hEvent = event.get();
    ASSERT_EQ(spi_->StartRecv(connection.socket, &operation, 5), kPending);
    connection.peer.Write("hello");
    ASSERT_TRUE(event.Wait());
    EXPECT_NE(nested.thread, gettid());
  });
  ExpectRefused("QueueApc", [&] {
    Operation operation;
    ASSERT_EQ(spi_->StartRecv(connection.socket, &operation, 5, NoRoutine),
              kPending);
    connection.peer.Write("hello");
    EXPECT_EQ(spi_client::SleepAlertable(20000), DWORD{WSA_WAIT_IO_COMPLETION});
    EXPECT_NE(nested.thread, gettid());
  });
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

TEST_F(NestedLifecycleTest, IsRefusedOnThreadsOfTheApplication) {
  Connection connection = Connect();
  Event event;
  const auto receive_what_is_there = [&] {
    Operation operation;
    operation.overlapped.hEvent = event.get();
    connection.peer.Write("hello");
    u_long readable = 0;
    ASSERT_TRUE(WaitUntil([&] {
      return spi_->BytesReadable(connection.socket, &readable).ok() &&
             readable == 5;
    }));
    EXPECT_EQ(spi_->StartRecv(connection.socket, &operation, 5), kOk);
  };
  ExpectRefused("SetEvent", receive_what_is_there);
  ExpectRefused("ResetEvent", receive_what_is_there);
  ExpectRefused("QueryBlockingCallback",
                [&] { EXPECT_EQ(spi_->Send(connection.socket, "x"), kOk); });
  EXPECT_EQ(spi_->Send(connection.socket, "on"), kOk);
  EXPECT_EQ(connection.peer.Read(4), "xxon");
  SOCKET s = INVALID_SOCKET;
  DWORD_PTR context;
  int error;
  const bool kernel_handles =
      spi_client::Upcalls().lpWPUQuerySocketHandleContext(
          connection.socket, &context, &error) != 0;
  if (kernel_handles) {
    ExpectRefused("ModifyIFSHandle", [&] { EXPECT_EQ(spi_->Socket(&s), kOk); });
  } else {
    ExpectRefused("QuerySocketHandleContext",
                  [&] { EXPECT_EQ(spi_->Send(connection.socket, "x"), kOk); });
    ExpectRefused("CreateSocketHandle",
                  [&] { EXPECT_EQ(spi_->Socket(&s), kOk); });
    ExpectRefused("CloseSocketHandle", [&] {
      EXPECT_EQ(spi_->Socket(&s), kOk);
      EXPECT_EQ(spi_->Close(s), kOk);
    });
  }
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(spi_->Cleanup(), kNotInitialised);
}

}  // namespace
}  // namespace wspd::testing
