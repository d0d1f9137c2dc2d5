#ifndef WSPD_TESTS_CONFORMANCE_FIXTURE_H_
#define WSPD_TESTS_CONFORMANCE_FIXTURE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "tests/conformance/calls.h"  // before any system socket header
#include "tests/conformance/sock_addr.h"
#include "tests/conformance/variant.h"
#include "tests/testing/peer_socket.h"
#include "tests/testing/thread_group.h"

namespace wspd::conformance {

using testing::Ending;
using testing::Event;
using testing::PeerListener;
using testing::PeerSocket;
using testing::Spi;
using testing::ThreadGroup;

// How long a case waits for what has to come at once.
constexpr int kSoonMs = 10000;
// How long it waits to see that something doesn't come.
constexpr int kNotAtAllMs = 100;

// The path of the provider to judge: --provider, else WSP_PROVIDER, else the
// one that spi_client finds by itself. Children of the process (role.h) judge
// the same one.
const std::string& ProviderPath();
void SetProviderPath(const std::string& path);

// An OVERLAPPED with a buffer and, if wanted, an event.
struct Overlapped {
  explicit Overlapped(size_t size = 0) : buffer(size, '\0') { Point(); }
  explicit Overlapped(std::string data) : buffer(std::move(data)) { Point(); }
  Overlapped(const Overlapped&) = delete;
  Overlapped& operator=(const Overlapped&) = delete;

  Overlap WithEvent() {
    overlapped.hEvent = event.get();
    return {&overlapped, nullptr};
  }
  Overlap WithoutEvent() { return {&overlapped, nullptr}; }
  Overlap WithRoutine(LPWSAOVERLAPPED_COMPLETION_ROUTINE routine) {
    return {&overlapped, routine};
  }

  // Internal, as another thread may have written it.
  ULONG_PTR status() const {
    return __atomic_load_n(&overlapped.Internal, __ATOMIC_ACQUIRE);
  }

  WSAOVERLAPPED overlapped = {};  // first: a routine finds the whole from it
  std::string buffer;
  WSABUF wsabuf = {};
  DWORD bytes = 0;
  DWORD flags = 0;
  Event event;

 private:
  void Point() { wsabuf = {static_cast<u_long>(buffer.size()), &buffer[0]}; }
};

// The provider, loaded and started up once, and cleaned up and unloaded at the
// end. A fixture is-a Calls, so that a case reads as the calls that it makes.
class ConformanceTest : public ::testing::Test, protected Calls {
 protected:
  void SetUp() override;
  void TearDown() override;

  Spi& spi() { return *spi_; }
  // After the final cleanup; the last that a case does.
  void Unload();

  // These fail the case if they can't do it, and give INVALID_SOCKET.
  SOCKET NewSocket(Family family, Protocol protocol = Protocol::kTcp,
                   DWORD flags = WSA_FLAG_OVERLAPPED);
  SOCKET NewBound(Family family, Protocol protocol = Protocol::kTcp);
  // Bound to the loopback address, and listening.
  SOCKET NewListener(Family family, SockAddr* name = nullptr);

  // A connected stream socket of the provider, and its kernel peer.
  struct Pair {
    SOCKET socket = INVALID_SOCKET;
    PeerSocket peer;
  };
  // The provider connects to the peer.
  Pair NewConnection(Family family, DWORD flags = WSA_FLAG_OVERLAPPED);
  // The same with a receive buffer of the peer's so small that a send soon
  // waits.
  Pair NewSlowConnection(Family family);
  // The peer connects to a listener of the provider's.
  Pair NewAccepted(Family family);
  Pair AcceptOne(SOCKET listener, const SockAddr& name);

  // As Overlapped's constructors. It lives as long as the fixture, since the
  // final cleanup still writes to the OVERLAPPED of what is pending then.
  Overlapped& NewOverlapped(size_t size = 0);
  Overlapped& NewOverlapped(std::string data);

  // Waits until the socket has something to read, `size` bytes at least.
  bool WaitReadable(SOCKET s, u_long size = 1);
  // Sends without blocking until nothing more goes; how much that was. Leaves
  // the socket non-blocking.
  size_t FillSendBuffer(SOCKET s);

 private:
  Pair ConnectTo(PeerListener* listener, DWORD flags);

  std::unique_ptr<Spi> spi_;
  std::vector<std::unique_ptr<Overlapped>> operations_;
};

// For cases that are run for IPv4 and IPv6.
class FamilyTest : public ConformanceTest,
                   public ::testing::WithParamInterface<Family> {
 protected:
  Family family() const { return GetParam(); }
};

// For cases that are run for TCP and UDP over IPv4 and IPv6.
class VariantTest : public ConformanceTest,
                    public ::testing::WithParamInterface<Variant> {
 protected:
  Family family() const { return GetParam().family; }
  Protocol protocol() const { return GetParam().protocol; }
  SOCKET New() { return NewSocket(family(), protocol()); }
};

}  // namespace wspd::conformance

#endif  // WSPD_TESTS_CONFORMANCE_FIXTURE_H_
