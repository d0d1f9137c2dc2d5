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
using ::testing::IsEmpty;
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

std::vector<uint64_t> IdsOf(const ListClientsRequest& request,
                            const std::vector<Client>& clients) {
  return Ids(ClientQuery::Parse(request)->Answer(clients));
}

TEST(ClientQueryTest, OfTheseProcessesAndUsers) {
  std::vector<Client> clients = Clients({1, 2, 3, 4});
  clients[0].set_uid(5);
  clients[2].set_uid(6);
  clients[3].set_pid(0);
  ListClientsRequest request;
  request.add_pids(999);
  request.add_pids(0);
  EXPECT_THAT(IdsOf(request, clients), ElementsAre(1, 4));
  request.Clear();
  // Root is one of them.
  request.add_uids(0);
  EXPECT_THAT(IdsOf(request, clients), ElementsAre(2, 4));
  request.add_uids(6);
  EXPECT_THAT(IdsOf(request, clients), ElementsAre(2, 3, 4));
  request.add_pids(998);
  EXPECT_THAT(IdsOf(request, clients), ElementsAre(2));
}

TEST(ClientQueryTest, AControlGroupIsThatAndAllBelow) {
  std::vector<Client> clients = Clients({1, 2, 3, 4, 5});
  clients[0].set_cgroup("/a/b");
  clients[1].set_cgroup("/a/b/c");
  clients[2].set_cgroup("/a/bc");
  clients[3].set_cgroup("/");
  ListClientsRequest request;
  for (const char* path : {"/a/b", "/a/b/", "/a/b//"}) {
    request.set_cgroup(path);
    EXPECT_THAT(IdsOf(request, clients), ElementsAre(1, 2)) << path;
  }
  // All whose is known.
  request.set_cgroup("/");
  EXPECT_THAT(IdsOf(request, clients), ElementsAre(1, 2, 3, 4));
}

TEST(ClientQueryTest, AContainerIsNamedByTheFirstDigits) {
  std::vector<Client> clients = Clients({1, 2, 3});
  const std::string id = "0123456789ab" + std::string(52, 'c');
  clients[0].set_container_id(id);
  clients[1].set_container_id("01" + std::string(62, 'f'));
  ListClientsRequest request;
  for (const std::string& digits :
       {id, id.substr(0, 12), std::string("0123456789AB")}) {
    request.set_container_id(digits);
    EXPECT_THAT(IdsOf(request, clients), ElementsAre(1)) << digits;
  }
  request.set_container_id("0");
  EXPECT_THAT(IdsOf(request, clients), ElementsAre(1, 2));
  request.set_container_id("b");
  EXPECT_THAT(IdsOf(request, clients), IsEmpty());
}

TEST(ClientQueryTest, OfAProgramAndAPersonality) {
  std::vector<Client> clients = Clients({1, 2, 3});
  clients[0].set_executable("/usr/bin/curl");
  clients[1].set_executable("/usr/bin/curl7");
  clients[0].set_personality(wsp::v1::PERSONALITY_LINUX);
  clients[1].set_personality(wsp::v1::PERSONALITY_WINSOCK);
  ListClientsRequest request;
  request.set_executable("/usr/bin/curl");
  EXPECT_THAT(IdsOf(request, clients), ElementsAre(1));
  request.set_personality(wsp::v1::PERSONALITY_WINSOCK);
  EXPECT_THAT(IdsOf(request, clients), IsEmpty());
  request.clear_executable();
  EXPECT_THAT(IdsOf(request, clients), ElementsAre(2));
}

TEST(ClientQueryTest, PagesAreOfWhatIsAskedFor) {
  std::vector<Client> clients = Clients({1, 2, 3, 4, 5});
  for (const size_t i : {1, 2, 4}) clients[i].set_uid(7);
  ListClientsRequest request;
  request.add_uids(7);
  request.set_page_size(2);
  const auto page = ClientQuery::Parse(request)->Answer(clients);
  EXPECT_THAT(Ids(page), ElementsAre(2, 3));
  request.set_page_token(page.next_page_token());
  EXPECT_THAT(IdsOf(request, clients), ElementsAre(5));
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
  request.add_pids(-1);
  EXPECT_THAT(ErrorOf(request), HasSubstr("pids has -1; a pid is 1 or more"));
  request.Clear();
  request.set_cgroup("system.slice");
  EXPECT_THAT(ErrorOf(request),
              HasSubstr("cgroup is \"system.slice\"; right would be a path "
                        "that begins with /"));
  request.Clear();
  request.set_executable("curl");
  EXPECT_THAT(ErrorOf(request),
              HasSubstr("executable is \"curl\"; right would be a path"));
  request.Clear();
  for (const std::string& id : {std::string("01g"), std::string(65, '0')}) {
    request.set_container_id(id);
    EXPECT_THAT(ErrorOf(request),
                HasSubstr("container_id is \"" + id +
                          "\"; right would be the "
                          "first of an id's 64 hexadecimal digits"));
  }
  request.Clear();
  request.set_personality(static_cast<wsp::v1::Personality>(3));
  EXPECT_THAT(ErrorOf(request),
              HasSubstr("personality is 3; there are PERSONALITY_WINSOCK and "
                        "PERSONALITY_LINUX"));
  request.Clear();
  for (const char* token : {"x", "-1", "01", "18446744073709551616"}) {
    request.set_page_token(token);
    EXPECT_THAT(ErrorOf(request), HasSubstr("page_token is none")) << token;
  }
}

}  // namespace
}  // namespace wspd
