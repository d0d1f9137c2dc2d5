#ifndef WSPD_TESTS_CONFORMANCE_DATAGRAM_FIXTURE_H_
#define WSPD_TESTS_CONFORMANCE_DATAGRAM_FIXTURE_H_

#include <string>

#include "tests/conformance/fixture.h"
#include "tests/testing/peer_datagrams.h"

namespace wspd::conformance {

using testing::PeerDatagrams;

// How a call that may have to wait is made.
enum class CallMode { kBlocking, kNonBlocking, kOverlapped };

// Calls on datagram sockets, and what they gave.
class DatagramTest : public ConformanceTest {
 protected:
  // More than a datagram of these tests needs.
  static constexpr size_t kRoom = 200;

  struct Received {
    WsaCode code;
    // The buffer, cut to the bytes that the call tells of.
    std::string data;
    DWORD flags = 0;
    SockAddr from;
  };

  // Bound to the loopback address.
  SOCKET NewDatagrams(Family family, SockAddr* name = nullptr);

  // A WSPRecvFrom: one blocking call; or calls on a socket that doesn't block,
  // until one of them says something else than WSAEWOULDBLOCK; or an overlapped
  // call and its end.
  Received Receive(SOCKET s, size_t size = kRoom, DWORD flags = 0,
                   CallMode mode = CallMode::kBlocking);
  // A WSPSendTo in the same way.
  WsaCode SendDatagram(SOCKET s, const std::string& data, const SockAddr& to,
                       CallMode mode = CallMode::kBlocking, DWORD flags = 0,
                       DWORD* sent = nullptr);

  // Sends from `s` to a port where nobody is, so that the system learns of it.
  WsaCode SendToNobody(SOCKET s, Family family);

  // A datagram from `peer` to the socket's port on the loopback address.
  void SendFrom(PeerDatagrams* peer, SOCKET s, const std::string& data);

  // Whether the very next datagram that `s` has got, or gets, is `data`.
  void ExpectNext(SOCKET s, const std::string& data);
  void ExpectNext(PeerDatagrams* peer, const std::string& data);
};

// For cases that are run for IPv4 and IPv6.
class DatagramFamilyTest : public DatagramTest,
                           public ::testing::WithParamInterface<Family> {
 protected:
  DatagramFamilyTest() : peer_(GetParam()) {}
  Family family() const { return GetParam(); }

  PeerDatagrams peer_;
};

struct DatagramVariant {
  Family family;
  CallMode mode;
};

// For cases that are also run with every way to wait.
class DatagramModeTest : public DatagramTest,
                         public ::testing::WithParamInterface<DatagramVariant> {
 protected:
  DatagramModeTest() : peer_(GetParam().family) {}
  Family family() const { return GetParam().family; }

  Received Receive(SOCKET s, size_t size = kRoom, DWORD flags = 0) {
    return DatagramTest::Receive(s, size, flags, GetParam().mode);
  }
  WsaCode SendDatagram(SOCKET s, const std::string& data, const SockAddr& to,
                       DWORD flags = 0, DWORD* sent = nullptr) {
    return DatagramTest::SendDatagram(s, data, to, GetParam().mode, flags,
                                      sent);
  }

  PeerDatagrams peer_;
};

inline std::string DatagramVariantName(const DatagramVariant& variant) {
  constexpr const char* kModes[] = {"Blocking", "NonBlocking", "Overlapped"};
  return FamilyName(variant.family) + kModes[static_cast<int>(variant.mode)];
}

inline std::ostream& operator<<(std::ostream& out,
                                const DatagramVariant& variant) {
  return out << DatagramVariantName(variant);
}

// Instantiates the cases of `Fixture`, a DatagramModeTest.
#define WSPD_FOR_ALL_DATAGRAM_MODES(Fixture)                      \
  INSTANTIATE_TEST_SUITE_P(                                       \
      , Fixture,                                                  \
      ::testing::Values(                                          \
          DatagramVariant{Family::kIpv4, CallMode::kBlocking},    \
          DatagramVariant{Family::kIpv4, CallMode::kNonBlocking}, \
          DatagramVariant{Family::kIpv4, CallMode::kOverlapped},  \
          DatagramVariant{Family::kIpv6, CallMode::kBlocking},    \
          DatagramVariant{Family::kIpv6, CallMode::kNonBlocking}, \
          DatagramVariant{Family::kIpv6, CallMode::kOverlapped}), \
      [](const auto& info) { return DatagramVariantName(info.param); })

}  // namespace wspd::conformance

#endif  // WSPD_TESTS_CONFORMANCE_DATAGRAM_FIXTURE_H_
