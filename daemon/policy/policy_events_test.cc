#include "daemon/policy/policy_events.h"

#include <errno.h>
#include <netinet/in.h>

#include <map>

#include "gtest/gtest.h"

namespace wspd {
namespace {

PolicyEvent Denial() {
  PolicyEvent event;
  event.denied = true;
  event.client_id = 6;
  event.pid = 7;
  event.uid = 8;
  event.action = Action::kConnect;
  event.address = NetAddress::Any(AF_INET, 80);
  event.host = "www.example.com";
  event.rule = "the rule";
  event.socket = {wsp::v1::PLANE_RELAYED, IPPROTO_TCP, 9, 10};
  return event;
}

TEST(PolicyEventsTest, ADenialIsAnEventThatNamesTheRule) {
  EventJournal journal;
  PolicyEvents events;
  events.OnPolicyEvent(Denial());
  events.SetJournal(&journal);
  events.OnPolicyEvent(Denial());
  PolicyEvent logged = Denial();
  logged.denied = false;
  events.OnPolicyEvent(logged);
  ASSERT_EQ(journal.next(), 2u);
  uint64_t sequence = 1;
  uint64_t lost = 0;
  EventRecord record;
  ASSERT_TRUE(journal.Read(&sequence, &record, &lost));
  EXPECT_EQ(record.kind, wsp::v1::JournalEvent::KIND_SOCKET_REFUSED);
  EXPECT_EQ(record.action, wsp::v1::POLICY_ACTION_CONNECT);
  EXPECT_EQ(record.client_id, 6u);
  EXPECT_EQ(record.plane, wsp::v1::PLANE_RELAYED);
  EXPECT_EQ(record.protocol, IPPROTO_TCP);
  EXPECT_EQ(record.socket_id, 9u);
  EXPECT_EQ(record.cookie, 10u);
  EXPECT_EQ(record.listener_socket_id, 0u);
  EXPECT_EQ(record.pid, 7);
  EXPECT_EQ(record.uid, 8u);
  EXPECT_EQ(record.linux_errno, EACCES);
  EXPECT_EQ(record.peer.port(), 80);
  EXPECT_TRUE(record.local.empty());
  EXPECT_EQ(record.detail(), "the rule");
  EXPECT_EQ(record.host(), "www.example.com");
}

TEST(PolicyEventsTest, WhatIsNotAcceptedIsOfItsListener) {
  EventJournal journal;
  PolicyEvents events;
  events.SetJournal(&journal);
  PolicyEvent event = Denial();
  event.action = Action::kAccept;
  event.local = NetAddress::Any(AF_INET, 81);
  events.OnPolicyEvent(event);
  uint64_t sequence = 1;
  uint64_t lost = 0;
  EventRecord record;
  ASSERT_TRUE(journal.Read(&sequence, &record, &lost));
  EXPECT_EQ(record.action, wsp::v1::POLICY_ACTION_ACCEPT);
  EXPECT_EQ(record.listener_socket_id, 9u);
  EXPECT_EQ(record.socket_id, 0u);
  EXPECT_EQ(record.cookie, 0u);
  EXPECT_EQ(record.plane, wsp::v1::PLANE_RELAYED);
  EXPECT_EQ(record.peer.port(), 80);
  EXPECT_EQ(record.local.port(), 81);
}

TEST(PolicyEventsTest, ARawSocketHasNoAddresses) {
  EventJournal journal;
  PolicyEvents events;
  events.SetJournal(&journal);
  PolicyEvent event = Denial();
  event.action = Action::kRaw;
  event.error = EPERM;
  events.OnPolicyEvent(event);
  uint64_t sequence = 1;
  uint64_t lost = 0;
  EventRecord record;
  ASSERT_TRUE(journal.Read(&sequence, &record, &lost));
  EXPECT_EQ(record.action, wsp::v1::POLICY_ACTION_RAW);
  EXPECT_EQ(record.linux_errno, EPERM);
  EXPECT_TRUE(record.local.empty());
  EXPECT_TRUE(record.peer.empty());
}

TEST(PolicyEventsTest, ManyDriveNobodysOut) {
  EventJournal journal;
  PolicyEvents events;
  events.SetJournal(&journal);
  uint64_t told = 0;
  uint64_t suppressed = 0;
  uint64_t sequence = 1;
  uint64_t lost = 0;
  EventRecord record;
  const auto read = [&] {
    while (journal.Read(&sequence, &record, &lost)) {
      suppressed += record.suppressed;
      ++told;
    }
  };
  uint64_t happened = 0;
  for (; happened < 20000; ++happened) events.OnPolicyEvent(Denial());
  // In a few seconds at most.
  EXPECT_LT(journal.next(), 4000u);
  // Until one has told of those before it.
  const uint64_t before = journal.next();
  while (journal.next() == before) {
    events.OnPolicyEvent(Denial());
    ++happened;
  }
  read();
  EXPECT_EQ(told + suppressed, happened);
}

// What has been told of a user, and that there was more.
struct Told {
  uint64_t events = 0;
  uint64_t suppressed = 0;
};

TEST(PolicyEventsTest, ManyOfOneUsersLeaveNoneOfAnothersOut) {
  EventJournal journal;
  PolicyEvents events;
  events.SetJournal(&journal);
  PolicyEvent of_other = Denial();
  of_other.uid = 9;
  // In a few seconds at most, of each of which all have room.
  for (int i = 0; i < 1000; ++i) events.OnPolicyEvent(Denial());
  events.OnPolicyEvent(of_other);
  uint64_t happened = 1000;
  const uint64_t before = journal.next();
  while (journal.next() == before) {
    events.OnPolicyEvent(Denial());
    ++happened;
  }
  std::map<uid_t, Told> told;
  uint64_t sequence = 1;
  uint64_t lost = 0;
  EventRecord record;
  while (journal.Read(&sequence, &record, &lost)) {
    ++told[record.uid].events;
    told[record.uid].suppressed += record.suppressed;
  }
  EXPECT_EQ(told[8].events + told[8].suppressed, happened);
  EXPECT_GT(told[8].suppressed, 0u);
  // Nor are one's own counts another's to know.
  EXPECT_EQ(told[9].events, 1u);
  EXPECT_EQ(told[9].suppressed, 0u);
}

TEST(PolicyEventsTest, ManyUsersTakeNoRoomWithoutEnd) {
  EventJournal journal;
  PolicyEvents events;
  events.SetJournal(&journal);
  PolicyEvent event = Denial();
  for (uid_t uid = 0; uid < 20000; ++uid) {
    event.uid = uid;
    events.OnPolicyEvent(event);
    ASSERT_LE(events.users(), PolicyEvents::kMostUsers);
  }
  // In a few seconds at most: most of what the journal keeps is others'.
  EXPECT_LT(journal.next(), 10000u);
}

}  // namespace
}  // namespace wspd
