// WSPIoctl about the daemon's network: routes, addresses, interfaces
// (reference, section 4.9); in a network namespace where they are known.
#include <ws2tcpip.h>

#include <cstddef>
#include <cstring>
#include <string>
#include <vector>

#include "tests/testing/network_namespace.h"
#include "tests/testing/provider_test.h"

namespace wspd::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr WsaCode kFault{WSAEFAULT};
constexpr WsaCode kInvalid{WSAEINVAL};
constexpr size_t kListHead = offsetof(SOCKET_ADDRESS_LIST, Address);

class NetworkIoctlTest : public ProviderTest {
 protected:
  void SetUp() override {
    ASSERT_TRUE(EnterFreshNetwork());
    ASSERT_TRUE(Ip("addr add 192.0.2.1/24 brd + dev v0"));
    ASSERT_TRUE(Ip("addr add 2001:db8::1/64 dev v0 nodad"));
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    ASSERT_EQ(spi_->Socket(&ipv4_), kOk);
    ASSERT_EQ(spi_->Socket(&ipv6_, Family::kIpv6), kOk);
  }

  WsaCode Ioctl(SOCKET s, DWORD code, const void* in, size_t in_bytes,
                void* out, size_t out_bytes, DWORD* returned) {
    int error = 0;
    const int result = spi_->table().lpWSPIoctl(
        s, code, const_cast<void*>(in), static_cast<DWORD>(in_bytes), out,
        static_cast<DWORD>(out_bytes), returned, nullptr, nullptr, nullptr,
        &error);
    EXPECT_EQ(result, error == 0 ? 0 : SOCKET_ERROR);
    return WsaCode{error};
  }

  static sockaddr_in Ipv4(const std::string& text) {
    sockaddr_in name = {};
    name.sin_family = AF_INET;
    unsigned char bytes[4];
    EXPECT_EQ(sscanf(text.c_str(), "%hhu.%hhu.%hhu.%hhu", &bytes[0], &bytes[1],
                     &bytes[2], &bytes[3]),
              4);
    std::memcpy(&name.sin_addr, bytes, sizeof(bytes));
    return name;
  }
  // 2001:db8:`second`::`last`.
  static sockaddr_in6 Ipv6(unsigned char second, unsigned char last) {
    sockaddr_in6 name = {};
    name.sin6_family = AF_INET6;
    const unsigned char head[] = {0x20, 0x01, 0x0d, 0xb8, 0, second};
    std::memcpy(&name.sin6_addr, head, sizeof(head));
    reinterpret_cast<unsigned char*>(&name.sin6_addr)[15] = last;
    return name;
  }
  static std::string Text(const void* name) {
    sockaddr_in in;
    std::memcpy(&in, name, sizeof(in));
    if (in.sin_family == AF_INET) {
      unsigned char bytes[4];
      std::memcpy(bytes, &in.sin_addr, sizeof(bytes));
      char text[32];
      snprintf(text, sizeof(text), "%u.%u.%u.%u", bytes[0], bytes[1], bytes[2],
               bytes[3]);
      return text;
    }
    sockaddr_in6 in6;
    std::memcpy(&in6, name, sizeof(in6));
    std::string text;
    for (int i = 0; i < 8; ++i) {
      char word[8];
      snprintf(word, sizeof(word), "%s%x", i == 0 ? "" : ":",
               ntohs(in6.sin6_addr.s6_words[i]));
      text += word;
    }
    return text;
  }

  // What SIO_ADDRESS_LIST_QUERY says, with room for all of it.
  std::vector<std::string> AddressList(SOCKET s, DWORD* returned) {
    std::vector<char> buffer(4096);
    EXPECT_EQ(Ioctl(s, SIO_ADDRESS_LIST_QUERY, nullptr, 0, buffer.data(),
                    buffer.size(), returned),
              kOk);
    INT count;
    std::memcpy(&count, buffer.data(), sizeof(count));
    std::vector<std::string> list;
    for (INT i = 0; i < count; ++i) {
      SOCKET_ADDRESS entry;
      std::memcpy(&entry, buffer.data() + kListHead + i * sizeof(entry),
                  sizeof(entry));
      const char* name = reinterpret_cast<const char*>(entry.lpSockaddr);
      EXPECT_GE(name, buffer.data());
      EXPECT_LE(name + entry.iSockaddrLength, buffer.data() + *returned);
      list.push_back(Text(name));
    }
    return list;
  }

  SOCKET ipv4_ = INVALID_SOCKET;
  SOCKET ipv6_ = INVALID_SOCKET;
};

// -------------------------------------------------------------------- routing

TEST_F(NetworkIoctlTest, RoutingQueryFindsTheAddressToSendFrom) {
  ASSERT_TRUE(Ip("addr add 198.51.100.1/24 dev v1"));
  ASSERT_TRUE(Ip("route add default via 198.51.100.2"));
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"192.0.2.77", "192.0.2.1"},
      {"192.0.2.1", "192.0.2.1"},
      {"127.0.0.1", "127.0.0.1"},
      {"203.0.113.9", "198.51.100.1"},
      {"255.255.255.255", "198.51.100.1"}};
  for (const auto& [to, from] : cases) {
    sockaddr_in destination = Ipv4(to);
    destination.sin_port = htons(80);
    sockaddr_in source = {};
    DWORD returned = 0;
    ASSERT_EQ(Ioctl(ipv4_, SIO_ROUTING_INTERFACE_QUERY, &destination,
                    sizeof(destination), &source, sizeof(source), &returned),
              kOk)
        << to;
    EXPECT_EQ(Text(&source), from);
    EXPECT_EQ(source.sin_port, 0);
    EXPECT_EQ(returned, sizeof(source));
  }
  const sockaddr_in6 destination = Ipv6(0, 7);
  sockaddr_in6 source = {};
  DWORD returned = 0;
  ASSERT_EQ(Ioctl(ipv6_, SIO_ROUTING_INTERFACE_QUERY, &destination,
                  sizeof(destination), &source, sizeof(source), &returned),
            kOk);
  EXPECT_EQ(Text(&source), "2001:db8:0:0:0:0:0:1");
  EXPECT_EQ(returned, sizeof(source));
}

TEST_F(NetworkIoctlTest, WithoutARouteTheNetworkIsUnreachable) {
  const sockaddr_in destination = Ipv4("203.0.113.9");
  sockaddr_in source;
  DWORD returned = 77;
  EXPECT_EQ(Ioctl(ipv4_, SIO_ROUTING_INTERFACE_QUERY, &destination,
                  sizeof(destination), &source, sizeof(source), &returned),
            WsaCode{WSAENETUNREACH});
  EXPECT_EQ(returned, 77u);
  const sockaddr_in6 destination6 = Ipv6(9, 7);
  sockaddr_in6 source6;
  EXPECT_EQ(Ioctl(ipv6_, SIO_ROUTING_INTERFACE_QUERY, &destination6,
                  sizeof(destination6), &source6, sizeof(source6), &returned),
            WsaCode{WSAENETUNREACH});
}

TEST_F(NetworkIoctlTest, RoutingQueryLooksAtItsArguments) {
  sockaddr_in to = Ipv4("192.0.2.77");
  sockaddr_in source = {};
  DWORD returned = 0;
  const auto query = [&](const void* in, size_t in_bytes, void* out,
                         size_t out_bytes, DWORD* count) {
    return Ioctl(ipv4_, SIO_ROUTING_INTERFACE_QUERY, in, in_bytes, out,
                 out_bytes, count);
  };
  EXPECT_EQ(query(&to, sizeof(to), &source, sizeof(source), nullptr), kFault);
  EXPECT_EQ(query(nullptr, 0, &source, sizeof(source), &returned), kInvalid);
  EXPECT_EQ(query(&to, sizeof(to) - 1, &source, sizeof(source), &returned),
            kInvalid);
  EXPECT_EQ(returned, 0u);
  EXPECT_EQ(query(&to, sizeof(to), nullptr, 0, &returned), kFault);
  EXPECT_EQ(returned, sizeof(source));
  returned = 0;
  EXPECT_EQ(query(&to, sizeof(to), &source, sizeof(source) - 1, &returned),
            kFault);
  EXPECT_EQ(returned, sizeof(source));
  const sockaddr_in any = Ipv4("0.0.0.0");
  EXPECT_EQ(query(&any, sizeof(any), &source, sizeof(source), &returned),
            kInvalid);
  to.sin_family = AF_INET6;
  EXPECT_EQ(query(&to, sizeof(to), &source, sizeof(source), &returned),
            WsaCode{WSAEAFNOSUPPORT});
}

// ------------------------------------------------------------------ addresses

TEST_F(NetworkIoctlTest, AddressListHasWhatOneCanBindTo) {
  ASSERT_TRUE(Ip("addr add 198.51.100.1/24 dev v1"));
  DWORD returned = 0;
  EXPECT_THAT(AddressList(ipv4_, &returned),
              UnorderedElementsAre("192.0.2.1", "198.51.100.1"));
  EXPECT_EQ(returned, kListHead + 2 * (sizeof(SOCKET_ADDRESS) + 16));
  // Without loopback, and with link-local ones.
  const std::vector<std::string> list = AddressList(ipv6_, &returned);
  EXPECT_EQ(returned, kListHead + list.size() * (sizeof(SOCKET_ADDRESS) + 28));
  EXPECT_THAT(list, ::testing::Contains("2001:db8:0:0:0:0:0:1"));
  EXPECT_THAT(list, ::testing::Not(::testing::Contains("0:0:0:0:0:0:0:1")));
  for (const std::string& text : list) {
    EXPECT_TRUE(text.find("2001:") == 0 || text.find("fe80:") == 0) << text;
  }
}

TEST_F(NetworkIoctlTest, AddressListMayBeEmpty) {
  ASSERT_TRUE(Ip("addr flush dev v0"));
  DWORD returned = 0;
  EXPECT_THAT(AddressList(ipv4_, &returned), IsEmpty());
  EXPECT_EQ(returned, kListHead);
  // Of an interface that is down nobody can send.
  ASSERT_TRUE(Ip("addr add 192.0.2.9/24 dev v0"));
  EXPECT_THAT(AddressList(ipv4_, &returned), ElementsAre("192.0.2.9"));
  ASSERT_TRUE(Ip("link set v0 down"));
  EXPECT_THAT(AddressList(ipv4_, &returned), IsEmpty());
}

TEST_F(NetworkIoctlTest, ShortAddressListSaysWhatItTakes) {
  DWORD whole = 0;
  ASSERT_THAT(AddressList(ipv4_, &whole), ElementsAre("192.0.2.1"));
  std::vector<char> buffer(whole);
  for (size_t size : {size_t{0}, size_t{8}, buffer.size() - 1}) {
    DWORD returned = 0;
    EXPECT_EQ(Ioctl(ipv4_, SIO_ADDRESS_LIST_QUERY, nullptr, 0, buffer.data(),
                    size, &returned),
              kFault);
    EXPECT_EQ(returned, whole);
  }
  DWORD returned = 0;
  EXPECT_EQ(Ioctl(ipv4_, SIO_ADDRESS_LIST_QUERY, nullptr, 0, nullptr, 4096,
                  &returned),
            kFault);
  EXPECT_EQ(returned, whole);
  EXPECT_EQ(Ioctl(ipv4_, SIO_ADDRESS_LIST_QUERY, nullptr, 0, buffer.data(),
                  buffer.size(), &returned),
            kOk);
}

TEST_F(NetworkIoctlTest, ManyAddressesAreListed) {
  for (int i = 10; i < 60; ++i) {
    ASSERT_TRUE(Ip("addr add 192.0.2." + std::to_string(i) + "/24 dev v0"));
  }
  DWORD returned = 0;
  EXPECT_EQ(AddressList(ipv4_, &returned).size(), 51u);
}

TEST_F(NetworkIoctlTest, AddressesAreSortedByHowWellTheyCanBeReached) {
  sockaddr_in6 names[3] = {Ipv6(9, 1), Ipv6(0, 2), {}};
  names[2].sin6_family = AF_INET6;
  reinterpret_cast<unsigned char*>(&names[2].sin6_addr)[15] = 1;  // ::1
  std::vector<char> list(kListHead + 3 * sizeof(SOCKET_ADDRESS));
  const INT count = 3;
  std::memcpy(list.data(), &count, sizeof(count));
  for (size_t i = 0; i < 3; ++i) {
    const SOCKET_ADDRESS entry = {reinterpret_cast<sockaddr*>(&names[i]),
                                  sizeof(names[i])};
    std::memcpy(list.data() + kListHead + i * sizeof(entry), &entry,
                sizeof(entry));
  }
  DWORD returned = 0;
  EXPECT_EQ(Ioctl(ipv6_, SIO_ADDRESS_LIST_SORT, list.data(), list.size(),
                  list.data(), list.size() - 1, &returned),
            kFault);
  EXPECT_EQ(returned, list.size());
  EXPECT_EQ(Ioctl(ipv6_, SIO_ADDRESS_LIST_SORT, list.data(), list.size() - 1,
                  list.data(), list.size(), &returned),
            kInvalid);
  EXPECT_EQ(Ioctl(ipv4_, SIO_ADDRESS_LIST_SORT, list.data(), list.size(),
                  list.data(), list.size(), &returned),
            WsaCode{WSAEOPNOTSUPP});
  // In place.
  ASSERT_EQ(Ioctl(ipv6_, SIO_ADDRESS_LIST_SORT, list.data(), list.size(),
                  list.data(), list.size(), &returned),
            kOk);
  EXPECT_EQ(returned, list.size());
  std::vector<const void*> sorted;
  for (size_t i = 0; i < 3; ++i) {
    SOCKET_ADDRESS entry;
    std::memcpy(&entry, list.data() + kListHead + i * sizeof(entry),
                sizeof(entry));
    sorted.push_back(entry.lpSockaddr);
  }
  // Loopback, then what is on the link; no route leads to the first.
  EXPECT_THAT(sorted, ElementsAre(&names[2], &names[1], &names[0]));
}

// ----------------------------------------------------------------- interfaces

TEST_F(NetworkIoctlTest, InterfaceListHasAllAddressesWithTheirNetworks) {
  INTERFACE_INFO list[8];
  DWORD returned = 0;
  ASSERT_EQ(Ioctl(ipv4_, SIO_GET_INTERFACE_LIST, nullptr, 0, list, sizeof(list),
                  &returned),
            kOk);
  ASSERT_EQ(returned, 2 * sizeof(INTERFACE_INFO));
  EXPECT_EQ(Text(&list[0].iiAddress), "127.0.0.1");
  EXPECT_EQ(Text(&list[0].iiNetmask), "255.0.0.0");
  EXPECT_EQ(Text(&list[0].iiBroadcastAddress), "255.255.255.255");
  EXPECT_EQ(list[0].iiFlags, static_cast<u_long>(IFF_UP | IFF_LOOPBACK));
  EXPECT_EQ(Text(&list[1].iiAddress), "192.0.2.1");
  EXPECT_EQ(Text(&list[1].iiNetmask), "255.255.255.0");
  EXPECT_EQ(Text(&list[1].iiBroadcastAddress), "192.0.2.255");
  EXPECT_EQ(list[1].iiFlags,
            static_cast<u_long>(IFF_UP | IFF_BROADCAST | IFF_MULTICAST));
}

TEST_F(NetworkIoctlTest, ShortInterfaceListIsAFault) {
  INTERFACE_INFO list[2];
  DWORD returned = 77;
  EXPECT_EQ(Ioctl(ipv4_, SIO_GET_INTERFACE_LIST, nullptr, 0, list,
                  sizeof(list) - 1, &returned),
            kFault);
  EXPECT_EQ(
      Ioctl(ipv4_, SIO_GET_INTERFACE_LIST, nullptr, 0, nullptr, 0, &returned),
      kFault);
  EXPECT_EQ(returned, 77u);
}

TEST_F(NetworkIoctlTest, BroadcastAddressIsEverybodys) {
  sockaddr_in name = {};
  DWORD returned = 0;
  ASSERT_EQ(Ioctl(ipv4_, SIO_GET_BROADCAST_ADDRESS, nullptr, 0, &name,
                  sizeof(name), &returned),
            kOk);
  EXPECT_EQ(Text(&name), "255.255.255.255");
  EXPECT_EQ(returned, sizeof(name));
  EXPECT_EQ(Ioctl(ipv4_, SIO_GET_BROADCAST_ADDRESS, nullptr, 0, &name,
                  sizeof(name) - 1, &returned),
            kFault);
  EXPECT_EQ(Ioctl(ipv6_, SIO_GET_BROADCAST_ADDRESS, nullptr, 0, &name,
                  sizeof(name), &returned),
            WsaCode{WSAENOPROTOOPT});
}

}  // namespace
}  // namespace wspd::testing
