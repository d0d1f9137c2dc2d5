#ifndef WSPD_TESTS_CONFORMANCE_STREAM_FIXTURE_H_
#define WSPD_TESTS_CONFORMANCE_STREAM_FIXTURE_H_

#include <functional>
#include <memory>
#include <string>

#include "tests/conformance/fixture.h"
#include "tests/testing/wait_until.h"

namespace wspd::conformance {

using testing::ClosedEndpoint;
using testing::milliseconds;
using testing::WaitUntil;

// For cases about stream sockets over IPv4 and IPv6.
class StreamTest : public FamilyTest {
 protected:
  // Also of the other family.
  using ConformanceTest::NewAccepted;
  using ConformanceTest::NewConnection;
  using ConformanceTest::NewListener;

  SOCKET New(DWORD flags = WSA_FLAG_OVERLAPPED) {
    return NewSocket(family(), Protocol::kTcp, flags);
  }
  SOCKET NewBound() { return ConformanceTest::NewBound(family()); }
  SOCKET NewListener(SockAddr* name = nullptr) {
    return ConformanceTest::NewListener(family(), name);
  }
  Pair NewConnection() { return ConformanceTest::NewConnection(family()); }
  Pair NewAccepted() { return ConformanceTest::NewAccepted(family()); }
  Pair NewSlowConnection() {
    return ConformanceTest::NewSlowConnection(family());
  }

  // A non-blocking socket whose connect is under way as long as the case lasts.
  SOCKET NewConnecting();
  // A non-blocking socket whose connect was refused.
  SOCKET NewRefused();
  // A connection that the peer has reset, as a receive has noticed.
  Pair NewReset();

  // Fails the case, and gives an empty one, if there is no name.
  SockAddr NameOf(SOCKET s);
  SockAddr PeerNameOf(SOCKET s);
  // SO_ERROR.
  int ErrorOf(SOCKET s);

  // Makes `call` in a thread of its own and, once it blocks, does `meanwhile`.
  // What the call gave.
  WsaCode WhileBlocked(const std::function<WsaCode()>& call,
                       const std::function<void()>& meanwhile);

  // The address of a kernel listener that lives as long as the case.
  SockAddr PeerName() { return SockAddr::Of(listener().endpoint()); }
  PeerListener& listener();
  // Addresses of the family.
  SockAddr Loopback(uint16_t port = 0) {
    return SockAddr::Loopback(family(), port);
  }
  SockAddr Any(uint16_t port = 0) { return SockAddr::Any(family(), port); }

 private:
  std::unique_ptr<PeerListener> listener_;
  std::unique_ptr<PeerListener> full_listener_;
};

// What a call may end with that another thread's WSPCloseSocket cancelled: the
// documentation says only that it is cancelled (3.3).
MATCHER(IsCancelled, "is an error of a cancelled call") {
  const int code = arg.code;
  return code == WSAEINTR || code == WSAENOTSOCK || code == WSAECONNABORTED ||
         code == WSA_OPERATION_ABORTED;
}

// NTSTATUS values that OVERLAPPED.Internal has (5.3).
constexpr ULONG_PTR kStatusSuccess = 0;
constexpr ULONG_PTR kStatusPending = WSS_OPERATION_IN_PROGRESS;
constexpr ULONG_PTR kStatusBufferOverflow = 0x80000005;
constexpr ULONG_PTR kStatusBufferTooSmall = 0xC0000023;
constexpr ULONG_PTR kStatusCancelled = 0xC0000120;
constexpr ULONG_PTR kStatusLocalDisconnect = 0xC000013B;
constexpr ULONG_PTR kStatusConnectionReset = 0xC000020D;
constexpr ULONG_PTR kStatusConnectionRefused = 0xC0000236;
constexpr ULONG_PTR kStatusConnectionAborted = 0xC0000241;

// What Internal says of an operation whose socket was closed: 2 has
// WSA_OPERATION_ABORTED, tests on Windows saw a connection aborted.
MATCHER(IsAbortedStatus, "is the status of an operation ended by a close") {
  const auto status = static_cast<ULONG_PTR>(arg);
  return status == kStatusCancelled || status == kStatusLocalDisconnect ||
         status == kStatusConnectionAborted;
}

}  // namespace wspd::conformance

#endif  // WSPD_TESTS_CONFORMANCE_STREAM_FIXTURE_H_
