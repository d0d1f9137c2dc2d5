#include "daemon/admin/event_source.h"

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

  EventSource Open(const WatchEventsRequest& request = {},
                   absl::optional<uid_t> uid = {}) {
    return EventSource(&journal_, request, uid);
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
