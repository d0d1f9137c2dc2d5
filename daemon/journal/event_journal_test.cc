#include "daemon/journal/event_journal.h"

#include <netinet/in.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using ::testing::ElementsAre;

EventRecord RecordOf(uint64_t client) {
  EventRecord record;
  record.kind = wsp::v1::JournalEvent::KIND_CLIENT_ATTACHED;
  record.client_id = client;
  return record;
}

// All that there is from `*sequence` on, by their clients.
std::vector<uint64_t> ReadAll(const EventJournal& journal, uint64_t* sequence,
                              uint64_t* lost) {
  std::vector<uint64_t> clients;
  EventRecord record;
  while (journal.Read(sequence, &record, lost)) {
    clients.push_back(record.client_id);
  }
  return clients;
}

TEST(EventJournalTest, GivesEventsInTheirOrder) {
  EventJournal journal(8);
  EXPECT_EQ(journal.next(), 1u);
  for (uint64_t i = 1; i <= 3; ++i) journal.Append(RecordOf(i));
  uint64_t sequence = 1, lost = 0;
  EXPECT_THAT(ReadAll(journal, &sequence, &lost), ElementsAre(1, 2, 3));
  EXPECT_EQ(sequence, 4u);
  EXPECT_EQ(journal.next(), 4u);
  journal.Append(RecordOf(4));
  EXPECT_THAT(ReadAll(journal, &sequence, &lost), ElementsAre(4));
  EXPECT_EQ(lost, 0u);
}

TEST(EventJournalTest, CountsWhatItDoesNotKeepAnyMore) {
  EventJournal journal(8);
  for (uint64_t i = 1; i <= 100; ++i) journal.Append(RecordOf(i));
  EXPECT_EQ(journal.count(wsp::v1::JournalEvent::KIND_CLIENT_ATTACHED), 100u);
  EXPECT_EQ(journal.count(wsp::v1::JournalEvent::KIND_SOCKET_RESET), 0u);
}

TEST(EventJournalTest, CountsConnectionsOnce) {
  EventJournal journal(8);
  EventRecord record;
  for (const auto kind : {wsp::v1::JournalEvent::KIND_SOCKET_CONNECTED,
                          wsp::v1::JournalEvent::KIND_SOCKET_ACCEPTED,
                          wsp::v1::JournalEvent::KIND_SOCKET_BOUND}) {
    record.kind = kind;
    for (const int protocol : {IPPROTO_TCP, IPPROTO_UDP}) {
      record.protocol = protocol;
      for (const bool repeated : {false, true}) {
        record.repeated = repeated;
        journal.Append(record);
      }
    }
  }
  EXPECT_EQ(journal.connections(), 2u);
}

TEST(EventJournalTest, DatesEvents) {
  EventJournal journal(8);
  EventRecord dated = RecordOf(1);
  dated.at_ns = 5;
  journal.Append(dated);
  journal.Append(RecordOf(2));
  uint64_t sequence = 1, lost = 0;
  EventRecord record;
  ASSERT_TRUE(journal.Read(&sequence, &record, &lost));
  EXPECT_EQ(record.at_ns, 5);
  ASSERT_TRUE(journal.Read(&sequence, &record, &lost));
  EXPECT_GT(record.at_ns, 5);
}

TEST(EventJournalTest, CountsWhatASlowReaderMisses) {
  EventJournal journal(8);
  for (uint64_t i = 1; i <= 20; ++i) journal.Append(RecordOf(i));
  uint64_t sequence = 1, lost = 0;
  const std::vector<uint64_t> clients = ReadAll(journal, &sequence, &lost);
  ASSERT_FALSE(clients.empty());
  // All that it didn't lose, to the last.
  EXPECT_EQ(clients.front(), lost + 1);
  EXPECT_EQ(clients.back(), 20u);
  EXPECT_EQ(clients.size() + lost, 20u);
  EXPECT_GE(clients.size(), 7u);
}

TEST(EventJournalTest, WhatDoesNotFitIsLeftOutOfTheDetail) {
  EventRecord record;
  record.SetDetail(std::string(100, 'x'));
  EXPECT_EQ(record.detail(), std::string(63, 'x'));
  record.SetDetail("rule");
  EXPECT_EQ(record.detail(), "rule");
}

TEST(EventJournalTest, WakesOnceForEachTimeThatItIsAsked) {
  EventJournal journal(8);
  int wakes = 0;
  journal.SetWake([&wakes] { ++wakes; });
  journal.Append(RecordOf(1));
  EXPECT_EQ(wakes, 0);
  journal.WakeOnce();
  journal.Append(RecordOf(2));
  journal.Append(RecordOf(3));
  EXPECT_EQ(wakes, 1);
  journal.WakeOnce();
  journal.SetWake(nullptr);
  journal.Append(RecordOf(4));
  EXPECT_EQ(wakes, 1);
}

// A reader that sleeps until it is woken sees all that four threads append, or
// is told how many it missed.
TEST(EventJournalTest, ReaderIsWokenForAllThatThreadsAppend) {
  constexpr int kThreads = 4, kEach = 20000;
  EventJournal journal(1024);
  absl::Mutex mu;
  bool woken = false;
  journal.SetWake([&] {
    absl::MutexLock lock(&mu);
    woken = true;
  });
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&journal, i] {
      for (int j = 1; j <= kEach; ++j) {
        journal.Append(RecordOf(static_cast<uint64_t>(i) << 32 | j));
      }
    });
  }
  uint64_t sequence = 1, lost = 0, read = 0;
  std::vector<uint64_t> last(kThreads, 0);
  while (read + lost < kThreads * kEach) {
    EventRecord record;
    if (journal.Read(&sequence, &record, &lost)) {
      ++read;
      uint64_t& before = last[record.client_id >> 32];
      // Each thread's in their order.
      ASSERT_LT(before, record.client_id & 0xffffffff);
      before = record.client_id & 0xffffffff;
      continue;
    }
    journal.WakeOnce();
    if (journal.Read(&sequence, &record, &lost)) {
      ++read;
      last[record.client_id >> 32] = record.client_id & 0xffffffff;
      continue;
    }
    absl::MutexLock lock(&mu);
    mu.Await(absl::Condition(&woken));
    woken = false;
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(sequence, journal.next());
  EXPECT_EQ(read + lost, static_cast<uint64_t>(kThreads) * kEach);
}

}  // namespace
}  // namespace wspd
