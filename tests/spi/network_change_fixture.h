#ifndef WSPD_TESTS_SPI_NETWORK_CHANGE_FIXTURE_H_
#define WSPD_TESTS_SPI_NETWORK_CHANGE_FIXTURE_H_

#include <array>
#include <cstring>

#include "client_stub/spi_client/apc.h"
#include "tests/testing/network_namespace.h"
#include "tests/testing/provider_test.h"

namespace wspd::testing {

// A provider that is started up, in a network namespace where v0 has 192.0.2.1
// and 2001:db8::1, with a stream socket of each family.
class ChangeTest : public ProviderTest {
 protected:
  // A request to be told of a change.
  struct Request {
    Request() { operation.overlapped.hEvent = event.get(); }
    Event event;
    Operation operation;
  };

  void SetUp() override {
    ASSERT_TRUE(EnterFreshNetwork());
    ASSERT_TRUE(Ip("addr add 192.0.2.1/24 dev v0"));
    ASSERT_TRUE(Ip("addr add 2001:db8::1/64 dev v0 nodad"));
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    ASSERT_EQ(spi_->Socket(&ipv4_), kOk);
    ASSERT_EQ(spi_->Socket(&ipv6_, Family::kIpv6), kOk);
  }

  static sockaddr_in Ipv4(const std::array<unsigned char, 4>& bytes) {
    sockaddr_in name = {};
    name.sin_family = AF_INET;
    std::memcpy(&name.sin_addr, bytes.data(), bytes.size());
    return name;
  }

  WsaCode Ioctl(SOCKET s, DWORD code, const void* in, size_t in_bytes,
                DWORD* returned, LPWSAOVERLAPPED overlapped = nullptr,
                LPWSAOVERLAPPED_COMPLETION_ROUTINE routine = nullptr) {
    int error = 0;
    WSATHREADID thread = spi_client::CurrentThreadId();
    const int result = spi_->table().lpWSPIoctl(
        s, code, const_cast<void*>(in), static_cast<DWORD>(in_bytes), nullptr,
        0, returned, overlapped, routine, &thread, &error);
    EXPECT_EQ(result, error == 0 ? 0 : SOCKET_ERROR);
    return WsaCode{error};
  }

  WsaCode StartAddressChange(
      SOCKET s, Request* request,
      LPWSAOVERLAPPED_COMPLETION_ROUTINE routine = nullptr) {
    DWORD returned = 0;
    return Ioctl(s, SIO_ADDRESS_LIST_CHANGE, nullptr, 0, &returned,
                 &request->operation.overlapped, routine);
  }
  WsaCode StartRoutingChange(SOCKET s,
                             const std::array<unsigned char, 4>& destination,
                             Request* request) {
    DWORD returned = 0;
    const sockaddr_in to = Ipv4(destination);
    return Ioctl(s, SIO_ROUTING_INTERFACE_CHANGE, &to, sizeof(to), &returned,
                 &request->operation.overlapped);
  }

  SOCKET ipv4_ = INVALID_SOCKET;
  SOCKET ipv6_ = INVALID_SOCKET;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_SPI_NETWORK_CHANGE_FIXTURE_H_
