#include "client_stub/preload/host_entry.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wsp {
namespace {

using ::testing::ElementsAre;

ByteBuffer Bytes(const std::string& text) {
  return ByteBuffer(text.begin(), text.end());
}

LookupReply::Entry Entry(int family, const char* text) {
  LookupReply::Entry entry;
  entry.address.family = family == AF_INET ? Address::kIpv4 : Address::kIpv6;
  EXPECT_EQ(inet_pton(family, text, entry.address.bytes), 1);
  return entry;
}

LookupReply Reply() {
  LookupReply reply;
  reply.canonical_name = Bytes("host.test");
  reply.aliases = {Bytes("one"), Bytes("another.one")};
  reply.addresses = {Entry(AF_INET, "10.0.0.1"), Entry(AF_INET6, "fd00::1"),
                     Entry(AF_INET, "10.0.0.2")};
  return reply;
}

std::vector<std::string> Addresses(const hostent& entry) {
  std::vector<std::string> addresses;
  for (char** at = entry.h_addr_list; *at != nullptr; ++at) {
    char text[INET6_ADDRSTRLEN];
    addresses.emplace_back(inet_ntop(entry.h_addrtype, *at, text, sizeof text));
  }
  return addresses;
}

std::vector<std::string> Aliases(const hostent& entry) {
  std::vector<std::string> aliases;
  for (char** at = entry.h_aliases; *at != nullptr; ++at) {
    aliases.emplace_back(*at);
  }
  return aliases;
}

TEST(HostEntryTest, HasNameAliasesAndTheFamilysAddresses) {
  char buffer[1000];
  hostent entry;
  ASSERT_TRUE(
      WriteHostEntry(Reply(), "asked", AF_INET, &entry, buffer, sizeof buffer));
  EXPECT_STREQ(entry.h_name, "host.test");
  EXPECT_THAT(Aliases(entry), ElementsAre("one", "another.one"));
  EXPECT_EQ(entry.h_addrtype, AF_INET);
  EXPECT_EQ(entry.h_length, 4);
  EXPECT_THAT(Addresses(entry), ElementsAre("10.0.0.1", "10.0.0.2"));
  ASSERT_TRUE(WriteHostEntry(Reply(), "asked", AF_INET6, &entry, buffer,
                             sizeof buffer));
  EXPECT_EQ(entry.h_length, 16);
  EXPECT_THAT(Addresses(entry), ElementsAre("fd00::1"));
}

TEST(HostEntryTest, WithoutACanonicalNameItIsTheOneThatWasAskedFor) {
  LookupReply reply = Reply();
  reply.canonical_name.clear();
  char buffer[1000];
  hostent entry;
  ASSERT_TRUE(
      WriteHostEntry(reply, "asked", AF_INET, &entry, buffer, sizeof buffer));
  EXPECT_STREQ(entry.h_name, "asked");
}

TEST(HostEntryTest, StaysInItsBufferWhateverItsSizeAndPlace) {
  for (const size_t shift : {0, 1, 7}) {
    size_t enough = 0;
    for (size_t size = 0; size < 400; ++size) {
      // Of exactly that size, for a sanitizer to see.
      const std::unique_ptr<char[]> memory(new char[shift + size]);
      hostent entry;
      const bool fits = WriteHostEntry(Reply(), "asked", AF_INET, &entry,
                                       memory.get() + shift, size);
      if (fits && enough == 0) enough = size;
      EXPECT_EQ(fits, enough != 0) << size;
      if (!fits) continue;
      EXPECT_THAT(Addresses(entry), ElementsAre("10.0.0.1", "10.0.0.2"));
      EXPECT_THAT(Aliases(entry), ElementsAre("one", "another.one"));
    }
    EXPECT_NE(enough, 0u);
  }
}

TEST(HostEntryTest, OfAnAddressOnlyThatOne) {
  const Address address = Entry(AF_INET, "10.9.9.9").address;
  char buffer[1000];
  hostent entry;
  ASSERT_TRUE(WriteHostEntry(WithOnlyAddress(Reply(), address), "", AF_INET,
                             &entry, buffer, sizeof buffer));
  EXPECT_THAT(Addresses(entry), ElementsAre("10.9.9.9"));
  EXPECT_STREQ(entry.h_name, "host.test");
}

}  // namespace
}  // namespace wsp
