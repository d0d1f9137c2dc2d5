#include "tests/conformance/datagram_fixture.h"

#include "tests/testing/wait_until.h"

namespace wspd::conformance {
namespace {

using testing::milliseconds;
using testing::WaitUntil;

}  // namespace

SOCKET DatagramTest::NewDatagrams(Family family, SockAddr* name) {
  const SOCKET s = NewBound(family, Protocol::kUdp);
  SockAddr own;
  EXPECT_EQ(GetSockName(s, name != nullptr ? name : &own), kOk);
  return s;
}

DatagramTest::Received DatagramTest::Receive(SOCKET s, size_t size, DWORD flags,
                                             CallMode mode) {
  Overlapped operation(size);
  Received received;
  DWORD bytes = 0;
  received.flags = flags;
  const auto call = [&](const Overlap& overlap) {
    received.flags = flags;
    return RecvFrom(s, &operation.wsabuf, 1, &bytes, &received.flags,
                    received.from.get(), received.from.length_pointer(),
                    overlap);
  };
  if (mode == CallMode::kOverlapped) {
    received.code = call(operation.WithEvent());
    if (received.code.ok() || received.code == kPending) {
      received.code = GetOverlappedResult(s, &operation.overlapped, &bytes,
                                          true, &received.flags);
    }
  } else {
    EXPECT_EQ(SetNonBlocking(s, mode == CallMode::kNonBlocking), kOk);
    const bool came = WaitUntil(
        [&] {
          received.code = call({});
          return received.code != WsaCode{WSAEWOULDBLOCK};
        },
        milliseconds(kSoonMs));
    EXPECT_TRUE(came) << "nothing came";
  }
  received.data = operation.buffer.substr(0, bytes);
  return received;
}

WsaCode DatagramTest::SendDatagram(SOCKET s, const std::string& data,
                                   const SockAddr& to, CallMode mode,
                                   DWORD flags, DWORD* sent) {
  Overlapped operation(data);
  DWORD bytes = 0;
  WsaCode code;
  if (mode == CallMode::kOverlapped) {
    code = SendTo(s, &operation.wsabuf, 1, &bytes, flags, to.get(), to.length(),
                  operation.WithEvent());
    if (code.ok() || code == kPending) {
      code = GetOverlappedResult(s, &operation.overlapped, &bytes, true,
                                 &operation.flags);
    }
  } else {
    EXPECT_EQ(SetNonBlocking(s, mode == CallMode::kNonBlocking), kOk);
    code =
        SendTo(s, &operation.wsabuf, 1, &bytes, flags, to.get(), to.length());
  }
  if (sent != nullptr) *sent = bytes;
  return code;
}

WsaCode DatagramTest::SendToNobody(SOCKET s, Family family) {
  PeerDatagrams nobody(family);
  nobody.Close();
  return SendDatagram(s, "anybody?", SockAddr::Of(nobody.endpoint()));
}

void DatagramTest::SendFrom(PeerDatagrams* peer, SOCKET s,
                            const std::string& data) {
  SockAddr name;
  ASSERT_EQ(GetSockName(s, &name), kOk);
  ASSERT_TRUE(peer->Send(data, name.ToEndpoint()));
}

void DatagramTest::ExpectNext(SOCKET s, const std::string& data) {
  const Received received = Receive(s);
  EXPECT_EQ(received.code, kOk);
  EXPECT_EQ(received.data, data);
}

void DatagramTest::ExpectNext(PeerDatagrams* peer, const std::string& data) {
  const PeerDatagrams::Datagram datagram = peer->Receive(milliseconds(kSoonMs));
  EXPECT_TRUE(datagram.came);
  EXPECT_EQ(datagram.data, data);
}

}  // namespace wspd::conformance
