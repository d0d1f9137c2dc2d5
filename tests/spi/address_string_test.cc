// WSPAddressToString and WSPStringToAddress (reference, section 2). What
// strings there are is tested beside the code.
#include <ws2tcpip.h>

#include <cstring>
#include <string>

#include "tests/testing/provider_test.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kFault{WSAEFAULT};
constexpr WsaCode kInvalid{WSAEINVAL};

using WideString = std::basic_string<WCHAR>;

WideString Wide(const std::string& text) { return {text.begin(), text.end()}; }

// 192.0.2.1, and a port if it isn't 0.
sockaddr_in Ipv4(u_short port) {
  sockaddr_in address;
  std::memset(&address, 0, sizeof(address));
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(0xc0000201);
  return address;
}

sockaddr* AsAddress(sockaddr_in* address) {
  return reinterpret_cast<sockaddr*>(address);
}

class AddressStringTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    info_.iAddressFamily = AF_INET;
  }

  WsaCode ToString(sockaddr* address, DWORD size, LPWSAPROTOCOL_INFOW info,
                   WCHAR* text, DWORD* length) {
    int error = 0;
    const int result = spi_->table().lpWSPAddressToString(address, size, info,
                                                          text, length, &error);
    EXPECT_EQ(result, error == 0 ? 0 : SOCKET_ERROR);
    return WsaCode{error};
  }

  WsaCode ToAddress(const std::string& text, INT family,
                    LPWSAPROTOCOL_INFOW info, sockaddr* address, INT* length) {
    WideString wide = Wide(text);
    int error = 0;
    const int result = spi_->table().lpWSPStringToAddress(
        &wide[0], family, info, address, length, &error);
    EXPECT_EQ(result, error == 0 ? 0 : SOCKET_ERROR);
    return WsaCode{error};
  }

  WSAPROTOCOL_INFOW info_ = {};
};

TEST_F(AddressStringTest, LengthCountsCharactersWithTheNul) {
  sockaddr_in address = Ipv4(80);
  const WideString expected = Wide("192.0.2.1:80");
  WCHAR text[64] = {};
  DWORD length = 64;
  ASSERT_EQ(
      ToString(AsAddress(&address), sizeof(address), nullptr, text, &length),
      kOk);
  EXPECT_EQ(length, expected.size() + 1);
  EXPECT_EQ(WideString(text), expected);
}

TEST_F(AddressStringTest, BufferOfTheVeryLengthIsEnoughAndOneLessIsNot) {
  sockaddr_in address = Ipv4(0);
  WCHAR text[10];
  text[9] = 'x';
  DWORD length = 9;
  EXPECT_EQ(
      ToString(AsAddress(&address), sizeof(address), nullptr, text, &length),
      kFault);
  EXPECT_EQ(length, 10u);
  EXPECT_EQ(text[9], 'x');
  EXPECT_EQ(
      ToString(AsAddress(&address), sizeof(address), nullptr, text, &length),
      kOk);
  EXPECT_EQ(length, 10u);
  EXPECT_EQ(text[9], 0);
}

TEST_F(AddressStringTest, WithoutABufferTheLengthIsToldAllTheSame) {
  sockaddr_in address = Ipv4(0);
  for (DWORD length : {0, 64}) {
    EXPECT_EQ(ToString(AsAddress(&address), sizeof(address), nullptr, nullptr,
                       &length),
              kFault);
    EXPECT_EQ(length, 10u);
  }
}

TEST_F(AddressStringTest, MissingPointersAreFaults) {
  sockaddr_in address = Ipv4(0);
  WCHAR text[64];
  DWORD length = 64;
  EXPECT_EQ(ToString(nullptr, sizeof(address), nullptr, text, &length), kFault);
  EXPECT_EQ(
      ToString(AsAddress(&address), sizeof(address), nullptr, text, nullptr),
      kFault);
  EXPECT_EQ(
      ToAddress("1.2.3.4", AF_INET, nullptr, AsAddress(&address), nullptr),
      kFault);
}

TEST_F(AddressStringTest, NoStringIsInvalid) {
  sockaddr_in address;
  INT length = sizeof(address);
  int error = 0;
  EXPECT_EQ(
      spi_->table().lpWSPStringToAddress(nullptr, AF_INET, nullptr,
                                         AsAddress(&address), &length, &error),
      SOCKET_ERROR);
  EXPECT_EQ(WsaCode{error}, kInvalid);
}

TEST_F(AddressStringTest, ShortAddressIsInvalid) {
  sockaddr_in address = Ipv4(0);
  WCHAR text[64];
  DWORD length = 64;
  for (DWORD size : {0, 1, 15}) {
    EXPECT_EQ(ToString(AsAddress(&address), size, nullptr, text, &length),
              kInvalid);
  }
  address.sin_family = AF_INET6;
  EXPECT_EQ(
      ToString(AsAddress(&address), sizeof(address), nullptr, text, &length),
      kInvalid);
  EXPECT_EQ(length, 64u);
}

TEST_F(AddressStringTest, OnlyTheProvidersFamiliesAreThere) {
  sockaddr_in address = Ipv4(0);
  WCHAR text[64];
  DWORD text_length = 64;
  INT length = sizeof(address);
  for (int family : {AF_UNSPEC, AF_UNIX, AF_IPX, 10}) {
    address.sin_family = static_cast<short>(family);
    EXPECT_EQ(ToString(AsAddress(&address), sizeof(address), nullptr, text,
                       &text_length),
              kInvalid)
        << family;
    EXPECT_EQ(
        ToAddress("1.2.3.4", family, nullptr, AsAddress(&address), &length),
        kInvalid)
        << family;
  }
}

TEST_F(AddressStringTest, ProtocolOfAnotherFamilyIsInvalid) {
  sockaddr_in address = Ipv4(0);
  WCHAR text[64];
  DWORD text_length = 64;
  INT length = sizeof(address);
  EXPECT_EQ(ToString(AsAddress(&address), sizeof(address), &info_, text,
                     &text_length),
            kOk);
  EXPECT_EQ(
      ToAddress("192.0.2.1", AF_INET, &info_, AsAddress(&address), &length),
      kOk);
  info_.iAddressFamily = AF_INET6;
  EXPECT_EQ(ToString(AsAddress(&address), sizeof(address), &info_, text,
                     &text_length),
            kInvalid);
  EXPECT_EQ(
      ToAddress("192.0.2.1", AF_INET, &info_, AsAddress(&address), &length),
      kInvalid);
}

TEST_F(AddressStringTest, SmallAddressBufferIsToldTheLengthAndLeftAlone) {
  sockaddr_in6 address;
  std::memset(&address, 0xab, sizeof(address));
  auto* any = reinterpret_cast<sockaddr*>(&address);
  INT length = sizeof(sockaddr_in) - 1;
  EXPECT_EQ(ToAddress("192.0.2.1", AF_INET, nullptr, any, &length), kFault);
  EXPECT_EQ(length, static_cast<INT>(sizeof(sockaddr_in)));
  EXPECT_EQ(ToAddress("::1", AF_INET6, nullptr, any, &length), kFault);
  EXPECT_EQ(length, static_cast<INT>(sizeof(sockaddr_in6)));
  EXPECT_EQ(static_cast<u_short>(address.sin6_family), 0xabab);
  EXPECT_EQ(ToAddress("::1", AF_INET6, nullptr, any, &length), kOk);
}

TEST_F(AddressStringTest, LengthOfTheAddressIsStored) {
  sockaddr_in6 address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  INT length = sizeof(address);
  EXPECT_EQ(ToAddress("192.0.2.1:80", AF_INET, nullptr, any, &length), kOk);
  EXPECT_EQ(length, static_cast<INT>(sizeof(sockaddr_in)));
  length = 100;
  EXPECT_EQ(ToAddress("1.2.3.", AF_INET, nullptr, any, &length), kInvalid);
  EXPECT_EQ(length, 100);
}

TEST_F(AddressStringTest, NeedsAStartup) {
  ASSERT_EQ(spi_->Cleanup(), kOk);
  sockaddr_in address = Ipv4(0);
  WCHAR text[64];
  DWORD text_length = 64;
  INT length = sizeof(address);
  EXPECT_EQ(ToString(AsAddress(&address), sizeof(address), nullptr, text,
                     &text_length),
            WsaCode{WSANOTINITIALISED});
  EXPECT_EQ(
      ToAddress("192.0.2.1", AF_INET, nullptr, AsAddress(&address), &length),
      WsaCode{WSANOTINITIALISED});
}

TEST_F(AddressStringTest, NeedsNoDaemon) {
  daemon_.Kill();
  sockaddr_in address;
  INT length = sizeof(address);
  EXPECT_EQ(
      ToAddress("192.0.2.1", AF_INET, nullptr, AsAddress(&address), &length),
      kOk);
}

}  // namespace
}  // namespace wspd::testing
