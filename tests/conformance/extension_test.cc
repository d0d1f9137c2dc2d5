// SIO_GET_EXTENSION_FUNCTION_POINTER (4.9).
#include <string>

#include "tests/conformance/fixture.h"
// After the Winsock headers.
#include <mswsock.h>

namespace wspd::conformance {
namespace {

struct Extension {
  const char* name;
  GUID guid;
};

class ExtensionPointerTest
    : public ConformanceTest,
      public ::testing::WithParamInterface<std::tuple<Protocol, Extension>> {
 protected:
  SOCKET New() { return NewSocket(Family::kIpv4, std::get<0>(GetParam())); }
  const GUID& guid() const { return std::get<1>(GetParam()).guid; }
};

// GUID → a pointer; all obtained on any socket of the provider.
TEST_P(ExtensionPointerTest, IsFoundByItsId) {
  WsaCode code;
  EXPECT_NE(FindExtension(New(), guid(), &code), nullptr) << code;
}

// In the caller's address space, and always the same.
TEST_P(ExtensionPointerTest, IsTheSameOnAnySocket) {
  const SOCKET tcp6 = NewSocket(Family::kIpv6);
  EXPECT_EQ(FindExtension(New(), guid()), FindExtension(tcp6, guid()));
}

INSTANTIATE_TEST_SUITE_P(
    , ExtensionPointerTest,
    ::testing::Combine(
        ::testing::Values(Protocol::kTcp, Protocol::kUdp),
        ::testing::Values(Extension{"AcceptEx", WSAID_ACCEPTEX},
                          Extension{"GetAcceptExSockaddrs",
                                    WSAID_GETACCEPTEXSOCKADDRS},
                          Extension{"ConnectEx", WSAID_CONNECTEX},
                          Extension{"DisconnectEx", WSAID_DISCONNECTEX},
                          Extension{"TransmitFile", WSAID_TRANSMITFILE},
                          Extension{"TransmitPackets", WSAID_TRANSMITPACKETS},
                          Extension{"WSARecvMsg", WSAID_WSARECVMSG},
                          Extension{"WSASendMsg", WSAID_WSASENDMSG},
                          Extension{"WSAPoll", WSAID_WSAPOLL})),
    [](const auto& info) {
      return std::get<1>(info.param).name +
             std::string(std::get<0>(info.param) == Protocol::kTcp ? "Tcp"
                                                                   : "Udp");
    });

class ExtensionLookupTest : public ConformanceTest {
 protected:
  GUID guid_ = WSAID_CONNECTEX;
  void* function_ = nullptr;
  DWORD returned_ = 0;
};

// Unknown GUID → WSAEINVAL.
TEST_F(ExtensionLookupTest, UnknownIdIsInvalid) {
  guid_.Data1 ^= 1;
  WsaCode code;
  EXPECT_EQ(FindExtension(NewSocket(Family::kIpv4), guid_, &code), nullptr);
  EXPECT_EQ(code, WsaCode{WSAEINVAL});
}

TEST_F(ExtensionLookupTest, ReturnsThePointersSize) {
  ASSERT_EQ(
      Ioctl(NewSocket(Family::kIpv4), SIO_GET_EXTENSION_FUNCTION_POINTER,
            &guid_, sizeof(guid_), &function_, sizeof(function_), &returned_),
      kOk);
  EXPECT_EQ(returned_, sizeof(function_));
}

// Small buffers → WSAEFAULT.
TEST_F(ExtensionLookupTest, ShortIdIsAFault) {
  EXPECT_EQ(Ioctl(NewSocket(Family::kIpv4), SIO_GET_EXTENSION_FUNCTION_POINTER,
                  &guid_, sizeof(guid_) - 1, &function_, sizeof(function_),
                  &returned_),
            WsaCode{WSAEFAULT});
}

TEST_F(ExtensionLookupTest, NoIdIsAFault) {
  EXPECT_EQ(Ioctl(NewSocket(Family::kIpv4), SIO_GET_EXTENSION_FUNCTION_POINTER,
                  nullptr, 0, &function_, sizeof(function_), &returned_),
            WsaCode{WSAEFAULT});
}

TEST_F(ExtensionLookupTest, LittleRoomForThePointerIsAFault) {
  EXPECT_EQ(Ioctl(NewSocket(Family::kIpv4), SIO_GET_EXTENSION_FUNCTION_POINTER,
                  &guid_, sizeof(guid_), &function_, sizeof(function_) - 1,
                  &returned_),
            WsaCode{WSAEFAULT});
}

TEST_F(ExtensionLookupTest, NoRoomForThePointerIsAFault) {
  EXPECT_EQ(Ioctl(NewSocket(Family::kIpv4), SIO_GET_EXTENSION_FUNCTION_POINTER,
                  &guid_, sizeof(guid_), nullptr, 0, &returned_),
            WsaCode{WSAEFAULT});
}

}  // namespace
}  // namespace wspd::conformance
