#include "daemon/admin/event_source.h"

#include <netinet/in.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using wsp::v1::JournalEvent;
using wsp::v1::WatchEventsRequest;
using wsp::v1::WatchEventsResponse;

constexpr uid_t kUser = 1001, kOther = 1002;

class EventSourceTest : public ::testing::Test {
 protected:
  void Append(uint64_t client, uid_t uid = kUser,
              JournalEvent::Kind kind = JournalEvent::KIND_CLIENT_ATTACHED) {
    EventRecord record;
    record.kind = kind;
    record.client_id = client;
    record.pid = static_cast<pid_t>(100 + client);
    record.uid = uid;
    journal_.Append(record);
  }

  static NetAddress V4(uint32_t address, int port) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_addr.s_addr = htonl(address);
    v4.sin_port = htons(static_cast<uint16_t>(port));
    return NetAddress(v4);
  }

  EventSource Open(const WatchEventsRequest& request = {},
                   absl::optional<uid_t> uid = {}) {
    return EventSource(&journal_, *EventFilter::Parse(request, uid),
                       request.from_sequence());
  }

  // The next message; it fails the test if there is none.
  static WatchEventsResponse Next(EventSource* source) {
    WatchEventsResponse response;
    const absl::optional<std::string> message = source->Next();
    EXPECT_TRUE(message && response.ParseFromString(*message));
    return response;
  }

  static std::vector<uint64_t> ClientsOf(const WatchEventsResponse& response) {
    std::vector<uint64_t> clients;
    for (const JournalEvent& event : response.events()) {
      clients.push_back(event.client_id());
    }
    return clients;
  }

  EventJournal journal_{16};
};

TEST_F(EventSourceTest, BeginsWithWhereTheStreamIs) {
  Append(1);
  EventSource source = Open();
  const WatchEventsResponse first = Next(&source);
  EXPECT_THAT(first.events(), IsEmpty());
  EXPECT_EQ(first.next_sequence(), 2u);
  EXPECT_FALSE(source.Next());
  Append(2);
  const WatchEventsResponse second = Next(&source);
  EXPECT_THAT(ClientsOf(second), ElementsAre(2));
  EXPECT_EQ(second.events(0).sequence(), 2u);
  EXPECT_EQ(second.next_sequence(), 3u);
  EXPECT_FALSE(source.Next());
}

TEST_F(EventSourceTest, BeginsWithAnEarlierEvent) {
  for (uint64_t i = 1; i <= 3; ++i) Append(i);
  WatchEventsRequest request;
  request.set_from_sequence(2);
  EventSource source = Open(request);
  EXPECT_THAT(ClientsOf(Next(&source)), ElementsAre(2, 3));
}

TEST_F(EventSourceTest, ShowsAUserNothingOfOthers) {
  EventSource source = Open({}, kUser);
  Append(1, kOther);
  Append(2);
  EXPECT_THAT(ClientsOf(Next(&source)), ElementsAre(2));
  Append(3, kOther);
  EXPECT_FALSE(source.Next());
}

TEST_F(EventSourceTest, FiltersByAllThatIsAskedFor) {
  WatchEventsRequest by_pid, by_client, by_uid, by_kind;
  by_pid.set_pid(102);
  by_client.set_client_id(1);
  by_uid.set_uid(kOther);
  by_kind.add_kinds(JournalEvent::KIND_CLIENT_DIED);
  by_kind.add_kinds(JournalEvent::KIND_CLIENT_GONE);
  std::vector<EventSource> sources;
  for (const auto& request : {by_pid, by_client, by_uid, by_kind}) {
    sources.push_back(Open(request));
    Next(&sources.back());
  }
  Append(1);
  Append(2, kOther);
  Append(3, kOther, JournalEvent::KIND_CLIENT_GONE);
  EXPECT_THAT(ClientsOf(Next(&sources[0])), ElementsAre(2));
  EXPECT_THAT(ClientsOf(Next(&sources[1])), ElementsAre(1));
  EXPECT_THAT(ClientsOf(Next(&sources[2])), ElementsAre(2, 3));
  EXPECT_THAT(ClientsOf(Next(&sources[3])), ElementsAre(3));
}

// What is asked of sockets, for each filter that finds the second one alone.
TEST_F(EventSourceTest, FiltersByPlaneSocketAndAddresses) {
  WatchEventsRequest by_plane, by_socket, by_cookie, by_local, by_peer,
      by_ports;
  by_plane.add_planes(wsp::v1::PLANE_RELAYED);
  by_socket.set_socket_id(12);
  by_cookie.set_cookie(22);
  by_local.set_local_network("10.0.2.0/24");
  by_peer.set_peer_network("192.0.2.2");
  by_ports.set_local_port(2002);
  by_ports.set_peer_port(3002);
  std::vector<EventSource> sources;
  for (const auto& request :
       {by_plane, by_socket, by_cookie, by_local, by_peer, by_ports}) {
    sources.push_back(Open(request));
    Next(&sources.back());
  }
  Append(9);
  for (uint16_t i = 1; i <= 3; ++i) {
    EventRecord record;
    record.kind = JournalEvent::KIND_SOCKET_CONNECTED;
    record.client_id = i;
    record.uid = kUser;
    record.socket_id = 10 + i;
    record.cookie = 20 + i;
    record.plane = i == 2 ? wsp::v1::PLANE_RELAYED : wsp::v1::PLANE_UNSPECIFIED;
    record.local = V4(0x0a000000 | i << 8 | 1, 2000 + i);
    record.peer = V4(0xc0000200 | i, 3000 + i);
    journal_.Append(record);
  }
  for (EventSource& source : sources) {
    EXPECT_THAT(ClientsOf(Next(&source)), ElementsAre(2));
    EXPECT_FALSE(source.Next());
  }
}

TEST_F(EventSourceTest, APlaneIsOfSocketsAlone) {
  WatchEventsRequest request;
  request.add_planes(wsp::v1::PLANE_UNSPECIFIED);
  EventSource source = Open(request);
  Next(&source);
  Append(1);
  // Refusals are of sockets, unless a lookup was.
  EventRecord record;
  record.kind = JournalEvent::KIND_SOCKET_REFUSED;
  record.action = wsp::v1::POLICY_ACTION_RESOLVE;
  record.client_id = 2;
  record.uid = kUser;
  journal_.Append(record);
  Append(3, kUser, JournalEvent::KIND_SOCKET_OPENED);
  record.action = wsp::v1::POLICY_ACTION_CONNECT;
  record.client_id = 4;
  record.socket_id = 1;
  journal_.Append(record);
  record.client_id = 5;
  record.plane = wsp::v1::PLANE_RELAYED;
  journal_.Append(record);
  record.client_id = 6;
  record.plane = wsp::v1::PLANE_UNSPECIFIED;
  record.socket_id = 0;
  record.listener_socket_id = 1;
  journal_.Append(record);
  EXPECT_THAT(ClientsOf(Next(&source)), ElementsAre(3, 4, 6));
}

TEST_F(EventSourceTest, AListenersEventsAreThoseOfWhatItAccepts) {
  WatchEventsRequest request;
  request.set_socket_id(5);
  EventSource source = Open(request);
  Next(&source);
  EventRecord record;
  record.kind = JournalEvent::KIND_SOCKET_ACCEPTED;
  record.socket_id = 6;
  record.listener_socket_id = 5;
  record.cookie = 77;
  journal_.Append(record);
  const WatchEventsResponse response = Next(&source);
  ASSERT_EQ(response.events_size(), 1);
  EXPECT_EQ(response.events(0).socket_id(), 6u);
  EXPECT_EQ(response.events(0).listener_socket_id(), 5u);
  EXPECT_EQ(response.events(0).cookie(), 77u);
}

TEST_F(EventSourceTest, SaysWhatOfARequestIsWrong) {
  WatchEventsRequest network, port;
  network.set_peer_network("10.0.0.0/33");
  port.set_local_port(65536);
  EXPECT_EQ(EventFilter::Parse(network, {}).status().message(),
            "peer_network is \"10.0.0.0/33\"; the bits of such an address are "
            "0 to 32");
  EXPECT_EQ(EventFilter::Parse(port, {}).status().message(),
            "local_port is 65536; a port is 1 to 65535");
}

TEST_F(EventSourceTest, TellsASlowReaderOfTheGap) {
  EventSource source = Open();
  Next(&source);
  for (uint64_t i = 1; i <= 100; ++i) Append(i);
  const WatchEventsResponse response = Next(&source);
  EXPECT_GT(response.lost(), 0u);
  EXPECT_EQ(response.lost() + response.events_size(), 100u);
  EXPECT_EQ(response.events(0).sequence(), response.lost() + 1);
  Append(101);
  EXPECT_EQ(Next(&source).lost(), 0u);
}

TEST_F(EventSourceTest, TellsOfAGapWithoutEvents) {
  WatchEventsRequest request;
  request.set_client_id(7);
  EventSource source = Open(request);
  Next(&source);
  for (uint64_t i = 100; i < 200; ++i) Append(i);
  const WatchEventsResponse response = Next(&source);
  EXPECT_GT(response.lost(), 0u);
  EXPECT_THAT(response.events(), IsEmpty());
  EXPECT_FALSE(source.Next());
}

}  // namespace
}  // namespace wspd
