#include "daemon/admin/client_query.h"

#include <cstdint>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::wsp::v1::Client;
using ::wsp::v1::ListClientsRequest;
using ::wsp::v1::ListClientsResponse;

std::vector<Client> Clients(const std::vector<uint64_t>& ids) {
  std::vector<Client> clients;
  for (const uint64_t id : ids) {
    clients.emplace_back();
    clients.back().set_client_id(id);
    clients.back().set_pid(static_cast<int>(1000 - id));
    clients.back().add_command_line("argument");
  }
  return clients;
}

std::vector<uint64_t> Ids(const ListClientsResponse& response) {
  std::vector<uint64_t> ids;
  for (const Client& client : response.clients()) {
    ids.push_back(client.client_id());
  }
  return ids;
}

ListClientsResponse Ask(const ListClientsRequest& request,
                        const std::vector<uint64_t>& ids) {
  return ClientQuery::Parse(request)->Answer(Clients(ids));
}

std::string ErrorOf(const ListClientsRequest& request) {
  const auto query = ClientQuery::Parse(request);
  EXPECT_EQ(query.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(query.status().message());
}

TEST(ClientQueryTest, AllComeInTheirOrder) {
  const auto response = Ask({}, {3, 1, 2});
  EXPECT_THAT(Ids(response), ElementsAre(1, 2, 3));
  EXPECT_EQ(response.next_page_token(), "");
  EXPECT_EQ(response.clients(0).command_line_size(), 1);
}

TEST(ClientQueryTest, PagesLeaveNoneOutThatStays) {
  ListClientsRequest request;
  request.set_page_size(2);
  auto page = Ask(request, {5, 4, 1, 9});
  EXPECT_THAT(Ids(page), ElementsAre(1, 4));
  request.set_page_token(page.next_page_token());
  // The last one of the page has gone, another has come.
  page = Ask(request, {5, 1, 9, 10});
  EXPECT_THAT(Ids(page), ElementsAre(5, 9));
  request.set_page_token(page.next_page_token());
  page = Ask(request, {5, 1, 9, 10});
  EXPECT_THAT(Ids(page), ElementsAre(10));
  EXPECT_EQ(page.next_page_token(), "");
}

TEST(ClientQueryTest, APageThatHoldsTheRestIsTheLast) {
  ListClientsRequest request;
  request.set_page_size(3);
  EXPECT_EQ(Ask(request, {1, 2, 3}).next_page_token(), "");
}

TEST(ClientQueryTest, OnlyTheFieldsThatAreWanted) {
  ListClientsRequest request;
  request.add_fields("pid");
  request.set_page_size(1);
  const auto response = Ask(request, {7, 8});
  ASSERT_EQ(response.clients_size(), 1);
  EXPECT_EQ(response.clients(0).pid(), 993);
  EXPECT_EQ(response.clients(0).client_id(), 0u);
  EXPECT_EQ(response.clients(0).command_line_size(), 0);
  EXPECT_EQ(response.next_page_token(), "7");
}

TEST(ClientQueryTest, SaysWhatIsWrong) {
  ListClientsRequest request;
  request.add_fields("pid");
  request.add_fields("age");
  EXPECT_THAT(ErrorOf(request),
              HasSubstr("fields is wrong: there is no \"age\"; there are "
                        "client_id, pid, "));
  request.Clear();
  for (const char* token : {"x", "-1", "01", "18446744073709551616"}) {
    request.set_page_token(token);
    EXPECT_THAT(ErrorOf(request), HasSubstr("page_token is none")) << token;
  }
}

}  // namespace
}  // namespace wspd
