#include "daemon/admin/name_query.h"

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::wsp::v1::ListNamesRequest;
using ::wsp::v1::ListNamesResponse;
using ::wsp::v1::LookedUpName;

LookedUpName Name(uint64_t number, const std::string& name,
                  const std::vector<std::string>& addresses = {}) {
  LookedUpName entry;
  entry.set_number(number);
  entry.set_pid(static_cast<int>(number * 11));
  entry.set_uid(static_cast<uint32_t>(1000 + number % 2));
  entry.set_name(name);
  for (const std::string& address : addresses) entry.add_addresses(address);
  return entry;
}

std::vector<LookedUpName> Some() {
  std::vector<LookedUpName> names = {
      Name(3, "c.example", {"2001:db8::3"}), Name(1, "a.example"),
      Name(2, "www.test", {"192.0.2.9", "192.0.2.2"}), Name(4, "d.example")};
  names[2].set_canonical_name("Web.B.Example.");
  return names;
}

std::vector<uint64_t> Numbers(const ListNamesResponse& response) {
  std::vector<uint64_t> numbers;
  for (const LookedUpName& name : response.names()) {
    numbers.push_back(name.number());
  }
  return numbers;
}

ListNamesResponse Ask(const ListNamesRequest& request,
                      std::vector<LookedUpName> names = Some()) {
  return NameQuery::Parse(request)->Answer(std::move(names));
}

std::string ErrorOf(const ListNamesRequest& request) {
  const auto query = NameQuery::Parse(request);
  EXPECT_EQ(query.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(query.status().message());
}

TEST(NameQueryTest, AllComeInTheirOrder) {
  const auto response = Ask({});
  EXPECT_THAT(Numbers(response), ElementsAre(1, 2, 3, 4));
  EXPECT_EQ(response.next_page_token(), "");
}

TEST(NameQueryTest, OfTheseProcessesAndUsers) {
  ListNamesRequest request;
  request.add_pids(11);
  request.add_pids(33);
  request.add_pids(44);
  EXPECT_THAT(Numbers(Ask(request)), ElementsAre(1, 3, 4));
  request.add_uids(1001);
  EXPECT_THAT(Numbers(Ask(request)), ElementsAre(1, 3));
  request.add_uids(1000);
  EXPECT_THAT(Numbers(Ask(request)), ElementsAre(1, 3, 4));
}

TEST(NameQueryTest, AHostIsTheNameOrTheCanonicalOneAsRulesHaveIt) {
  ListNamesRequest request;
  request.set_host("*.Example");
  EXPECT_THAT(Numbers(Ask(request)), ElementsAre(1, 2, 3, 4));
  request.set_host("*.b.example.");
  EXPECT_THAT(Numbers(Ask(request)), ElementsAre(2));
  request.set_host("www.test");
  EXPECT_THAT(Numbers(Ask(request)), ElementsAre(2));
  request.set_host("example");
  EXPECT_THAT(Numbers(Ask(request)), IsEmpty());
}

TEST(NameQueryTest, ANetworkHasOneOfTheAddresses) {
  ListNamesRequest request;
  request.set_network("192.0.2.2");
  EXPECT_THAT(Numbers(Ask(request)), ElementsAre(2));
  request.set_network("192.0.2.0/29");
  EXPECT_THAT(Numbers(Ask(request)), ElementsAre(2));
  request.set_network("2001:db8::/32");
  EXPECT_THAT(Numbers(Ask(request)), ElementsAre(3));
  request.set_network("0.0.0.0/0");
  EXPECT_THAT(Numbers(Ask(request)), ElementsAre(2));
}

TEST(NameQueryTest, PagesLeaveNoneOutThatStays) {
  ListNamesRequest request;
  request.set_page_size(2);
  auto page = Ask(request);
  EXPECT_THAT(Numbers(page), ElementsAre(1, 2));
  request.set_page_token(page.next_page_token());
  // The last one of the page has gone, another has come.
  page = Ask(request, {Name(5, "e"), Name(4, "d"), Name(3, "c"), Name(1, "a")});
  EXPECT_THAT(Numbers(page), ElementsAre(3, 4));
  request.set_page_token(page.next_page_token());
  page = Ask(request, {Name(5, "e"), Name(3, "c")});
  EXPECT_THAT(Numbers(page), ElementsAre(5));
  EXPECT_EQ(page.next_page_token(), "");
}

TEST(NameQueryTest, APageOfAllNeedsNoMoreThanThat) {
  const auto narrowed = [](const ListNamesRequest& request) {
    InventoryFilter filter;
    filter.uid = 70001;
    NameQuery::Parse(request)->Narrow(&filter);
    EXPECT_EQ(filter.uid, 70001u);
    return filter;
  };
  ListNamesRequest request;
  EXPECT_EQ(narrowed(request).most_names, 0u);
  request.set_page_size(5);
  request.set_page_token("12");
  request.set_client_id(3);
  request.add_pids(11);
  InventoryFilter filter = narrowed(request);
  EXPECT_EQ(filter.after_number, 12u);
  EXPECT_EQ(filter.most_names, 6u);
  EXPECT_EQ(filter.client_id, 3u);
  EXPECT_EQ(filter.pid, 11);
  // How many of others make one isn't known.
  request.set_pids(0, 0);
  EXPECT_EQ(narrowed(request).most_names, 0u);
  request.set_pids(0, 11);
  request.add_pids(22);
  filter = narrowed(request);
  EXPECT_EQ(filter.most_names, 0u);
  EXPECT_EQ(filter.pid, 0);
  EXPECT_EQ(filter.after_number, 12u);
  for (const auto& set :
       {std::function<void(ListNamesRequest*)>(
            [](ListNamesRequest* one) { one->add_uids(1000); }),
        {[](ListNamesRequest* one) { one->set_host("a.example"); }},
        {[](ListNamesRequest* one) { one->set_network("192.0.2.1"); }}}) {
    request.clear_pids();
    EXPECT_EQ(narrowed(request).most_names, 6u);
    ListNamesRequest other = request;
    set(&other);
    EXPECT_EQ(narrowed(other).most_names, 0u);
  }
}

TEST(NameQueryTest, OnlyTheFieldsThatAreWanted) {
  ListNamesRequest request;
  request.add_fields("name");
  request.set_network("192.0.2.0/24");
  request.set_page_size(1);
  const auto response = Ask(request);
  ASSERT_EQ(response.names_size(), 1);
  EXPECT_EQ(response.names(0).name(), "www.test");
  EXPECT_EQ(response.names(0).number(), 0u);
  EXPECT_EQ(response.names(0).addresses_size(), 0);
}

TEST(NameQueryTest, SaysWhatIsWrong) {
  ListNamesRequest request;
  request.set_host("*example");
  EXPECT_THAT(ErrorOf(request), HasSubstr("host is \"*example\"; right would"));
  request.Clear();
  request.set_network("192.0.2.0/33");
  EXPECT_THAT(ErrorOf(request), HasSubstr("network is \"192.0.2.0/33\"; the "));
  request.Clear();
  request.add_fields("age");
  EXPECT_THAT(ErrorOf(request),
              HasSubstr("fields is wrong: there is no \"age\"; there are "
                        "number, client_id, "));
  request.Clear();
  for (const char* token : {"x", "-1", "01", "18446744073709551616"}) {
    request.set_page_token(token);
    EXPECT_THAT(ErrorOf(request), HasSubstr("page_token is none")) << token;
  }
}

}  // namespace
}  // namespace wspd
