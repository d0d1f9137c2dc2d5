#include "client_stub/preload/address_info.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <string>
#include <vector>

#include "client_stub/preload/lookup_addresses.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wsp {
namespace {

using ::testing::ElementsAre;

LookupReply Reply(const std::vector<std::string>& addresses) {
  LookupReply reply;
  for (const std::string& text : addresses) {
    LookupReply::Entry entry;
    const bool ipv6 = text.find(':') != std::string::npos;
    entry.address.family = ipv6 ? Address::kIpv6 : Address::kIpv4;
    EXPECT_EQ(
        inet_pton(ipv6 ? AF_INET6 : AF_INET, text.c_str(), entry.address.bytes),
        1);
    reply.addresses.push_back(entry);
  }
  return reply;
}

AddressFamilies Families(int family, int flags = 0) {
  addrinfo hints = {};
  hints.ai_family = family;
  hints.ai_flags = flags;
  return FamiliesOf(hints);
}

class AddressInfoTest : public ::testing::Test {
 protected:
  AddressInfoTest() {
    addrinfo hints = {};
    hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
    hints.ai_family = AF_INET;
    EXPECT_EQ(getaddrinfo("0.0.0.0", "80", &hints, &services_), 0);
  }
  ~AddressInfoTest() override { freeaddrinfo(services_); }

  // The addresses of the list's streams.
  std::vector<std::string> Streams(const LookupReply& reply,
                                   const AddressFamilies& families) {
    addrinfo* list = nullptr;
    const int error =
        MakeAddressList(reply, families, services_, nullptr, &list);
    if (error != 0) return {gai_strerror(error)};
    std::vector<std::string> found;
    for (const addrinfo* item = list; item != nullptr; item = item->ai_next) {
      if (item->ai_socktype != SOCK_STREAM) continue;
      char host[INET6_ADDRSTRLEN];
      EXPECT_EQ(getnameinfo(item->ai_addr, item->ai_addrlen, host, sizeof host,
                            nullptr, 0, NI_NUMERICHOST),
                0);
      EXPECT_EQ(item->ai_family, item->ai_addr->sa_family);
      found.emplace_back(host);
    }
    freeaddrinfo(list);
    return found;
  }

  addrinfo* services_ = nullptr;
};

TEST_F(AddressInfoTest, EveryAddressComesWithEveryService) {
  addrinfo* list = nullptr;
  ASSERT_EQ(MakeAddressList(Reply({"10.0.0.1", "fd00::1"}), Families(AF_UNSPEC),
                            services_, "c.test", &list),
            0);
  EXPECT_STREQ(list->ai_canonname, "c.test");
  const addrinfo* item = list;
  for (const int family : {AF_INET, AF_INET6}) {
    for (const addrinfo* service = services_; service != nullptr;
         service = service->ai_next, item = item->ai_next) {
      ASSERT_NE(item, nullptr);
      EXPECT_EQ(item->ai_family, family);
      EXPECT_EQ(item->ai_socktype, service->ai_socktype);
      EXPECT_EQ(item->ai_protocol, service->ai_protocol);
      EXPECT_EQ(ntohs(reinterpret_cast<sockaddr_in*>(item->ai_addr)->sin_port),
                80);
      if (item != list) {
        EXPECT_EQ(item->ai_canonname, nullptr);
      }
    }
  }
  EXPECT_EQ(item, nullptr);
  freeaddrinfo(list);
}

TEST_F(AddressInfoTest, OnlyTheFamilyThatWasAskedFor) {
  const LookupReply both = Reply({"fd00::1", "10.0.0.1"});
  EXPECT_THAT(Streams(both, Families(AF_UNSPEC)),
              ElementsAre("fd00::1", "10.0.0.1"));
  EXPECT_THAT(Streams(both, Families(AF_INET)), ElementsAre("10.0.0.1"));
  EXPECT_THAT(Streams(both, Families(AF_INET6)), ElementsAre("fd00::1"));
  EXPECT_THAT(Streams(Reply({"10.0.0.1"}), Families(AF_INET6)),
              ElementsAre(gai_strerror(EAI_NODATA)));
}

TEST_F(AddressInfoTest, MappedAddressesAsTheFlagsSay) {
  const LookupReply both = Reply({"10.0.0.1", "fd00::1"});
  const LookupReply old = Reply({"10.0.0.1"});
  EXPECT_THAT(Streams(both, Families(AF_INET6, AI_V4MAPPED)),
              ElementsAre("fd00::1"));
  EXPECT_THAT(Streams(old, Families(AF_INET6, AI_V4MAPPED)),
              ElementsAre("::ffff:10.0.0.1"));
  EXPECT_THAT(Streams(both, Families(AF_INET6, AI_V4MAPPED | AI_ALL)),
              ElementsAre("::ffff:10.0.0.1", "fd00::1"));
  // They are about AF_INET6 alone.
  EXPECT_THAT(Streams(both, Families(AF_UNSPEC, AI_V4MAPPED)),
              ElementsAre("10.0.0.1", "fd00::1"));
  EXPECT_THAT(Streams(old, Families(AF_INET6, AI_ALL)),
              ElementsAre(gai_strerror(EAI_NODATA)));
}

TEST_F(AddressInfoTest, ConfiguredFamiliesAreThoseOfTheDaemonsHost) {
  const LookupReply ipv4 = Reply({"127.0.0.1", "::1", "10.0.0.1"});
  const LookupReply both = Reply({"10.0.0.1", "fd00::1"});
  const LookupReply none = Reply({"127.0.0.1", "::1"});
  AddressFamilies families = Families(AF_UNSPEC);
  EXPECT_TRUE(RestrictToConfigured(ipv4, &families));
  EXPECT_EQ(families.asked, AF_INET);
  for (const LookupReply& host : {both, none}) {
    families = Families(AF_UNSPEC);
    EXPECT_TRUE(RestrictToConfigured(host, &families));
    EXPECT_EQ(families.asked, AF_UNSPEC);
  }
  families = Families(AF_INET6);
  EXPECT_FALSE(RestrictToConfigured(ipv4, &families));
  EXPECT_TRUE(RestrictToConfigured(both, &families));
  families = Families(AF_INET);
  EXPECT_TRUE(RestrictToConfigured(ipv4, &families));
  EXPECT_FALSE(RestrictToConfigured(none, &families));
}

TEST_F(AddressInfoTest, ScopesOfLinkLocalAddressesAreKept) {
  LookupReply reply = Reply({"fe80::1"});
  reply.addresses[0].address.scope_id = 7;
  addrinfo* list = nullptr;
  ASSERT_EQ(
      MakeAddressList(reply, Families(AF_INET6), services_, nullptr, &list), 0);
  EXPECT_EQ(reinterpret_cast<sockaddr_in6*>(list->ai_addr)->sin6_scope_id, 7u);
  Address address;
  EXPECT_TRUE(AddressOf(list->ai_addr, list->ai_addrlen, &address));
  EXPECT_EQ(address.scope_id, 7u);
  EXPECT_FALSE(AddressOf(list->ai_addr, list->ai_addrlen - 1, &address));
  freeaddrinfo(list);
}

}  // namespace
}  // namespace wsp
