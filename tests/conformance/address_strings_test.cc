// WSPAddressToString and WSPStringToAddress: numeric addresses as text (2).
#include <string>
#include <vector>

#include "client_stub/spi_client/catalog.h"
#include "tests/conformance/fixture.h"

namespace wspd::conformance {
namespace {

// -------------------------------------------------- 2 WSPAddressToString

struct Spelling {
  const char* name;
  const char16_t* text;
  Family family;
  std::vector<u_char> bytes;
  uint16_t port;
  u_long scope;
};

SockAddr AddressOf(const Spelling& spelling) {
  SockAddr address = SockAddr::Any(spelling.family, spelling.port);
  u_char* const bytes = spelling.family == Family::kIpv4
                            ? reinterpret_cast<u_char*>(&address.in().sin_addr)
                            : address.in6().sin6_addr.s6_bytes;
  for (size_t i = 0; i < spelling.bytes.size(); ++i) {
    bytes[i] = spelling.bytes[i];
  }
  if (spelling.family == Family::kIpv6) {
    address.in6().sin6_scope_id = spelling.scope;
  }
  return address;
}

std::string NameOf(const ::testing::TestParamInfo<Spelling>& info) {
  return info.param.name;
}

std::ostream& operator<<(std::ostream& out, const Spelling& spelling) {
  return out << spelling.name;
}

const Spelling kBothWays[] = {
    {"Ipv4", u"127.0.0.1", Family::kIpv4, {127, 0, 0, 1}, 0, 0},
    {"Ipv4Port", u"192.0.2.7:80", Family::kIpv4, {192, 0, 2, 7}, 80, 0},
    {"Ipv4HighPort", u"1.2.3.4:65535", Family::kIpv4, {1, 2, 3, 4}, 65535, 0},
    {"Ipv4AllOnes",
     u"255.255.255.255",
     Family::kIpv4,
     {255, 255, 255, 255},
     0,
     0},
    {"Ipv4Any", u"0.0.0.0", Family::kIpv4, {0, 0, 0, 0}, 0, 0},
    {"Ipv6Loopback",
     u"::1",
     Family::kIpv6,
     {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
     0,
     0},
    {"Ipv6LoopbackPort",
     u"[::1]:80",
     Family::kIpv6,
     {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
     80,
     0},
    {"Ipv6Any",
     u"::",
     Family::kIpv6,
     {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
     0,
     0},
    {"Ipv6Global",
     u"2001:db8::7",
     Family::kIpv6,
     {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7},
     0,
     0},
    {"Ipv6Full",
     u"2001:db8:1:2:3:4:5:6",
     Family::kIpv6,
     {0x20, 1, 0x0d, 0xb8, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6},
     0,
     0},
    {"Ipv6Scope",
     u"fe80::1%3",
     Family::kIpv6,
     {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
     0,
     3},
    {"Ipv6ScopePort",
     u"[fe80::1%3]:443",
     Family::kIpv6,
     {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
     443,
     3},
    {"Ipv6Mapped",
     u"::ffff:127.0.0.1",
     Family::kIpv6,
     {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 127, 0, 0, 1},
     0,
     0},
};

class AddressStringsTest : public ConformanceTest,
                           public ::testing::WithParamInterface<Spelling> {};

INSTANTIATE_TEST_SUITE_P(, AddressStringsTest, ::testing::ValuesIn(kBothWays),
                         NameOf);

// Length in characters including NUL, in and out.
TEST_P(AddressStringsTest, AddressBecomesText) {
  SockAddr address = AddressOf(GetParam());
  WCHAR text[100];
  DWORD length = 100;
  EXPECT_EQ(
      AddressToString(address.get(), address.length(), nullptr, text, &length),
      kOk);
  const std::u16string expected = GetParam().text;
  const std::u16string got = text;
  EXPECT_EQ(std::string(got.begin(), got.end()),
            std::string(expected.begin(), expected.end()));
  EXPECT_EQ(length, expected.size() + 1);
}

// Too small → WSAEFAULT, required length stored.
TEST_P(AddressStringsTest, TooLittleRoomForTextIsToldTheLength) {
  SockAddr address = AddressOf(GetParam());
  const DWORD needed =
      static_cast<DWORD>(std::u16string(GetParam().text).size()) + 1;
  std::u16string text(needed, u'\0');
  DWORD length = needed - 1;
  EXPECT_EQ(AddressToString(address.get(), address.length(), nullptr, &text[0],
                            &length),
            WsaCode{WSAEFAULT});
  EXPECT_EQ(length, needed);
  EXPECT_EQ(AddressToString(address.get(), address.length(), nullptr, &text[0],
                            &length),
            kOk);
}

TEST_P(AddressStringsTest, TextBecomesAddress) {
  std::u16string text = GetParam().text;
  SockAddr address;
  EXPECT_EQ(StringToAddress(&text[0], AddressFamily(GetParam().family), nullptr,
                            address.get(), address.length_pointer()),
            kOk);
  EXPECT_EQ(address, AddressOf(GetParam()));
  EXPECT_EQ(address.length(), AddressLength(GetParam().family));
  if (GetParam().family == Family::kIpv6) {
    EXPECT_EQ(address.in6().sin6_scope_id, GetParam().scope);
  }
}

// WSAEFAULT (lpAddressLength small, needed stored).
TEST_P(AddressStringsTest, TooLittleRoomForAddressIsToldTheLength) {
  std::u16string text = GetParam().text;
  SockAddr address;
  int length = AddressLength(GetParam().family) - 1;
  EXPECT_EQ(StringToAddress(&text[0], AddressFamily(GetParam().family), nullptr,
                            address.get(), &length),
            WsaCode{WSAEFAULT});
  EXPECT_EQ(length, AddressLength(GetParam().family));
}

// --------------------------------- 2 WSPStringToAddress: what is no address

struct NoAddress {
  const char* name;
  const char16_t* text;
  Family family;
};

std::ostream& operator<<(std::ostream& out, const NoAddress& text) {
  return out << text.name;
}

class NoAddressTest : public ConformanceTest,
                      public ::testing::WithParamInterface<NoAddress> {};

INSTANTIATE_TEST_SUITE_P(
    , NoAddressTest,
    ::testing::Values(
        NoAddress{"Empty4", u"", Family::kIpv4},
        NoAddress{"Empty6", u"", Family::kIpv6},
        // Numeric only.
        NoAddress{"Name4", u"localhost", Family::kIpv4},
        NoAddress{"Name6", u"localhost", Family::kIpv6},
        NoAddress{"TooLargeAByte", u"256.0.0.1", Family::kIpv4},
        NoAddress{"TooManyBytes", u"1.2.3.4.5", Family::kIpv4},
        NoAddress{"Ipv6AsIpv4", u"::1", Family::kIpv4},
        NoAddress{"Ipv4AsIpv6", u"127.0.0.1", Family::kIpv6},
        NoAddress{"TooLargeAPort", u"127.0.0.1:65536", Family::kIpv4},
        NoAddress{"NamedPort", u"127.0.0.1:http", Family::kIpv4},
        NoAddress{"TextBehind4", u"127.0.0.1 x", Family::kIpv4},
        NoAddress{"NoClosingBracket", u"[::1", Family::kIpv6},
        NoAddress{"TooManyGroups", u"1:2:3:4:5:6:7:8:9", Family::kIpv6},
        NoAddress{"TwoGaps", u"1::2::3", Family::kIpv6},
        NoAddress{"TooLargeAGroup", u"12345::", Family::kIpv6},
        NoAddress{"TextBehind6", u"::1 x", Family::kIpv6}),
    [](const auto& info) { return std::string(info.param.name); });

TEST_P(NoAddressTest, IsInvalid) {
  std::u16string text = GetParam().text;
  SockAddr address;
  EXPECT_EQ(StringToAddress(&text[0], AddressFamily(GetParam().family), nullptr,
                            address.get(), address.length_pointer()),
            WsaCode{WSAEINVAL});
}

// ------------------------------------------------------------- arguments

class AddressArgumentsTest : public FamilyTest {
 protected:
  WCHAR text_[100] = u"";
  DWORD length_ = 100;
};
WSPD_FOR_BOTH_FAMILIES(AddressArgumentsTest);

// WSAEINVAL (address/family/info).
TEST_P(AddressArgumentsTest, UnknownFamilyOfAnAddressIsInvalid) {
  SockAddr address = SockAddr::Loopback(family());
  address.set_family(77);
  EXPECT_EQ(AddressToString(address.get(), address.length(), nullptr, text_,
                            &length_),
            WsaCode{WSAEINVAL});
}

TEST_P(AddressArgumentsTest, ShortAddressIsInvalid) {
  SockAddr address = SockAddr::Loopback(family());
  EXPECT_THAT(AddressToString(address.get(), 4, nullptr, text_, &length_),
              ::testing::AnyOf(WsaCode{WSAEINVAL}, WsaCode{WSAEFAULT}));
}

TEST_P(AddressArgumentsTest, NullsOfAddressToString) {
  SockAddr address = SockAddr::Loopback(family());
  EXPECT_THAT(
      AddressToString(nullptr, address.length(), nullptr, text_, &length_),
      ::testing::AnyOf(WsaCode{WSAEINVAL}, WsaCode{WSAEFAULT}));
  EXPECT_EQ(
      AddressToString(address.get(), address.length(), nullptr, text_, nullptr),
      WsaCode{WSAEFAULT});
}

TEST_P(AddressArgumentsTest, UnknownFamilyOfATextIsInvalid) {
  std::u16string text = u"127.0.0.1";
  SockAddr address;
  EXPECT_EQ(StringToAddress(&text[0], 77, nullptr, address.get(),
                            address.length_pointer()),
            WsaCode{WSAEINVAL});
}

TEST_P(AddressArgumentsTest, NullsOfStringToAddress) {
  std::u16string text = u"127.0.0.1";
  SockAddr address;
  EXPECT_THAT(StringToAddress(nullptr, AddressFamily(family()), nullptr,
                              address.get(), address.length_pointer()),
              ::testing::AnyOf(WsaCode{WSAEINVAL}, WsaCode{WSAEFAULT}));
  EXPECT_EQ(StringToAddress(&text[0], AddressFamily(family()), nullptr,
                            address.get(), nullptr),
            WsaCode{WSAEFAULT});
}

// An info names the provider; it agrees with the address.
TEST_P(AddressArgumentsTest, InfoOfTheProviderIsAccepted) {
  WSAPROTOCOL_INFOW info =
      *spi_client::FindCatalogEntry(AddressFamily(family()), SOCK_STREAM);
  SockAddr address = SockAddr::Loopback(family());
  EXPECT_EQ(
      AddressToString(address.get(), address.length(), &info, text_, &length_),
      kOk);
  SockAddr again;
  EXPECT_EQ(StringToAddress(text_, AddressFamily(family()), &info, again.get(),
                            again.length_pointer()),
            kOk);
  EXPECT_EQ(again, address);
}

TEST_P(AddressArgumentsTest, InfoOfTheOtherFamilyIsInvalid) {
  WSAPROTOCOL_INFOW info = *spi_client::FindCatalogEntry(
      family() == Family::kIpv4 ? AF_INET6 : AF_INET, SOCK_STREAM);
  SockAddr address = SockAddr::Loopback(family());
  EXPECT_EQ(
      AddressToString(address.get(), address.length(), &info, text_, &length_),
      WsaCode{WSAEINVAL});
}

}  // namespace
}  // namespace wspd::conformance
