// WSPIoctl: what the stub answers itself, and how a call with an OVERLAPPED is
// indicated (reference, sections 4.1, 4.3 and 4.9).
#include <mswsock.h>
#include <ws2tcpip.h>

#include <cstring>
#include <string>

#include "client_stub/spi_client/apc.h"
#include "client_stub/spi_client/event.h"
#include "client_stub/spi_client/upcalls.h"
#include "tests/testing/provider_test.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kFault{WSAEFAULT};
constexpr WsaCode kInvalid{WSAEINVAL};
constexpr WsaCode kNotSupported{WSAEOPNOTSUPP};
constexpr DWORD kUnknownCode = 0xDEADBEEF;
constexpr ULONG_PTR kUntouched = 0x5A5A5A5A;

// What a completion routine was told.
struct Told {
  int count = 0;
  DWORD error = 0;
  DWORD bytes = 0;
  LPWSAOVERLAPPED overlapped = nullptr;
} told;

void CALLBACK NoteCompletion(DWORD error, DWORD bytes,
                             LPWSAOVERLAPPED overlapped, DWORD) {
  told = {told.count + 1, error, bytes, overlapped};
}

class IoctlTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    ASSERT_EQ(spi_->Socket(&socket_), kOk);
    told = {};
    operation_.overlapped.Internal = kUntouched;
    operation_.overlapped.InternalHigh = kUntouched;
    operation_.overlapped.hEvent = event_.get();
  }

  struct Arguments {
    const void* in = nullptr;
    DWORD in_bytes = 0;
    void* out = nullptr;
    DWORD out_bytes = 0;
    DWORD* returned = nullptr;
    Operation* operation = nullptr;
    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine = nullptr;
    LPWSATHREADID thread = nullptr;
  };

  WsaCode Ioctl(SOCKET s, DWORD code, const Arguments& a) {
    int error = 0;
    const int result = spi_->table().lpWSPIoctl(
        s, code, const_cast<void*>(a.in), a.in_bytes, a.out, a.out_bytes,
        a.returned, a.operation != nullptr ? &a.operation->overlapped : nullptr,
        a.routine, a.thread, &error);
    EXPECT_EQ(result, error == 0 ? 0 : SOCKET_ERROR);
    return WsaCode{error};
  }

  // For `size` bytes of output, or less than it takes.
  WsaCode GetHandle(DWORD code, DWORD size, Operation* operation = nullptr) {
    Arguments arguments;
    arguments.out = &handle_;
    arguments.out_bytes = size;
    arguments.returned = &returned_;
    arguments.operation = operation;
    return Ioctl(socket_, code, arguments);
  }

  WsaCode GetFunction(const GUID& id, DWORD in_bytes, DWORD out_bytes) {
    Arguments arguments;
    arguments.in = &id;
    arguments.in_bytes = in_bytes;
    arguments.out = &function_;
    arguments.out_bytes = out_bytes;
    arguments.returned = &returned_;
    return Ioctl(socket_, SIO_GET_EXTENSION_FUNCTION_POINTER, arguments);
  }

  // Without buffers.
  WsaCode Bare(SOCKET s, DWORD code, Operation* operation = nullptr) {
    Arguments arguments;
    arguments.returned = &returned_;
    arguments.operation = operation;
    return Ioctl(s, code, arguments);
  }

  SOCKET socket_ = INVALID_SOCKET;
  SOCKET handle_ = INVALID_SOCKET;
  void* function_ = nullptr;
  DWORD returned_ = 77;
  Event event_;
  Operation operation_;
};

// ------------------------------------------------------ the stub's answers

TEST_F(IoctlTest, BaseHandlesAreTheSocketItself) {
  for (DWORD code : {SIO_BASE_HANDLE, SIO_BSP_HANDLE, SIO_BSP_HANDLE_SELECT,
                     SIO_BSP_HANDLE_POLL}) {
    handle_ = INVALID_SOCKET;
    returned_ = 77;
    EXPECT_EQ(GetHandle(code, sizeof(handle_)), kOk);
    EXPECT_EQ(handle_, socket_);
    EXPECT_EQ(returned_, sizeof(handle_));
    EXPECT_EQ(GetHandle(code, sizeof(handle_) - 1), kFault);
    EXPECT_EQ(GetHandle(code, 0), kFault);
  }
}

TEST_F(IoctlTest, MissingBuffersAreFaultsHoweverLargeTheyAre) {
  Arguments arguments;
  arguments.in_bytes = 16;
  arguments.out_bytes = 16;
  arguments.returned = &returned_;
  for (DWORD code : {SIO_BASE_HANDLE, SIO_GET_EXTENSION_FUNCTION_POINTER,
                     FIONBIO, FIONREAD}) {
    EXPECT_EQ(Ioctl(socket_, code, arguments), kFault);
  }
  EXPECT_EQ(returned_, 77u);
}

TEST_F(IoctlTest, ExtensionFunctionIsFoundByItsId) {
  const GUID id = WSAID_GETACCEPTEXSOCKADDRS;
  ASSERT_EQ(GetFunction(id, sizeof(id), sizeof(function_)), kOk);
  EXPECT_EQ(returned_, sizeof(function_));
  ASSERT_NE(function_, nullptr);

  // It is callable: a buffer without addresses.
  const auto get_addresses =
      reinterpret_cast<LPFN_GETACCEPTEXSOCKADDRS>(function_);
  char buffer[100] = {};
  sockaddr address;
  LPSOCKADDR local = &address, remote = &address;
  INT local_length = 1, remote_length = 1;
  get_addresses(buffer, 20, 40, 40, &local, &local_length, &remote,
                &remote_length);
  EXPECT_EQ(local, nullptr);
  EXPECT_EQ(local_length, 0);
  EXPECT_EQ(remote, nullptr);
  EXPECT_EQ(remote_length, 0);
}

TEST_F(IoctlTest, UnknownExtensionIsInvalid) {
  GUID id = WSAID_GETACCEPTEXSOCKADDRS;
  id.Data4[7] ^= 1;
  EXPECT_EQ(GetFunction(id, sizeof(id), sizeof(function_)), kInvalid);
  EXPECT_EQ(function_, nullptr);
  EXPECT_EQ(returned_, 77u);
}

TEST_F(IoctlTest, SmallBuffersOfAnExtensionAreFaults) {
  const GUID id = WSAID_GETACCEPTEXSOCKADDRS;
  EXPECT_EQ(GetFunction(id, sizeof(id) - 1, sizeof(function_)), kFault);
  EXPECT_EQ(GetFunction(id, sizeof(id), sizeof(function_) - 1), kFault);
  EXPECT_EQ(GetFunction(id, 0, sizeof(function_)), kFault);
  EXPECT_EQ(GetFunction(id, sizeof(id), 0), kFault);
  EXPECT_EQ(function_, nullptr);
}

TEST_F(IoctlTest, WhatIsNotThereSaysHow) {
  for (DWORD code : {SIO_ASSOCIATE_HANDLE, SIO_TRANSLATE_HANDLE,
                     SIO_QUERY_TARGET_PNP_HANDLE, kUnknownCode}) {
    EXPECT_EQ(Bare(socket_, code), kNotSupported) << std::hex << code;
  }
  for (DWORD code :
       {SIO_GET_QOS, SIO_SET_QOS, SIO_GET_GROUP_QOS, SIO_SET_GROUP_QOS}) {
    EXPECT_EQ(Bare(socket_, code), WsaCode{WSAENOPROTOOPT}) << std::hex << code;
  }
}

TEST_F(IoctlTest, SynchronousCallsHaveToAskForTheByteCount) {
  Arguments arguments;
  arguments.out = &handle_;
  arguments.out_bytes = sizeof(handle_);
  EXPECT_EQ(Ioctl(socket_, SIO_BASE_HANDLE, arguments), kFault);
  EXPECT_EQ(handle_, INVALID_SOCKET);
  EXPECT_EQ(Ioctl(socket_, kUnknownCode, {}), kFault);
  arguments.operation = &operation_;
  EXPECT_EQ(Ioctl(socket_, SIO_BASE_HANDLE, arguments), kOk);
  EXPECT_EQ(handle_, socket_);
}

TEST_F(IoctlTest, NeedsASocketAndAStartup) {
  ASSERT_EQ(spi_->Close(socket_), kOk);
  EXPECT_EQ(Bare(socket_, kUnknownCode), WsaCode{WSAENOTSOCK});
  ASSERT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(Bare(socket_, kUnknownCode), WsaCode{WSANOTINITIALISED});
}

// ------------------------------------------------ done at once, overlapped

TEST_F(IoctlTest, DoneAtOnceIsIndicatedWithoutBytesThatTheCallTold) {
  ASSERT_EQ(GetHandle(SIO_BASE_HANDLE, sizeof(handle_), &operation_), kOk);
  EXPECT_EQ(returned_, sizeof(handle_));
  EXPECT_EQ(operation_.status(), 0u);
  EXPECT_EQ(operation_.overlapped.InternalHigh, 0u);
  EXPECT_TRUE(event_.IsSet());
  DWORD bytes = 77;
  EXPECT_EQ(spi_->GetResult(socket_, &operation_, false, &bytes), kOk);
  EXPECT_EQ(bytes, 0u);
}

TEST_F(IoctlTest, DaemonsAnswersAreIndicatedTheSameWay) {
  Connection connection = Connect();
  ASSERT_TRUE(connection.peer.Write("hello"));
  u_long readable = 0;
  ASSERT_TRUE(WaitUntil([&] {
    return spi_->BytesReadable(connection.socket, &readable).ok() &&
           readable == 5;
  }));
  readable = 0;
  Arguments arguments;
  arguments.out = &readable;
  arguments.out_bytes = sizeof(readable);
  arguments.returned = &returned_;
  arguments.operation = &operation_;
  ASSERT_EQ(Ioctl(connection.socket, FIONREAD, arguments), kOk);
  EXPECT_EQ(readable, 5u);
  EXPECT_EQ(returned_, sizeof(readable));
  EXPECT_TRUE(event_.IsSet());
  DWORD bytes = 77;
  EXPECT_EQ(spi_->GetResult(connection.socket, &operation_, true, &bytes), kOk);
  EXPECT_EQ(bytes, 0u);
}

TEST_F(IoctlTest, RoutineRunsInTheNextAlertableWaitAlone) {
  WSATHREADID thread = spi_client::CurrentThreadId();
  u_long on = 1;
  Arguments arguments;
  arguments.in = &on;
  arguments.in_bytes = sizeof(on);
  arguments.returned = &returned_;
  arguments.operation = &operation_;
  arguments.routine = NoteCompletion;
  arguments.thread = &thread;
  ASSERT_EQ(Ioctl(socket_, FIONBIO, arguments), kOk);
  EXPECT_EQ(returned_, 0u);
  EXPECT_EQ(told.count, 0);
  spi_client::SleepAlertable(0);
  EXPECT_EQ(told.count, 1);
  EXPECT_EQ(told.error, 0u);
  EXPECT_EQ(told.bytes, 0u);
  EXPECT_EQ(told.overlapped, &operation_.overlapped);
  EXPECT_FALSE(event_.IsSet());
}

TEST_F(IoctlTest, RoutineWithoutItsThreadIsAFault) {
  Arguments arguments;
  arguments.out = &handle_;
  arguments.out_bytes = sizeof(handle_);
  arguments.returned = &returned_;
  arguments.operation = &operation_;
  arguments.routine = NoteCompletion;
  EXPECT_EQ(Ioctl(socket_, SIO_BASE_HANDLE, arguments), kFault);
}

TEST_F(IoctlTest, FailureAtOnceIsNotIndicated) {
  EXPECT_EQ(GetHandle(SIO_BASE_HANDLE, 1, &operation_), kFault);
  EXPECT_EQ(operation_.status(), kUntouched);
  EXPECT_FALSE(event_.IsSet());
}

TEST_F(IoctlTest, SocketThatIsNotForOverlappedCallsIndicatesNothing) {
  ASSERT_EQ(spi_->Socket(&socket_, Family::kIpv4, 0), kOk);
  EXPECT_EQ(GetHandle(SIO_BASE_HANDLE, sizeof(handle_), &operation_), kOk);
  EXPECT_EQ(handle_, socket_);
  EXPECT_EQ(Bare(socket_, kUnknownCode, &operation_), kNotSupported);
  EXPECT_EQ(operation_.status(), kUntouched);
  EXPECT_FALSE(event_.IsSet());
}

// ------------------------------------------------- unsupported, overlapped

TEST_F(IoctlTest, UnsupportedOverlappedCallPendsAndThenFails) {
  for (DWORD code : {kUnknownCode, SIO_TRANSLATE_HANDLE}) {
    Event event;
    operation_.overlapped.hEvent = event.get();
    ASSERT_EQ(Bare(socket_, code, &operation_), kPending);
    EXPECT_TRUE(event.Wait());
    DWORD bytes = 77;
    EXPECT_EQ(spi_->GetResult(socket_, &operation_, true, &bytes),
              kNotSupported);
    EXPECT_EQ(bytes, 0u);
    EXPECT_EQ(operation_.status(), 0xC00000BBu);  // STATUS_NOT_SUPPORTED
  }
  EXPECT_EQ(returned_, 77u);
}

TEST_F(IoctlTest, RoutineHearsOfTheUnsupportedCall) {
  WSATHREADID thread = spi_client::CurrentThreadId();
  Arguments arguments;
  arguments.operation = &operation_;
  arguments.routine = NoteCompletion;
  arguments.thread = &thread;
  ASSERT_EQ(Ioctl(socket_, SIO_GET_QOS, arguments), kPending);
  EXPECT_EQ(told.count, 0);
  spi_client::SleepAlertable(0);
  EXPECT_EQ(told.count, 1);
  EXPECT_EQ(told.error, static_cast<DWORD>(WSAENOPROTOOPT));
  DWORD bytes = 77;
  EXPECT_EQ(spi_->GetResult(socket_, &operation_, false, &bytes),
            WsaCode{WSAENOPROTOOPT});
}

// --------------------------------------------------- the life of the event

// The upcalls about events, in the order in which they came.
std::string event_upcalls;

BOOL WSPAPI NotedSetEvent(WSAEVENT event, LPINT error) {
  event_upcalls += "set ";
  return spi_client::Upcalls().lpWPUSetEvent(event, error);
}

BOOL WSPAPI NotedResetEvent(WSAEVENT event, LPINT error) {
  event_upcalls += "reset ";
  return spi_client::Upcalls().lpWPUResetEvent(event, error);
}

TEST_F(IoctlTest, EventIsResetAtTheBeginningAndSetAtTheEnd) {
  WSPUPCALLTABLE upcalls = spi_client::Upcalls();
  upcalls.lpWPUSetEvent = NotedSetEvent;
  upcalls.lpWPUResetEvent = NotedResetEvent;
  ASSERT_EQ(spi_->StartupWith(upcalls), kOk);
  event_upcalls.clear();
  ASSERT_EQ(GetHandle(SIO_BASE_HANDLE, sizeof(handle_), &operation_), kOk);
  EXPECT_EQ(event_upcalls, "reset set ");
  ASSERT_EQ(Bare(socket_, kUnknownCode, &operation_), kPending);
  EXPECT_EQ(event_upcalls, "reset set reset set ");
  EXPECT_EQ(GetHandle(SIO_BASE_HANDLE, 1, &operation_), kFault);
  EXPECT_EQ(event_upcalls, "reset set reset set ");
}

}  // namespace
}  // namespace wspd::testing
