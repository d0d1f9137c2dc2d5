#include "daemon/admin/socket_query.h"

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::wsp::v1::ListSocketsRequest;
using ::wsp::v1::ListSocketsResponse;
using ::wsp::v1::Socket;
using ::wsp::v1::SocketAddress;

SocketAddress Ipv4(uint32_t address, uint32_t port = 80) {
  SocketAddress made;
  made.mutable_ipv4()->set_address(address);
  made.mutable_ipv4()->set_port(port);
  return made;
}

SocketAddress Ipv6(const std::string& bytes, uint32_t port = 80) {
  SocketAddress made;
  made.mutable_ipv6()->set_address(bytes);
  made.mutable_ipv6()->set_port(port);
  return made;
}

std::string Mapped(char a, char b, char c, char d) {
  return std::string(10, '\0') + "\xff\xff" + std::string({a, b, c, d});
}

Socket Numbered(uint64_t socket_id, int pid = 1) {
  Socket socket;
  socket.set_socket_id(socket_id);
  socket.set_pid(pid);
  return socket;
}

std::vector<uint64_t> Numbers(const ListSocketsResponse& response) {
  std::vector<uint64_t> numbers;
  for (const Socket& socket : response.sockets()) {
    numbers.push_back(socket.socket_id());
  }
  return numbers;
}

ListSocketsResponse Ask(const ListSocketsRequest& request,
                        const std::vector<Socket>& sockets) {
  return SocketQuery::Parse(request)->Answer(sockets);
}

std::string ErrorOf(const ListSocketsRequest& request) {
  const auto query = SocketQuery::Parse(request);
  EXPECT_EQ(query.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(query.status().message());
}

// ----------------------------------------------------------------- networks

bool Contains(const std::string& network, const SocketAddress& address) {
  return Network::Parse(network)->Contains(address);
}

TEST(NetworkTest, Ipv4AlsoWhereItIsMapped) {
  EXPECT_TRUE(Contains("10.0.0.0/8", Ipv4(0x0affffff)));
  EXPECT_FALSE(Contains("10.0.0.0/8", Ipv4(0x0b000000)));
  EXPECT_TRUE(Contains("10.1.2.3", Ipv4(0x0a010203)));
  EXPECT_FALSE(Contains("10.1.2.3", Ipv4(0x0a010204)));
  EXPECT_TRUE(Contains("10.1.2.2/31", Ipv4(0x0a010203)));
  EXPECT_TRUE(Contains("0.0.0.0/0", Ipv4(0x01020304)));
  EXPECT_TRUE(Contains("10.0.0.0/8", Ipv6(Mapped(10, 1, 2, 3))));
  EXPECT_TRUE(Contains("::ffff:10.1.2.3", Ipv4(0x0a010203)));
  EXPECT_FALSE(Contains("0.0.0.0/0", Ipv6(std::string(15, '\0') + '\1')));
}

TEST(NetworkTest, Ipv6AndNotIpv4) {
  const std::string one = "\xfe\x80" + std::string(13, '\0') + '\1';
  EXPECT_TRUE(Contains("fe80::/10", Ipv6(one)));
  EXPECT_TRUE(Contains("fe80::1", Ipv6(one)));
  EXPECT_FALSE(Contains("fe80::2", Ipv6(one)));
  EXPECT_TRUE(Contains("::/0", Ipv6(one)));
  EXPECT_FALSE(Contains("::/0", Ipv4(0x0a010203)));
  EXPECT_FALSE(Contains("::/0", Ipv6(Mapped(10, 1, 2, 3))));
}

TEST(NetworkTest, NoAddressIsInNone) {
  EXPECT_FALSE(Contains("::/0", SocketAddress()));
  EXPECT_FALSE(Contains("0.0.0.0/0", SocketAddress()));
  EXPECT_FALSE(Contains("::/0", Ipv6("short")));
}

TEST(NetworkTest, WhatIsNoneSaysWhatWouldBeRight) {
  for (const char* wrong : {"", "/", "10.0.0/8", "a", "10.0.0.0/", "1.2.3.4/33",
                            "::/129", "::1/-1", "1.2.3.4/8/9", "::1%lo"}) {
    const auto network = Network::Parse(wrong);
    EXPECT_EQ(network.status().code(), absl::StatusCode::kInvalidArgument)
        << wrong;
  }
  EXPECT_THAT(std::string(Network::Parse("1.2.3.4/33").status().message()),
              HasSubstr("0 to 32"));
}

// ------------------------------------------------------------------ filters

TEST(SocketQueryTest, WithoutAnythingItIsEverythingAsItComes) {
  const ListSocketsResponse response =
      Ask(ListSocketsRequest(), {Numbered(3), Numbered(1), Numbered(2)});
  EXPECT_THAT(Numbers(response), ElementsAre(3, 1, 2));
  EXPECT_EQ(response.next_page_token(), "");
}

TEST(SocketQueryTest, AllThatIsSetApplies) {
  Socket lent = Numbered(1);
  lent.set_uid(1000);
  lent.set_plane(wsp::v1::PLANE_LENT);
  lent.set_state(wsp::v1::SOCKET_STATE_CONNECTED);
  *lent.mutable_local() = Ipv4(0x0a000001, 80);
  *lent.mutable_peer() = Ipv4(0x0b000001, 4000);
  Socket forwarded = lent;
  forwarded.set_socket_id(2);
  forwarded.set_plane(wsp::v1::PLANE_UNSPECIFIED);
  Socket other = Numbered(3);
  other.set_plane(wsp::v1::PLANE_RELAYED);
  const std::vector<Socket> all = {lent, forwarded, other};

  ListSocketsRequest request;
  request.add_uids(1000);
  EXPECT_THAT(Numbers(Ask(request, all)), ElementsAre(1, 2));
  request.add_uids(0);
  EXPECT_THAT(Numbers(Ask(request, all)), ElementsAre(1, 2, 3));
  request.add_planes(wsp::v1::PLANE_UNSPECIFIED);
  EXPECT_THAT(Numbers(Ask(request, all)), ElementsAre(2));
  request.add_planes(wsp::v1::PLANE_LENT);
  EXPECT_THAT(Numbers(Ask(request, all)), ElementsAre(1, 2));
  request.add_states(wsp::v1::SOCKET_STATE_CONNECTED);
  request.set_local_network("10.0.0.0/8");
  request.set_peer_network("11.0.0.1");
  request.set_local_port(80);
  request.set_peer_port(4000);
  EXPECT_THAT(Numbers(Ask(request, all)), ElementsAre(1, 2));
  ListSocketsRequest wrong = request;
  wrong.set_local_port(81);
  EXPECT_THAT(Numbers(Ask(wrong, all)), ElementsAre());
  wrong = request;
  wrong.set_peer_port(80);
  EXPECT_THAT(Numbers(Ask(wrong, all)), ElementsAre());
  wrong = request;
  wrong.set_peer_network("10.0.0.0/8");
  EXPECT_THAT(Numbers(Ask(wrong, all)), ElementsAre());
  wrong = request;
  wrong.clear_states();
  wrong.add_states(wsp::v1::SOCKET_STATE_BOUND);
  EXPECT_THAT(Numbers(Ask(wrong, all)), ElementsAre());
}

TEST(SocketQueryTest, OnlyTheFieldsThatAreWanted) {
  Socket socket = Numbered(1, 42);
  socket.set_uid(1000);
  *socket.mutable_local() = Ipv4(1);
  *socket.mutable_peer() = Ipv4(2);
  ListSocketsRequest request;
  request.add_fields("pid");
  request.add_fields("peer");
  const Socket left = Ask(request, {socket}).sockets(0);
  EXPECT_EQ(left.pid(), 42);
  EXPECT_TRUE(left.has_peer());
  EXPECT_FALSE(left.has_local());
  EXPECT_EQ(left.socket_id(), 0u);
  EXPECT_EQ(left.uid(), 0u);
}

TEST(SocketQueryTest, AllFieldsButOne) {
  Socket socket = Numbered(1, 42);
  socket.set_uid(1000);
  *socket.mutable_local() = Ipv4(1);
  socket.mutable_tcp()->set_rtt_us(7);
  ListSocketsRequest request;
  const auto* const type = Socket::descriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    if (type->field(i)->name() != "tcp") {
      request.add_fields(type->field(i)->name());
    }
  }
  const Socket left = Ask(request, {socket}).sockets(0);
  EXPECT_FALSE(left.has_tcp());
  socket.clear_tcp();
  EXPECT_EQ(left.SerializeAsString(), socket.SerializeAsString());
}

TEST(SocketQueryTest, WhatIsWrongIsNamed) {
  ListSocketsRequest request;
  request.set_local_network("ten");
  EXPECT_THAT(ErrorOf(request), HasSubstr("local_network is \"ten\"; right"));
  request.Clear();
  request.set_peer_port(65536);
  EXPECT_EQ(ErrorOf(request), "peer_port is 65536; a port is 1 to 65535");
  request.Clear();
  request.add_fields("pod");
  EXPECT_THAT(ErrorOf(request), HasSubstr("there is no \"pod\"; there are "
                                          "client_id, pid, "));
  request.Clear();
  for (const char* wrong :
       {"x", "1-2", "1-2-3-4", "1-2-zz", "01-0-1", "1-0-1 ", "1-0-100000000"}) {
    request.set_page_token(wrong);
    EXPECT_THAT(ErrorOf(request), HasSubstr("page_token")) << wrong;
  }
}

// -------------------------------------------------------------------- pages

TEST(SocketQueryTest, PagesFollowEachOther) {
  std::vector<Socket> all;
  for (uint64_t i = 7; i > 0; --i) all.push_back(Numbered(i));
  ListSocketsRequest request;
  request.set_page_size(3);
  ListSocketsResponse page = Ask(request, all);
  EXPECT_THAT(Numbers(page), ElementsAre(1, 2, 3));
  request.set_page_token(page.next_page_token());
  page = Ask(request, all);
  EXPECT_THAT(Numbers(page), ElementsAre(4, 5, 6));
  request.set_page_token(page.next_page_token());
  page = Ask(request, all);
  EXPECT_THAT(Numbers(page), ElementsAre(7));
  EXPECT_EQ(page.next_page_token(), "");
}

TEST(SocketQueryTest, ALastPageThatIsFullIsTheLast) {
  ListSocketsRequest request;
  request.set_page_size(2);
  EXPECT_EQ(Ask(request, {Numbered(1), Numbered(2)}).next_page_token(), "");
}

TEST(SocketQueryTest, WhatStaysIsToldOnceWhateverElseComesAndGoes) {
  // Those of even numbers stay; between any two pages all others change, and
  // clients leave.
  ListSocketsRequest request;
  request.set_page_size(7);
  std::map<uint64_t, int> told;
  for (uint64_t round = 0;; ++round) {
    ASSERT_LT(round, 1000u);
    std::vector<Socket> all;
    for (uint64_t i = 200; i > 0; --i) {
      if (i % 2 != 0 && (i + round) % 3 == 0) continue;
      all.push_back(Numbered(i));
      all.back().set_client_id(round % 2);
      if (i % 10 == 0) {
        all.back().set_socket_id(0);
        all.back().set_cookie(i);
      }
    }
    const ListSocketsResponse page = Ask(request, all);
    for (const Socket& socket : page.sockets()) {
      ++told[socket.socket_id() == 0 ? socket.cookie() : socket.socket_id()];
    }
    if (page.next_page_token().empty()) break;
    request.set_page_token(page.next_page_token());
  }
  for (uint64_t i = 2; i <= 200; i += 2) EXPECT_EQ(told[i], 1) << i;
}

TEST(SocketQueryTest, OfOneKeyNoneComesWithoutTheOthers) {
  std::vector<Socket> all(5, Numbered(1));
  all.push_back(Numbered(2));
  ListSocketsRequest request;
  request.set_page_size(2);
  ListSocketsResponse page = Ask(request, all);
  EXPECT_EQ(page.sockets_size(), 5);
  request.set_page_token(page.next_page_token());
  EXPECT_THAT(Numbers(Ask(request, all)), ElementsAre(2));
}

TEST(SocketQueryTest, NumbersOfAnySizeMakeTokens) {
  std::vector<Socket> all = {Numbered(UINT64_MAX, INT32_MAX),
                             Numbered(UINT64_MAX - 1, -1)};
  ListSocketsRequest request;
  request.set_page_size(1);
  const ListSocketsResponse page = Ask(request, all);
  request.set_page_token(page.next_page_token());
  EXPECT_THAT(Numbers(Ask(request, all)), ElementsAre(UINT64_MAX));
}

}  // namespace
}  // namespace wspd
