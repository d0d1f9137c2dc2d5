#include "daemon/resolver/resolver.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testing/dns_responder.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr absl::Duration kDeadline = absl::Seconds(30);

std::string ToString(const LookupAnswer::Address& entry) {
  char text[INET6_ADDRSTRLEN];
  const NetAddress& address = entry.address;
  const void* bytes = &address.v4().sin_addr;
  if (address.family() == AF_INET6) bytes = &address.v6().sin6_addr;
  inet_ntop(address.family(), bytes, text, sizeof(text));
  std::string name = text;
  if (address.port() != 0) name += " " + std::to_string(address.port());
  if (entry.type == SOCK_STREAM) name += " tcp";
  if (entry.type == SOCK_DGRAM) name += " udp";
  return name;
}

std::vector<std::string> Addresses(const LookupAnswer& answer) {
  std::vector<std::string> texts;
  for (const auto& address : answer.addresses) {
    texts.push_back(ToString(address));
  }
  return texts;
}

class ResolverTest : public ::testing::Test {
 protected:
  ResolverTest() {
    std::ofstream(folder_ + "hosts") << "192.0.2.1 files.example f\n"
                                        "192.0.2.2 both.example\n";
    std::ofstream(folder_ + "services") << "domain 53/tcp\n"
                                           "domain 53/udp\n"
                                           "http 80/tcp www\n";
    std::ofstream(folder_ + "resolv.conf") << "search search.example\n"
                                              "options timeout:1 attempts:1\n";
    options_.dns.servers = {ServerAddress()};
    options_.dns.resolv_conf = folder_ + "resolv.conf";
    options_.hosts_file = folder_ + "hosts";
    options_.services_file = folder_ + "services";
    options_.max_lookups = 4;
    resolver_ = *Resolver::Create(options_);
  }

  NetAddress ServerAddress() const {
    const std::string text = dns_.address();
    const size_t colon = text.find(':');
    return ParseNumericAddress(text.substr(0, colon))
        .WithPort(static_cast<uint16_t>(std::stoi(text.substr(colon + 1))));
  }

  LookupAnswer Look(const LookupQuestion& question) {
    LookupAnswer result;
    absl::Notification done;
    EXPECT_NE(resolver_->Start(question,
                               [&](LookupAnswer answer) {
                                 result = std::move(answer);
                                 done.Notify();
                               }),
              0u);
    if (!done.WaitForNotificationWithTimeout(kDeadline)) abort();
    return result;
  }

  static LookupQuestion Host(const std::string& name, int family = AF_UNSPEC) {
    LookupQuestion question;
    question.name = name;
    question.family = family;
    question.want_aliases = true;
    return question;
  }

  static LookupQuestion Address(const std::string& text) {
    LookupQuestion question;
    question.kind = LookupQuestion::Kind::kAddress;
    question.address = ParseNumericAddress(text);
    question.want_aliases = true;
    return question;
  }

  // One of thousands of addresses.
  static std::string AddressNumber(size_t number) {
    return "10.0." + std::to_string(number / 256) + "." +
           std::to_string(number % 256);
  }
  // A hosts file that gives the name so many addresses.
  void WriteHosts(const std::string& name, size_t addresses) {
    std::ofstream file(folder_ + "hosts");
    for (size_t i = 0; i < addresses; ++i) {
      file << AddressNumber(i) << " " << name << "\n";
    }
  }

  const std::string folder_ = std::string(getenv("TEST_TMPDIR")) + "/";
  testing::DnsResponder dns_;
  Resolver::Options options_;
  std::unique_ptr<Resolver> resolver_;
};

TEST_F(ResolverTest, TheHostsFileAnswersBeforeDns) {
  dns_.AddAddress("both.example", "192.0.2.99");
  EXPECT_THAT(Addresses(Look(Host("both.example"))), ElementsAre("192.0.2.2"));
  const LookupAnswer answer = Look(Host("f"));
  EXPECT_EQ(answer.canonical_name, "files.example");
  EXPECT_THAT(answer.aliases, ElementsAre("f"));
  EXPECT_EQ(dns_.QuestionsFor("both.example"), 0);
}

TEST_F(ResolverTest, DnsAnswersForBothFamilies) {
  dns_.AddAddress("dns.example", "192.0.2.7");
  dns_.AddAddress("dns.example", "192.0.2.8");
  dns_.AddAddress("dns.example", "2001:db8::7");
  const LookupAnswer answer = Look(Host("dns.example"));
  EXPECT_THAT(Addresses(answer),
              UnorderedElementsAre("192.0.2.7", "192.0.2.8", "2001:db8::7"));
  EXPECT_EQ(answer.canonical_name, "dns.example");
  EXPECT_THAT(answer.aliases, IsEmpty());
  EXPECT_THAT(Addresses(Look(Host("dns.example", AF_INET6))),
              ElementsAre("2001:db8::7"));
}

TEST_F(ResolverTest, CnameRecordsGiveAliasesAndTheCanonicalName) {
  dns_.AddCname("www.example", "web.example");
  dns_.AddCname("web.example", "host.example");
  dns_.AddAddress("host.example", "192.0.2.7");
  dns_.AddAddress("host.example", "2001:db8::7");
  LookupQuestion question = Host("www.example");
  LookupAnswer answer = Look(question);
  EXPECT_EQ(answer.canonical_name, "host.example");
  EXPECT_THAT(answer.aliases,
              UnorderedElementsAre("www.example", "web.example"));
  question.want_aliases = false;
  EXPECT_THAT(Look(question).aliases, IsEmpty());
}

TEST_F(ResolverTest, ANameWithoutADotIsLookedForInTheSearchDomain) {
  dns_.AddAddress("short.search.example", "192.0.2.7");
  const LookupAnswer answer = Look(Host("short"));
  EXPECT_THAT(Addresses(answer), ElementsAre("192.0.2.7"));
  EXPECT_EQ(answer.canonical_name, "short.search.example");
}

TEST_F(ResolverTest, WhatIsNotThereIsToldApart) {
  dns_.AddAddress("v4.example", "192.0.2.7");
  EXPECT_EQ(Look(Host("none.example")).error, LookupError::kHostNotFound);
  EXPECT_EQ(Look(Host("v4.example", AF_INET6)).error, LookupError::kNoData);
  EXPECT_EQ(Look(Address("192.0.2.77")).error, LookupError::kHostNotFound);
  EXPECT_EQ(Look(Host("an..impossible.name")).error,
            LookupError::kHostNotFound);
}

TEST_F(ResolverTest, AServerThatFailsOrIsSilentIsToBeTriedAgain) {
  dns_.AddFailure("broken.example", 2);
  EXPECT_EQ(Look(Host("broken.example")).error, LookupError::kTryAgain);
  dns_.AddSilence("silent.example");
  EXPECT_EQ(Look(Host("silent.example")).error, LookupError::kTryAgain);
}

TEST_F(ResolverTest, NumericNamesAreAddressesWithoutAsking) {
  EXPECT_THAT(Addresses(Look(Host("192.0.2.5"))), ElementsAre("192.0.2.5"));
  EXPECT_THAT(Addresses(Look(Host("2001:db8::5"))), ElementsAre("2001:db8::5"));
  EXPECT_EQ(Look(Host("192.0.2.5", AF_INET6)).error, LookupError::kNoData);
  EXPECT_EQ(dns_.QuestionsFor("192.0.2.5"), 0);
}

TEST_F(ResolverTest, LocalhostNeverLeavesTheHost) {
  EXPECT_THAT(Addresses(Look(Host("LocalHost"))),
              ElementsAre("127.0.0.1", "::1"));
  EXPECT_THAT(Addresses(Look(Host("x.localhost.", AF_INET))),
              ElementsAre("127.0.0.1"));
  EXPECT_EQ(dns_.QuestionsFor("localhost"), 0);
}

TEST_F(ResolverTest, AnAddressLeadsToItsName) {
  dns_.AddPtr("192.0.2.7", "seven.example");
  dns_.AddPtr("2001:db8::7", "seven6.example");
  EXPECT_EQ(Look(Address("192.0.2.7")).canonical_name, "seven.example");
  const LookupAnswer v6 = Look(Address("2001:db8::7"));
  EXPECT_EQ(v6.canonical_name, "seven6.example");
  EXPECT_THAT(Addresses(v6), ElementsAre("2001:db8::7"));
  const LookupAnswer files = Look(Address("192.0.2.1"));
  EXPECT_EQ(files.canonical_name, "files.example");
  EXPECT_THAT(files.aliases, ElementsAre("f"));
}

TEST_F(ResolverTest, AServiceGivesEveryAddressItsPorts) {
  LookupQuestion question = Host("f");
  question.service = "domain";
  EXPECT_THAT(Addresses(Look(question)),
              ElementsAre("192.0.2.1 53 tcp", "192.0.2.1 53 udp"));
  question.service = "8080";
  question.type = SOCK_STREAM;
  EXPECT_THAT(Addresses(Look(question)), ElementsAre("192.0.2.1 8080 tcp"));
  question.service = "nothing";
  EXPECT_EQ(Look(question).error, LookupError::kServiceNotFound);
}

TEST_F(ResolverTest, AServiceAloneIsLookedUpInTheServicesFile) {
  LookupQuestion question;
  question.kind = LookupQuestion::Kind::kService;
  question.service = "www";
  question.want_aliases = true;
  const LookupAnswer answer = Look(question);
  ASSERT_EQ(answer.services.size(), 1u);
  EXPECT_EQ(answer.services[0].name, "http");
  EXPECT_EQ(answer.services[0].port, 80);
  EXPECT_THAT(answer.services[0].aliases, ElementsAre("www"));
}

TEST_F(ResolverTest, ChangedFilesCountAtOnce) {
  EXPECT_EQ(Look(Host("new.example")).error, LookupError::kHostNotFound);
  std::ofstream(folder_ + "hosts") << "192.0.2.3 new.example\n";
  EXPECT_THAT(Addresses(Look(Host("new.example"))), ElementsAre("192.0.2.3"));
}

TEST_F(ResolverTest, TheOwnHostHasANameAndAddresses) {
  LookupQuestion question;
  question.kind = LookupQuestion::Kind::kOwnHost;
  char name[256];
  ASSERT_EQ(gethostname(name, sizeof(name)), 0);
  EXPECT_EQ(Look(question).canonical_name, name);
}

TEST_F(ResolverTest, ACancelledLookupIsNotAnsweredAndLeavesItsPlace) {
  dns_.AddSilence("silent.example");
  auto witness = std::make_shared<int>(0);
  for (uint32_t i = 0; i < 3 * options_.max_lookups; ++i) {
    const Resolver::LookupId id = resolver_->Start(
        Host("silent.example"), [witness](LookupAnswer) { ++*witness; });
    ASSERT_NE(id, 0u);
    ASSERT_TRUE(dns_.AwaitQuestionFor("silent.example"));
    EXPECT_TRUE(resolver_->Cancel(id));
    EXPECT_FALSE(resolver_->Cancel(id));
    EXPECT_EQ(witness.use_count(), 1);
    // What was begun after it is answered after it has ended.
    Look(Host("f"));
  }
  EXPECT_EQ(*witness, 0);
}

TEST_F(ResolverTest, ATimeLimitEndsALookup) {
  dns_.AddSilence("silent.example");
  LookupQuestion question = Host("silent.example");
  question.time_limit = absl::Milliseconds(5);
  EXPECT_EQ(Look(question).error, LookupError::kTimedOut);
  question.name = "f";
  EXPECT_EQ(Look(question).error, LookupError::kNone);
}

TEST_F(ResolverTest, MoreLookupsThanAllowedAreNotBegun) {
  dns_.AddSilence("silent.example");
  std::vector<Resolver::LookupId> ids;
  for (uint32_t i = 0; i < options_.max_lookups; ++i) {
    ids.push_back(resolver_->Start(Host("silent.example"), [](LookupAnswer) {
      ADD_FAILURE() << "was cancelled";
    }));
    EXPECT_NE(ids.back(), 0u);
  }
  EXPECT_EQ(resolver_->Start(Host("f"), [](LookupAnswer) {}), 0u);
  // Until more are.
  resolver_->SetMaxLookups(options_.max_lookups + 1);
  Look(Host("f"));
  for (const Resolver::LookupId id : ids) EXPECT_TRUE(resolver_->Cancel(id));
}

TEST_F(ResolverTest, LookupsUnderWayEndWithTheResolverUnanswered) {
  dns_.AddSilence("silent.example");
  ASSERT_NE(resolver_->Start(Host("silent.example"),
                             [](LookupAnswer) { ADD_FAILURE(); }),
            0u);
  ASSERT_TRUE(dns_.AwaitQuestionFor("silent.example"));
  resolver_.reset();
}

// ------------------------------------------------- limits of proto/README.md

constexpr size_t kAddresses = 1024;
constexpr size_t kAliases = 256;

TEST_F(ResolverTest, OfAHostsFilesAddressesTheFirst1024AreKept) {
  WriteHosts("many.example", kAddresses);
  EXPECT_THAT(Addresses(Look(Host("many.example"))), SizeIs(kAddresses));
  WriteHosts("many.example", kAddresses + 1);
  const std::vector<std::string> kept = Addresses(Look(Host("many.example")));
  ASSERT_THAT(kept, SizeIs(kAddresses));
  EXPECT_EQ(kept.back(), AddressNumber(kAddresses - 1));
}

TEST_F(ResolverTest, OfAHostsFilesAliasesTheFirst256AreKept) {
  std::string line = "192.0.2.3 many.example";
  for (size_t i = 0; i < kAliases; ++i) line += " a" + std::to_string(i);
  std::ofstream(folder_ + "hosts") << line << "\n";
  EXPECT_THAT(Look(Host("a0")).aliases, SizeIs(kAliases));
  EXPECT_THAT(Look(Address("192.0.2.3")).aliases, SizeIs(kAliases));
  std::ofstream(folder_ + "hosts") << line << " more\n";
  for (const LookupQuestion& question : {Host("more"), Address("192.0.2.3")}) {
    const std::vector<std::string> kept = Look(question).aliases;
    ASSERT_THAT(kept, SizeIs(kAliases));
    EXPECT_EQ(kept.back(), "a255");
  }
}

TEST_F(ResolverTest, OfDnssAddresses1024AreKept) {
  for (size_t i = 0; i < kAddresses; ++i) {
    dns_.AddAddress("many.example", AddressNumber(i));
  }
  EXPECT_THAT(Addresses(Look(Host("many.example"))), SizeIs(kAddresses));
  dns_.AddAddress("many.example", AddressNumber(kAddresses));
  EXPECT_THAT(Addresses(Look(Host("many.example"))), SizeIs(kAddresses));
}

// The names that CNAME records lead from, one to the next.
TEST_F(ResolverTest, OfDnssAliases256AreKept) {
  const auto name = [](size_t number) {
    return "n" + std::to_string(number) + ".example";
  };
  for (size_t i = 0; i <= kAliases; ++i) dns_.AddCname(name(i), name(i + 1));
  dns_.AddAddress(name(kAliases + 1), "192.0.2.7");
  // From the second there are as many as are kept.
  for (size_t first : {size_t{1}, size_t{0}}) {
    const LookupAnswer answer = Look(Host(name(first), AF_INET));
    EXPECT_EQ(answer.canonical_name, name(kAliases + 1));
    EXPECT_THAT(answer.aliases, SizeIs(kAliases)) << first;
  }
}

TEST_F(ResolverTest, OfAnAddresssOtherNames256AreKept) {
  for (size_t i = 0; i <= kAliases; ++i) {
    dns_.AddPtr("192.0.2.7", "n" + std::to_string(i) + ".example");
  }
  EXPECT_THAT(Look(Address("192.0.2.7")).aliases, SizeIs(kAliases));
  dns_.AddPtr("192.0.2.7", "more.example");
  EXPECT_THAT(Look(Address("192.0.2.7")).aliases, SizeIs(kAliases));
}

TEST_F(ResolverTest, OfAddressesWithPorts1024AreKept) {
  LookupQuestion question = Host("many.example");
  question.service = "domain";
  // Each has two ports.
  for (size_t count : {kAddresses / 2, kAddresses / 2 + 1}) {
    WriteHosts("many.example", count);
    const std::vector<std::string> kept = Addresses(Look(question));
    ASSERT_THAT(kept, SizeIs(kAddresses));
    EXPECT_EQ(kept.back(), AddressNumber(kAddresses / 2 - 1) + " 53 udp");
  }
}

}  // namespace
}  // namespace wspd
