#include "client_stub/spi/address_strings.h"

#include <ws2tcpip.h>

#include <cstring>
#include <string>

#include "gtest/gtest.h"

namespace wsp {
namespace {

std::basic_string<WCHAR> Wide(const std::string& text) {
  return {text.begin(), text.end()};
}

// What a string is read as, written again, or "" if it isn't an address; a
// buffer of another family's size would be a mistake of the parser.
std::string Reread(const std::string& text, INT family) {
  sockaddr_in6 address;
  std::memset(&address, 0xab, sizeof address);
  INT length = sizeof address;
  if (StringToAddress(Wide(text).c_str(), family, nullptr,
                      reinterpret_cast<sockaddr*>(&address), &length) != 0) {
    return "";
  }
  WCHAR out[64];
  DWORD out_length = 64;
  if (AddressToString(reinterpret_cast<sockaddr*>(&address),
                      static_cast<DWORD>(length), nullptr, out,
                      &out_length) != 0) {
    return "unreadable";
  }
  return {out, out + out_length - 1};
}

std::string Ipv4(const std::string& text) { return Reread(text, AF_INET); }
std::string Ipv6(const std::string& text) { return Reread(text, AF_INET6); }

TEST(AddressStringsTest, Ipv4IsDottedDecimalWithAPortIfThereIsOne) {
  for (const char* text :
       {"0.0.0.0", "1.2.3.4", "255.255.255.255", "127.0.0.1:1", "192.0.2.1:80",
        "255.255.255.255:65535"}) {
    EXPECT_EQ(Ipv4(text), text);
  }
}

TEST(AddressStringsTest, LastPartOfIpv4FillsTheRest) {
  EXPECT_EQ(Ipv4("1"), "0.0.0.1");
  EXPECT_EQ(Ipv4("1:1"), "0.0.0.1:1");
  EXPECT_EQ(Ipv4("1.2"), "1.0.0.2");
  EXPECT_EQ(Ipv4("1.223756"), "1.3.106.12");
  EXPECT_EQ(Ipv4("3.4.756"), "3.4.2.244");
  EXPECT_EQ(Ipv4("4294967295"), "255.255.255.255");
}

TEST(AddressStringsTest, Ipv4AndPortsMayBeHexadecimalOrOctal) {
  EXPECT_EQ(Ipv4("1.1.1.0XaA"), "1.1.1.170");
  EXPECT_EQ(Ipv4("1.1.1.010"), "1.1.1.8");
  EXPECT_EQ(Ipv4("1.1.1.00"), "1.1.1.0");
  EXPECT_EQ(Ipv4("0x00010203:10"), "0.1.2.3:10");
  EXPECT_EQ(Ipv4("017700000001"), "127.0.0.1");
  EXPECT_EQ(Ipv4("127.127.127.127:0xAbCd"), "127.127.127.127:43981");
  EXPECT_EQ(Ipv4("127.127.127.127:010"), "127.127.127.127:8");
  EXPECT_EQ(Ipv6("[::1]:0x50"), "[::1]:80");
}

TEST(AddressStringsTest, NothingElseIsAnIpv4Address) {
  for (const char* text : {"",           " ",
                           "a",          ".",
                           "-1",         "1.",
                           "1.2.",       "1..2",
                           "1.2.3.",     "1.1.1.0x",
                           "1.1.1.08",   "1.1.1.0o10",
                           "1.1.1.0b10", "1.1.1.-2",
                           "3.4.5.+6",   "255.255.255.256",
                           "256.1",      "1000.2000",
                           "756.3.4",    "3.4.756.1",
                           "3.4.65536",  "1.16777216",
                           "4294967296", "0x100000000",
                           "3.4.5.6.7",  " 3.4.5.6",
                           "3.4.5.6 ",   "3. 4.5.6",
                           "[0.1.2.3]",  "::1",
                           ":1",         "1.2.3.4:",
                           "1.2.3.4:0",  "1.2.3.4:65536",
                           "1.2.3.4::1", "1.2.3.4:0x",
                           "1.2.3.4:08", "1.2.3.4: 7",
                           "1.2.3.4:7 ", "1.2.3.4%1",
                           "host"}) {
    EXPECT_EQ(Ipv4(text), "") << text;
  }
}

TEST(AddressStringsTest, Ipv6IsBareOrBracketed) {
  for (const char* text :
       {"::", "::1", "1::", "20ab::1", "1:2:3:4:5:6:7:8", "fe80::1%4660",
        "1:0:3:4:5:6:7:8", "1:0:0:4::8", "[::1]:65535", "[fe80::1%3]:80",
        "::1.2.3.4", "::ffff:1.2.3.4", "[::ffff:1.2.3.4]:1",
        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
        "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535"}) {
    EXPECT_EQ(Ipv6(text), text);
  }
  EXPECT_EQ(Ipv6("[::1]"), "::1");
  EXPECT_EQ(Ipv6("[fe80::1%7]"), "fe80::1%7");
  EXPECT_EQ(Ipv6("::1%0"), "::1");
}

TEST(AddressStringsTest, Ipv6IsReadInEveryFormThatItHas) {
  EXPECT_EQ(Ipv6("20AB:0:0:0:0:0:0:00Cd"), "20ab::cd");
  EXPECT_EQ(Ipv6("001::1"), "1::1");
  EXPECT_EQ(Ipv6("::2:3:4:5:6:7:8"), "0:2:3:4:5:6:7:8");
  EXPECT_EQ(Ipv6("1:2:3:4:5:6:7::"), "1:2:3:4:5:6:7:0");
  EXPECT_EQ(Ipv6("1:2:3:4:5:6:1.2.3.4"), "1:2:3:4:5:6:102:304");
  EXPECT_EQ(Ipv6("64:ff9b::192.0.2.33"), "64:ff9b::c000:221");
  EXPECT_EQ(Ipv6("0:0:1::"), "0:0:1::");
}

TEST(AddressStringsTest, NothingElseIsAnIpv6Address) {
  for (const char* text : {"",
                           ":",
                           ":1",
                           ":::",
                           "1::2::3",
                           "1:2:3:",
                           "::1:",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "1:2:3:4:5:6:7:8:",
                           "::1:2:3:4:5:6:7:8",
                           "1:2:3:4:5:6:7:8::",
                           "12345::",
                           "00001::",
                           "g::",
                           "1.2.3.4",
                           "::1.2.3",
                           "::1.2.3.256",
                           "::1.2.3.4:5",
                           "::1.2.3.4.5",
                           "1:2:3:4:5:6:7:1.2.3.4",
                           "::1.2.3.0x4",
                           "::1 ",
                           " ::1",
                           "::1]",
                           "[::1",
                           "[::1]x",
                           "[::1]80",
                           "[::1]:",
                           "[::1]:0",
                           "[::1]:65536",
                           "::1]:80",
                           "[]:80",
                           "[[::1]]",
                           "fe80::1%",
                           "fe80::1%x",
                           "fe80::1%1x",
                           "%1",
                           "fe80::1%4294967296",
                           "fe80::1%eth0"}) {
    EXPECT_EQ(Ipv6(text), "") << text;
  }
}

TEST(AddressStringsTest, CharactersAreWholeUnitsOfUtf16) {
  // U+0131 has the low byte of "1", and U+FF11 looks like it.
  const WCHAR low_byte[] = {'1', '.', '2', '.', '3', '.', 0x0131, 0};
  const WCHAR wide_digit[] = {'1', '.', '2', '.', '3', '.', 0xff11, 0};
  sockaddr_in address;
  INT length = sizeof address;
  for (const WCHAR* text : {low_byte, wide_digit}) {
    EXPECT_EQ(StringToAddress(text, AF_INET, nullptr,
                              reinterpret_cast<sockaddr*>(&address), &length),
              static_cast<uint32_t>(WSAEINVAL));
  }
}

TEST(AddressStringsTest, AddressIsWrittenWhole) {
  sockaddr_in6 in6;
  std::memset(&in6, 0xab, sizeof in6);
  INT length = sizeof in6 + 10;
  ASSERT_EQ(StringToAddress(Wide("[fe80::1%3]:258").c_str(), AF_INET6, nullptr,
                            reinterpret_cast<sockaddr*>(&in6), &length),
            0u);
  EXPECT_EQ(length, static_cast<INT>(sizeof in6));
  EXPECT_EQ(in6.sin6_family, AF_INET6);
  EXPECT_EQ(in6.sin6_port, htons(258));
  EXPECT_EQ(in6.sin6_flowinfo, 0u);
  EXPECT_EQ(in6.sin6_scope_id, 3u);
  EXPECT_EQ(in6.sin6_addr.s6_addr[0], 0xfe);
  EXPECT_EQ(in6.sin6_addr.s6_addr[15], 1);

  sockaddr_in in;
  std::memset(&in, 0xab, sizeof in);
  length = sizeof in;
  ASSERT_EQ(StringToAddress(Wide("127.0.0.1").c_str(), AF_INET, nullptr,
                            reinterpret_cast<sockaddr*>(&in), &length),
            0u);
  EXPECT_EQ(in.sin_family, AF_INET);
  EXPECT_EQ(in.sin_port, 0);
  EXPECT_EQ(in.sin_addr.s_addr, htonl(INADDR_LOOPBACK));
  EXPECT_EQ(in.sin_zero[0], 0);
}

}  // namespace
}  // namespace wsp
