// Names, as far as they are the same on every host: numbers and localhost.
#include <arpa/inet.h>
#include <netdb.h>

#include <atomic>
#include <cstring>
#include <memory>
#include <set>

#include "tests/preload/behaviour/child.h"
#include "tests/preload/behaviour/fixture.h"
#include "tests/testing/thread_group.h"

namespace wspd::preload {
namespace {

using testing::ThreadGroup;

struct Freer {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using AddressList = std::unique_ptr<addrinfo, Freer>;

struct Lookup {
  int error;
  AddressList list;
};

Lookup GetAddresses(const char* host, const char* service,
                    const addrinfo& hints) {
  addrinfo* list = nullptr;
  const int error = getaddrinfo(host, service, &hints, &list);
  return {error, AddressList(error == 0 ? list : nullptr)};
}

addrinfo Hints(int family, int type = 0, int flags = 0) {
  addrinfo hints = {};
  hints.ai_family = family;
  hints.ai_socktype = type;
  hints.ai_flags = flags;
  return hints;
}

std::string Text(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = {};
  if (address->sa_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr,
              text, sizeof(text));
  } else {
    inet_ntop(AF_INET6,
              &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text,
              sizeof(text));
  }
  return text;
}

uint16_t Port(const sockaddr* address) {
  return ntohs(reinterpret_cast<const sockaddr_in*>(address)->sin_port);
}

class NameTest : public FamilyTest {
 protected:
  const char* loopback() const {
    return family() == AF_INET ? "127.0.0.1" : "::1";
  }
  const char* any() const { return family() == AF_INET ? "0.0.0.0" : "::"; }
};
INSTANTIATE_FOR_FAMILIES(NameTest);

TEST_P(NameTest, NumericHost) {
  const Lookup found =
      GetAddresses(loopback(), "80", Hints(AF_UNSPEC, SOCK_STREAM));
  ASSERT_EQ(found.error, 0);
  const addrinfo& first = *found.list;
  EXPECT_EQ(first.ai_family, family());
  EXPECT_EQ(first.ai_socktype, SOCK_STREAM);
  EXPECT_EQ(first.ai_protocol, IPPROTO_TCP);
  EXPECT_EQ(Text(first.ai_addr), loopback());
  EXPECT_EQ(Port(first.ai_addr), 80);
  EXPECT_EQ(first.ai_next, nullptr);
  EXPECT_EQ(first.ai_addrlen, SocketAddress::Loopback(family()).size());
}

TEST_P(NameTest, EachTypeOfSocket) {
  const Lookup found = GetAddresses(loopback(), "80", Hints(family()));
  ASSERT_EQ(found.error, 0);
  std::set<int> types;
  for (const addrinfo* one = found.list.get(); one; one = one->ai_next) {
    types.insert(one->ai_socktype);
  }
  EXPECT_EQ(types, (std::set<int>{SOCK_STREAM, SOCK_DGRAM, SOCK_RAW}));
}

TEST_P(NameTest, NoHostIsLoopback) {
  const Lookup found =
      GetAddresses(nullptr, "80", Hints(family(), SOCK_STREAM));
  ASSERT_EQ(found.error, 0);
  EXPECT_EQ(Text(found.list->ai_addr), loopback());
}

TEST_P(NameTest, NoHostIsAnyIfPassive) {
  const Lookup found =
      GetAddresses(nullptr, "80", Hints(family(), SOCK_STREAM, AI_PASSIVE));
  ASSERT_EQ(found.error, 0);
  EXPECT_EQ(Text(found.list->ai_addr), any());
}

TEST_P(NameTest, NumericOnlyRefusesNames) {
  EXPECT_EQ(
      GetAddresses("localhost", nullptr, Hints(family(), 0, AI_NUMERICHOST))
          .error,
      EAI_NONAME);
}

TEST_P(NameTest, NumericServiceOnlyRefusesNames) {
  EXPECT_EQ(GetAddresses(loopback(), "http",
                         Hints(family(), SOCK_STREAM, AI_NUMERICSERV))
                .error,
            EAI_NONAME);
}

TEST_P(NameTest, UnknownService) {
  EXPECT_EQ(
      GetAddresses(loopback(), "no-such-service", Hints(family(), SOCK_STREAM))
          .error,
      EAI_SERVICE);
}

TEST_P(NameTest, AddressOfTheOtherFamily) {
  const char* const other = family() == AF_INET ? "::1" : "127.0.0.1";
  EXPECT_EQ(GetAddresses(other, nullptr, Hints(family())).error,
            EAI_ADDRFAMILY);
}

TEST_P(NameTest, NothingAsked) {
  EXPECT_EQ(GetAddresses(nullptr, nullptr, Hints(family())).error, EAI_NONAME);
}

TEST_P(NameTest, WrongFlags) {
  EXPECT_EQ(GetAddresses(loopback(), "80", Hints(family(), 0, 0x10000)).error,
            EAI_BADFLAGS);
}

TEST_P(NameTest, CanonicalNameOfANumber) {
  const Lookup found = GetAddresses(loopback(), nullptr,
                                    Hints(family(), SOCK_STREAM, AI_CANONNAME));
  ASSERT_EQ(found.error, 0);
  EXPECT_STREQ(found.list->ai_canonname, loopback());
}

TEST_P(NameTest, NumbersOfAnAddress) {
  const SocketAddress address = SocketAddress::Loopback(family(), 8080);
  char host[64], service[16];
  ASSERT_EQ(
      getnameinfo(address.data(), address.size(), host, sizeof(host), service,
                  sizeof(service), NI_NUMERICHOST | NI_NUMERICSERV),
      0);
  EXPECT_STREQ(host, loopback());
  EXPECT_STREQ(service, "8080");
}

TEST_P(NameTest, NumbersWithoutRoom) {
  const SocketAddress address = SocketAddress::Loopback(family(), 8080);
  char host[2];
  EXPECT_EQ(getnameinfo(address.data(), address.size(), host, sizeof(host),
                        nullptr, 0, NI_NUMERICHOST),
            EAI_OVERFLOW);
}

TEST_P(NameTest, ServiceOfAPort) {
  const SocketAddress address = SocketAddress::Loopback(family(), 53);
  char service[32];
  ASSERT_EQ(getnameinfo(address.data(), address.size(), nullptr, 0, service,
                        sizeof(service), 0),
            0);
  EXPECT_STREQ(service, "domain");
}

TEST_P(NameTest, NameOfTheWrongFamily) {
  SocketAddress address = SocketAddress::Loopback(family());
  address.buffer()->sa_family = 99;
  char host[64];
  EXPECT_EQ(getnameinfo(address.data(), address.size(), host, sizeof(host),
                        nullptr, 0, NI_NUMERICHOST),
            EAI_FAMILY);
}

// To the address that the name gives one can connect.
TEST_P(NameTest, ResolveAndConnect) {
  const OwnedFd listener = PeerListener(family());
  const std::string port =
      std::to_string(SocketAddress::LocalOf(listener.get()).port());
  const Lookup found =
      GetAddresses(loopback(), port.c_str(), Hints(family(), SOCK_STREAM));
  ASSERT_EQ(found.error, 0);
  const addrinfo& to = *found.list;
  const OwnedFd ours(
      socket(to.ai_family, to.ai_socktype | SOCK_CLOEXEC, to.ai_protocol));
  ASSERT_SUCCESS(connect(ours.get(), to.ai_addr, to.ai_addrlen));
  EXPECT_TRUE(Talk(ours.get(), AcceptFrom(listener).get()));
}

TEST_P(NameTest, HostByNumber) {
  const hostent* const host = gethostbyname2(loopback(), family());
  ASSERT_NE(host, nullptr);
  EXPECT_EQ(host->h_addrtype, family());
  EXPECT_STREQ(host->h_name, loopback());
  ASSERT_NE(host->h_addr_list[0], nullptr);
  char text[INET6_ADDRSTRLEN];
  inet_ntop(family(), host->h_addr_list[0], text, sizeof(text));
  EXPECT_STREQ(text, loopback());
}

// Threads and children look up at once.
TEST_P(NameTest, ThreadsLookUp) {
  std::atomic<int> failed{0};
  ThreadGroup threads;
  for (int i = 0; i < 4; ++i) {
    threads.Start("getaddrinfo", [&] {
      for (int j = 0; j < 20; ++j) {
        if (GetAddresses(loopback(), "80", Hints(family())).error) ++failed;
      }
    });
  }
  threads.JoinAll();
  EXPECT_EQ(failed, 0);
}

TEST_P(NameTest, ChildLooksUp) {
  GetAddresses(loopback(), "80", Hints(family()));
  Child child([&] {
    EXPECT_EQ(GetAddresses(loopback(), "80", Hints(family())).error, 0);
  });
  EXPECT_TRUE(child.Succeeds());
}

// Every host has this one.
TEST(LocalhostTest, GetAddrInfo) {
  const Lookup found =
      GetAddresses("localhost", "80", Hints(AF_INET, SOCK_STREAM));
  ASSERT_EQ(found.error, 0);
  EXPECT_EQ(Text(found.list->ai_addr), "127.0.0.1");
}

TEST(LocalhostTest, GetHostByName) {
  const hostent* const host = gethostbyname("localhost");
  ASSERT_NE(host, nullptr);
  EXPECT_STREQ(host->h_name, "localhost");
  EXPECT_EQ(host->h_addrtype, AF_INET);
  EXPECT_EQ(host->h_length, 4);
  const in_addr_t loopback = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(memcmp(host->h_addr_list[0], &loopback, 4), 0);
}

TEST(LocalhostTest, GetHostByNameReentrant) {
  hostent host = {};
  hostent* result = nullptr;
  char room[4096];
  int error = 0;
  ASSERT_EQ(
      gethostbyname_r("localhost", &host, room, sizeof(room), &result, &error),
      0);
  ASSERT_EQ(result, &host);
  EXPECT_STREQ(host.h_name, "localhost");
}

TEST(LocalhostTest, GetHostByNameWithoutRoom) {
  hostent host = {};
  hostent* result = nullptr;
  char room[8];
  int error = 0;
  EXPECT_EQ(
      gethostbyname_r("localhost", &host, room, sizeof(room), &result, &error),
      ERANGE);
  EXPECT_EQ(result, nullptr);
}

TEST(LocalhostTest, GetHostByAddr) {
  const in_addr_t loopback = htonl(INADDR_LOOPBACK);
  const hostent* const host = gethostbyaddr(&loopback, 4, AF_INET);
  ASSERT_NE(host, nullptr);
  EXPECT_STREQ(host->h_name, "localhost");
}

TEST(LocalhostTest, GetNameInfo) {
  const SocketAddress address = SocketAddress::Loopback(AF_INET);
  char host[NI_MAXHOST];
  ASSERT_EQ(getnameinfo(address.data(), address.size(), host, sizeof(host),
                        nullptr, 0, NI_NAMEREQD),
            0);
  EXPECT_STREQ(host, "localhost");
}

}  // namespace
}  // namespace wspd::preload
