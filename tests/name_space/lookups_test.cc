// What a lookup finds, and what it says when there is nothing to be found.
#include <svcguid.h>

#include <cstring>
#include <string>
#include <vector>

#include "tests/name_space/fixture.h"

namespace wspd::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

constexpr GUID kByName = SVCID_INET_HOSTADDRBYNAME;
constexpr GUID kByAddress = SVCID_INET_HOSTADDRBYINETSTRING;
constexpr GUID kService = SVCID_INET_SERVICEBYNAME;
constexpr GUID kHostname = SVCID_HOSTNAME;
constexpr DWORD kNameAndAddress = LUP_RETURN_NAME | LUP_RETURN_ADDR;

class LookupsTest : public NameSpaceTest {
 protected:
  void SetUp() override {
    NameSpaceTest::SetUp();
    ASSERT_EQ(name_space_->Startup(), kOk);
  }

  WsaCode LookUp(GUID service_class, const char16_t* name, DWORD flags) {
    return name_space_->LookUp(service_class, name, flags, &records_);
  }

  std::vector<LookupRecord> records_;
};

TEST_F(LookupsTest, TheHostsFileGivesAddressesOfBothFamilies) {
  EXPECT_EQ(LookUp(kByName, u"f", kNameAndAddress), kNoMore);
  ASSERT_THAT(records_, SizeIs(1));
  EXPECT_EQ(records_[0].name, "files.example");
  EXPECT_THAT(records_[0].addresses, ElementsAre("192.0.2.1 0 tcp"));
  EXPECT_EQ(LookUp(kByName, u"files.example", kNameAndAddress), kNoMore);
  EXPECT_THAT(records_.at(0).addresses,
              ElementsAre("192.0.2.1 0 tcp", "2001:db8:0:0:0:0:0:1 0 tcp"));
}

TEST_F(LookupsTest, DnsGivesTheCanonicalNameAndThenTheAliases) {
  dns_.AddCname("www.example", "web.example");
  dns_.AddCname("web.example", "host.example");
  dns_.AddAddress("host.example", "192.0.2.7");
  dns_.AddAddress("host.example", "2001:db8::7");
  EXPECT_EQ(
      LookUp(kByName, u"www.example", kNameAndAddress | LUP_RETURN_ALIASES),
      kNoMore);
  ASSERT_THAT(records_, SizeIs(3));
  EXPECT_EQ(records_[0].name, "host.example");
  EXPECT_FALSE(records_[0].is_alias);
  EXPECT_THAT(
      records_[0].addresses,
      UnorderedElementsAre("192.0.2.7 0 tcp", "2001:db8:0:0:0:0:0:7 0 tcp"));
  for (const int alias : {1, 2}) {
    EXPECT_TRUE(records_[alias].is_alias);
    EXPECT_THAT(records_[alias].addresses, IsEmpty());
  }
  EXPECT_THAT((std::vector<std::string>{records_[1].name, records_[2].name}),
              UnorderedElementsAre("www.example", "web.example"));
  EXPECT_EQ(LookUp(kByName, u"www.example", LUP_RETURN_NAME), kNoMore);
  EXPECT_THAT(records_, SizeIs(1)) << "nobody asked for aliases";
}

TEST_F(LookupsTest, TheBlobIsAHostentOfOffsets) {
  EXPECT_EQ(LookUp(kByName, u"f", LUP_RETURN_BLOB), kNoMore);
  EXPECT_EQ(records_.at(0).blob, "files.example | f | 192.0.2.1");
  EXPECT_EQ(records_.at(0).name, "");
  dns_.AddAddress("six.example", "2001:db8::6");
  EXPECT_EQ(LookUp(kByName, u"six.example", LUP_RETURN_BLOB), kNoMore);
  EXPECT_EQ(records_.at(0).blob, "six.example | | 2001:db8:0:0:0:0:0:6");
}

TEST_F(LookupsTest, AClassWithAPortGivesItToTheAddresses) {
  EXPECT_EQ(LookUp(SVCID_TCP(8080), u"f", LUP_RETURN_ADDR), kNoMore);
  EXPECT_THAT(records_.at(0).addresses, ElementsAre("192.0.2.1 8080 tcp"));
  EXPECT_EQ(LookUp(SVCID_UDP(53), u"f", LUP_RETURN_ADDR), kNoMore);
  EXPECT_THAT(records_.at(0).addresses, ElementsAre("192.0.2.1 53 udp"));
}

TEST_F(LookupsTest, ARecordTypeAndProtocolsRestrictTheFamily) {
  EXPECT_EQ(LookUp(SVCID_TCP_RR(80, 28), u"files.example", LUP_RETURN_ADDR),
            kNoMore);
  EXPECT_THAT(records_.at(0).addresses,
              ElementsAre("2001:db8:0:0:0:0:0:1 80 tcp"));
  AFPROTOCOLS protocols[] = {{AF_INET6, IPPROTO_UDP}};
  GUID service_class = kByName;
  WSAQUERYSETW query = {};
  query.lpServiceClassId = &service_class;
  query.lpszServiceInstanceName = const_cast<LPWSTR>(u"files.example");
  query.dwNumberOfProtocols = 1;
  query.lpafpProtocols = protocols;
  EXPECT_EQ(name_space_->LookUpWith(query, LUP_RETURN_ADDR, &records_),
            kNoMore);
  EXPECT_THAT(records_.at(0).addresses,
              ElementsAre("2001:db8:0:0:0:0:0:1 0 udp"));
}

TEST_F(LookupsTest, AnAddressLeadsToItsName) {
  dns_.AddPtr("192.0.2.7", "seven.example");
  dns_.AddPtr("2001:db8::7", "seven6.example");
  EXPECT_EQ(LookUp(kByAddress, u"192.0.2.7", kNameAndAddress), kNoMore);
  EXPECT_EQ(records_.at(0).name, "seven.example");
  EXPECT_THAT(records_.at(0).addresses, ElementsAre("192.0.2.7 0 tcp"));
  EXPECT_EQ(LookUp(kByAddress, u"2001:db8::7", LUP_RETURN_NAME), kNoMore);
  EXPECT_EQ(records_.at(0).name, "seven6.example");
  EXPECT_EQ(LookUp(kByAddress, u"192.0.2.1", LUP_RETURN_ALL), kNoMore);
  ASSERT_THAT(records_, SizeIs(2));
  EXPECT_EQ(records_[0].name, "files.example");
  EXPECT_EQ(records_[0].blob, "files.example | f | 192.0.2.1");
  EXPECT_EQ(records_[1].name, "f");
  EXPECT_TRUE(records_[1].is_alias);
}

TEST_F(LookupsTest, AServiceIsFoundByNameAliasAndProtocol) {
  EXPECT_EQ(LookUp(kService, u"www/tcp",
                   LUP_RETURN_NAME | LUP_RETURN_ADDR | LUP_RETURN_BLOB),
            kNoMore);
  ASSERT_THAT(records_, SizeIs(1));
  EXPECT_EQ(records_[0].name, "http");
  EXPECT_EQ(records_[0].blob, "http | www | 80 tcp");
  EXPECT_THAT(records_[0].addresses, ElementsAre("0.0.0.0 80 tcp"));
  EXPECT_EQ(LookUp(kService, u"domain", LUP_RETURN_BLOB), kNoMore);
  ASSERT_THAT(records_, SizeIs(2));
  EXPECT_EQ(records_[0].blob, "domain | | 53 tcp");
  EXPECT_EQ(records_[1].blob, "domain | dns | 53 udp");
  EXPECT_EQ(LookUp(kService, u"http/udp", LUP_RETURN_BLOB),
            WsaCode{WSASERVICE_NOT_FOUND});
  EXPECT_EQ(LookUp(kService, u"http/sctp", LUP_RETURN_BLOB),
            WsaCode{WSASERVICE_NOT_FOUND});
}

TEST_F(LookupsTest, WithoutANameTheDaemonsOwnHostIsMeant) {
  EXPECT_EQ(LookUp(kHostname, nullptr, LUP_RETURN_NAME), kNoMore);
  char name[256];
  ASSERT_EQ(gethostname(name, sizeof(name)), 0);
  EXPECT_EQ(records_.at(0).name, name);
  EXPECT_EQ(LookUp(kByName, u"", LUP_RETURN_NAME), kNoMore);
  EXPECT_EQ(records_.at(0).name, name);
}

TEST_F(LookupsTest, WhatIsNotThereIsToldApart) {
  dns_.AddAddress("v4.example", "192.0.2.4");
  dns_.AddFailure("broken.example", 2);
  EXPECT_EQ(LookUp(kByName, u"none.example", LUP_RETURN_ADDR),
            WsaCode{WSAHOST_NOT_FOUND});
  EXPECT_EQ(LookUp(SVCID_TCP_RR(80, 28), u"v4.example", LUP_RETURN_ADDR),
            WsaCode{WSANO_DATA});
  EXPECT_EQ(LookUp(kByName, u"broken.example", LUP_RETURN_ADDR),
            WsaCode{WSATRY_AGAIN});
  EXPECT_EQ(LookUp(kService, u"nothing", LUP_RETURN_BLOB),
            WsaCode{WSASERVICE_NOT_FOUND});
}

TEST_F(LookupsTest, APassingErrorIsAskedAgainAndALastingOneIsKept) {
  dns_.AddFailure("broken.example", 2);
  HANDLE lookup;
  ASSERT_EQ(
      name_space_->Begin(kByName, u"broken.example", LUP_RETURN_ADDR, &lookup),
      kOk);
  EXPECT_EQ(name_space_->Next(lookup), WsaCode{WSATRY_AGAIN});
  const int asked = dns_.QuestionsFor("broken.example");
  EXPECT_EQ(name_space_->Next(lookup), WsaCode{WSATRY_AGAIN});
  EXPECT_GT(dns_.QuestionsFor("broken.example"), asked);
  EXPECT_EQ(name_space_->End(lookup), kOk);
  ASSERT_EQ(
      name_space_->Begin(kByName, u"none.example", LUP_RETURN_ADDR, &lookup),
      kOk);
  EXPECT_EQ(name_space_->Next(lookup), WsaCode{WSAHOST_NOT_FOUND});
  const int asked_once = dns_.QuestionsFor("none.example");
  EXPECT_EQ(name_space_->Next(lookup), WsaCode{WSAHOST_NOT_FOUND});
  EXPECT_EQ(dns_.QuestionsFor("none.example"), asked_once);
  EXPECT_EQ(name_space_->End(lookup), kOk);
}

TEST_F(LookupsTest, BeginAsksNobody) {
  HANDLE lookup;
  ASSERT_EQ(
      name_space_->Begin(kByName, u"silent.example", LUP_RETURN_ADDR, &lookup),
      kOk);
  EXPECT_EQ(name_space_->End(lookup), kOk);
  EXPECT_EQ(dns_.QuestionsFor("silent.example"), 0);
}

TEST_F(LookupsTest, ASmallBufferIsToldTheSizeAndTheRecordIsKept) {
  HANDLE lookup;
  ASSERT_EQ(name_space_->Begin(kByName, u"f",
                               kNameAndAddress | LUP_RETURN_ALIASES, &lookup),
            kOk);
  const auto next = [&](DWORD flags, DWORD* length, LPWSAQUERYSETW results) {
    return NameSpace::Result(name_space_->table().NSPLookupServiceNext(
        lookup, flags, length, results));
  };
  alignas(WSAQUERYSETW) char buffer[1024];
  auto* results = reinterpret_cast<LPWSAQUERYSETW>(buffer);
  DWORD length = 0;
  EXPECT_EQ(next(0, &length, nullptr), WsaCode{WSAEFAULT});
  const DWORD needed = length;
  ASSERT_GT(needed, sizeof(WSAQUERYSETW));
  ASSERT_LE(needed, sizeof(buffer));
  std::memset(buffer, 0x55, sizeof(buffer));
  --length;
  EXPECT_EQ(next(0, &length, results), WsaCode{WSAEFAULT});
  EXPECT_EQ(length, needed);
  EXPECT_EQ(buffer[0], 0x55) << "was written to";
  EXPECT_EQ(next(0, &length, results), kOk);
  EXPECT_EQ(results->lpszServiceInstanceName, std::u16string(u"files.example"));
  EXPECT_EQ(buffer[needed], 0x55) << "was written behind its end";
  EXPECT_EQ(next(0, &length, results), kOk);
  EXPECT_EQ(results->lpszServiceInstanceName, std::u16string(u"f"));
  EXPECT_EQ(next(0, &length, results), kNoMore);
  EXPECT_EQ(next(0, nullptr, results), WsaCode{WSAEFAULT});
  EXPECT_EQ(name_space_->End(lookup), kOk);
}

TEST_F(LookupsTest, FlushPreviousDropsTheRecordThatDidNotFit) {
  HANDLE lookup;
  ASSERT_EQ(name_space_->Begin(kByName, u"f",
                               kNameAndAddress | LUP_RETURN_ALIASES, &lookup),
            kOk);
  DWORD length = 8;
  EXPECT_EQ(NameSpace::Result(name_space_->table().NSPLookupServiceNext(
                lookup, LUP_FLUSHPREVIOUS, &length, nullptr)),
            WsaCode{WSAEFAULT})
      << "there is nothing before the first";
  LookupRecord record;
  EXPECT_EQ(name_space_->Next(lookup, &record, LUP_FLUSHPREVIOUS), kOk);
  EXPECT_EQ(record.name, "f");
  EXPECT_EQ(name_space_->Next(lookup), kNoMore);
  EXPECT_EQ(name_space_->End(lookup), kOk);
}

TEST_F(LookupsTest, NextsFlagsOnlyRestrict) {
  HANDLE lookup;
  ASSERT_EQ(name_space_->Begin(kByName, u"f", kNameAndAddress, &lookup), kOk);
  LookupRecord record;
  EXPECT_EQ(
      name_space_->Next(lookup, &record,
                        LUP_RETURN_NAME | LUP_RETURN_BLOB | LUP_RETURN_TYPE),
      kOk);
  EXPECT_EQ(record.name, "files.example");
  EXPECT_EQ(record.blob, "");
  EXPECT_FALSE(record.has_type);
  EXPECT_THAT(record.addresses, IsEmpty());
  EXPECT_EQ(name_space_->End(lookup), kOk);
}

TEST_F(LookupsTest, TypeAndQueryStringComeBack) {
  GUID service_class = kByName;
  WSAQUERYSETW query = {};
  query.lpServiceClassId = &service_class;
  query.lpszServiceInstanceName = const_cast<LPWSTR>(u"f");
  query.lpszQueryString = const_cast<LPWSTR>(u"a=b");
  query.dwNameSpace = NS_DNS;
  EXPECT_EQ(name_space_->LookUpWith(
                query, LUP_RETURN_TYPE | LUP_RETURN_QUERY_STRING, &records_),
            kNoMore);
  EXPECT_TRUE(records_.at(0).has_type);
  EXPECT_EQ(records_.at(0).query_string, "a=b");
}

TEST_F(LookupsTest, WhatDnsIsNotForIsNotSupported) {
  GUID provider = spi_client::kTcpIpNameSpace;
  GUID service_class = kByName;
  const NSP_ROUTINE& table = name_space_->table();
  WSASERVICECLASSINFOW info = {};
  WSAQUERYSETW query = {};
  DWORD size = 0;
  const WsaCode not_supported{WSAEOPNOTSUPP};
  for (const WSAESETSERVICEOP operation :
       {RNRSERVICE_REGISTER, RNRSERVICE_DEREGISTER, RNRSERVICE_DELETE}) {
    EXPECT_EQ(NameSpace::Result(
                  table.NSPSetService(&provider, &info, &query, operation, 0)),
              not_supported);
  }
  EXPECT_EQ(NameSpace::Result(table.NSPInstallServiceClass(&provider, &info)),
            not_supported);
  EXPECT_EQ(
      NameSpace::Result(table.NSPRemoveServiceClass(&provider, &service_class)),
      not_supported);
  EXPECT_EQ(
      NameSpace::Result(table.NSPGetServiceClassInfo(&provider, &size, &info)),
      not_supported);
  provider.Data1 ^= 1;
  EXPECT_EQ(NameSpace::Result(table.NSPInstallServiceClass(&provider, &info)),
            WsaCode{WSAEINVAL});
  HANDLE lookup;
  ASSERT_EQ(name_space_->Begin(kByName, u"f", LUP_RETURN_ADDR, &lookup), kOk);
  const auto ioctl = [&](HANDLE handle) {
    return NameSpace::Result(table.NSPIoctl(handle, SIO_NSP_NOTIFY_CHANGE,
                                            nullptr, 0, nullptr, 0, &size,
                                            nullptr, nullptr));
  };
  EXPECT_EQ(ioctl(lookup), not_supported);
  EXPECT_EQ(name_space_->End(lookup), kOk);
  EXPECT_EQ(ioctl(lookup), WsaCode{WSA_INVALID_HANDLE});
}

TEST_F(LookupsTest, HandlesThatAreNoneAreRefused) {
  HANDLE lookup;
  ASSERT_EQ(name_space_->Begin(kByName, u"f", LUP_RETURN_ADDR, &lookup), kOk);
  EXPECT_EQ(name_space_->End(lookup), kOk);
  const WsaCode invalid{WSA_INVALID_HANDLE};
  for (const HANDLE bad : {lookup, HANDLE{nullptr}, INVALID_HANDLE_VALUE,
                           reinterpret_cast<HANDLE>(0x1234567)}) {
    EXPECT_EQ(name_space_->Next(bad), invalid);
    EXPECT_EQ(name_space_->End(bad), invalid);
  }
}

}  // namespace
}  // namespace wspd::testing
