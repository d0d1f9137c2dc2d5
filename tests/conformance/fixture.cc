#include "tests/conformance/fixture.h"

#include <stdlib.h>

#include <thread>

#include "client_stub/spi_client/spi_client.h"
#include "tests/testing/wait_until.h"

namespace wspd::conformance {
namespace {

using testing::milliseconds;
using testing::WaitUntil;

// More startups than any case leaves behind.
constexpr int kMostCleanups = 100;

std::string& MutableProviderPath() {
  static auto* const path = new std::string([] {
    const char* const given = getenv("WSP_PROVIDER");
    return given != nullptr ? std::string(given)
                            : spi_client::DefaultProviderPath();
  }());
  return *path;
}

}  // namespace

const std::string& ProviderPath() { return MutableProviderPath(); }

void SetProviderPath(const std::string& path) {
  MutableProviderPath() = path;
  setenv("WSP_PROVIDER", path.c_str(), 1);
}

void ConformanceTest::SetUp() {
  spi_ = Spi::Load(ProviderPath());
  ASSERT_NE(spi_, nullptr);
  ASSERT_EQ(spi_->Startup(), kOk);
  UseTable(&spi_->table());
}

void ConformanceTest::TearDown() {
  if (spi_ == nullptr || spi_->table().lpWSPCleanup == nullptr) return;
  int count = 0;
  while (Cleanup().ok()) ASSERT_LT(++count, kMostCleanups);
  Unload();
}

void ConformanceTest::Unload() {
  EXPECT_TRUE(spi_->Unload());
  spi_.reset();
}

SOCKET ConformanceTest::NewSocket(Family family, Protocol protocol,
                                  DWORD flags) {
  const bool tcp = protocol == Protocol::kTcp;
  SOCKET s = INVALID_SOCKET;
  EXPECT_EQ(Socket(&s, AddressFamily(family), tcp ? SOCK_STREAM : SOCK_DGRAM,
                   tcp ? IPPROTO_TCP : IPPROTO_UDP, flags),
            kOk);
  return s;
}

SOCKET ConformanceTest::NewBound(Family family, Protocol protocol) {
  const SOCKET s = NewSocket(family, protocol);
  EXPECT_EQ(Bind(s, SockAddr::Loopback(family)), kOk);
  return s;
}

SOCKET ConformanceTest::NewListener(Family family, SockAddr* name) {
  const SOCKET s = NewBound(family);
  EXPECT_EQ(Listen(s), kOk);
  SockAddr own;
  EXPECT_EQ(GetSockName(s, name != nullptr ? name : &own), kOk);
  return s;
}

ConformanceTest::Pair ConformanceTest::ConnectTo(PeerListener* listener,
                                                 DWORD flags) {
  const Endpoint endpoint = listener->endpoint();
  Pair pair;
  pair.socket = NewSocket(endpoint.family, Protocol::kTcp, flags);
  const WsaCode code = Connect(pair.socket, SockAddr::Of(endpoint));
  EXPECT_EQ(code, kOk);
  if (!code.ok()) return pair;
  pair.peer = listener->Accept(milliseconds(kSoonMs));
  EXPECT_TRUE(pair.peer.is_open());
  return pair;
}

ConformanceTest::Pair ConformanceTest::NewConnection(Family family,
                                                     DWORD flags) {
  PeerListener listener(family);
  return ConnectTo(&listener, flags);
}

ConformanceTest::Pair ConformanceTest::NewSlowConnection(Family family) {
  PeerListener::Options options;
  options.family = family;
  options.receive_buffer = 4096;
  PeerListener listener(options);
  return ConnectTo(&listener, WSA_FLAG_OVERLAPPED);
}

ConformanceTest::Pair ConformanceTest::NewAccepted(Family family) {
  SockAddr name;
  const SOCKET listener = NewListener(family, &name);
  Pair pair = AcceptOne(listener, name);
  EXPECT_EQ(Close(listener), kOk);
  return pair;
}

ConformanceTest::Pair ConformanceTest::AcceptOne(SOCKET listener,
                                                 const SockAddr& name) {
  Pair pair;
  pair.peer = PeerSocket::ConnectTo(name.ToEndpoint());
  EXPECT_TRUE(pair.peer.is_open());
  if (!pair.peer.is_open()) return pair;
  EXPECT_EQ(Accept(listener, &pair.socket), kOk);
  return pair;
}

Overlapped& ConformanceTest::NewOverlapped(size_t size) {
  operations_.push_back(std::make_unique<Overlapped>(size));
  return *operations_.back();
}

Overlapped& ConformanceTest::NewOverlapped(std::string data) {
  operations_.push_back(std::make_unique<Overlapped>(std::move(data)));
  return *operations_.back();
}

bool ConformanceTest::WaitReadable(SOCKET s, u_long size) {
  return WaitUntil(
      [&] {
        u_long bytes = 0;
        return BytesReadable(s, &bytes).ok() && bytes >= size;
      },
      milliseconds(kSoonMs));
}

size_t ConformanceTest::FillSendBuffer(SOCKET s) {
  EXPECT_EQ(SetNonBlocking(s), kOk);
  const std::string data(65536, 'x');
  size_t total = 0;
  // What is sent may be on its way to the peer still, and leaves room then:
  // nothing tells when all has come to rest. (The peer's kernel may put its
  // acknowledgements off for 200 ms.)
  for (int full = 0; full < 6;) {
    DWORD sent = 0;
    const WsaCode code = SendText(s, data, 0, &sent);
    if (code.ok()) {
      total += sent;
      full = 0;
      continue;
    }
    EXPECT_EQ(code, WsaCode{WSAEWOULDBLOCK});
    if (code != WsaCode{WSAEWOULDBLOCK}) break;
    ++full;
    std::this_thread::sleep_for(milliseconds(50));
  }
  return total;
}

}  // namespace wspd::conformance
