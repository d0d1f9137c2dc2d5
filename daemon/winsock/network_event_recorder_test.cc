#include "daemon/winsock/network_event_recorder.h"

#include <vector>

#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using Kind = NetworkEventRecorder::Kind;

NetworkConditions Holding(uint32_t events, uint64_t queued = 0,
                          uint64_t urgent = 0) {
  NetworkConditions now;
  now.holding = events;
  now.queued = queued;
  now.urgent = urgent;
  return now;
}

std::vector<NetworkNotice> Take(NetworkEventRecorder* recorder) {
  std::vector<NetworkNotice> notices;
  recorder->TakeNotices(&notices);
  return notices;
}

// The events of the only notice; 0: there is none.
uint32_t TakeOne(NetworkEventRecorder* recorder) {
  const std::vector<NetworkNotice> notices = Take(recorder);
  EXPECT_LE(notices.size(), 1);
  return notices.empty() ? 0 : notices[0].network_events;
}

uint32_t Enumerate(NetworkEventRecorder* recorder) {
  return recorder->Enumerate(0).network_events;
}

// ------------------------------------------------------- with an event object

TEST(EventObjectTest, RecordsWhatHoldsAlready) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kEventObject, kFdRead | kFdWrite, 5,
                  Holding(kFdRead | kFdWrite | kFdClose, 10));
  EXPECT_TRUE(recorder.has_notice());
  const std::vector<NetworkNotice> notices = Take(&recorder);
  ASSERT_EQ(notices.size(), 1);
  EXPECT_EQ(notices[0].registration, 5);
  EXPECT_EQ(notices[0].network_events, kFdRead | kFdWrite);
  EXPECT_EQ(notices[0].count, 1);
  EXPECT_FALSE(recorder.has_notice());
}

TEST(EventObjectTest, EnumerationTakesTheRecord) {
  NetworkEventRecorder recorder;
  NetworkConditions now = Holding(kFdConnect | kFdClose);
  now.connect_error = kWsaConnRefused;
  now.close_error = kWsaConnAborted;
  recorder.Select(Kind::kEventObject, kAllNetworkEvents, 1, now);
  NetworkEventRecorder::Record record = recorder.Enumerate(0);
  EXPECT_EQ(record.network_events, kFdConnect | kFdClose);
  EXPECT_EQ(record.errors[4], kWsaConnRefused);
  EXPECT_EQ(record.errors[5], kWsaConnAborted);
  // Nothing was written yet, and nothing is left to be written.
  EXPECT_EQ(record.count, 0);
  EXPECT_FALSE(recorder.has_notice());
  record = recorder.Enumerate(0);
  EXPECT_EQ(record.network_events, 0);
  EXPECT_EQ(record.errors[4], 0);
}

TEST(EventObjectTest, AConditionIsRecordedAgainOnceItIsEnabled) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kEventObject, kFdRead, 1, Holding(kFdRead, 10));
  EXPECT_EQ(TakeOne(&recorder), kFdRead);
  EXPECT_EQ(Enumerate(&recorder), kFdRead);
  recorder.Observe(Holding(kFdRead, 10));
  EXPECT_FALSE(recorder.has_notice());
  // A receive that left something.
  recorder.Enable(kFdRead);
  recorder.Observe(Holding(kFdRead, 4));
  EXPECT_EQ(TakeOne(&recorder), kFdRead);
  EXPECT_EQ(Enumerate(&recorder), kFdRead);
  // One that left nothing.
  recorder.Enable(kFdRead);
  recorder.Observe(Holding(0));
  EXPECT_FALSE(recorder.has_notice());
  recorder.Observe(Holding(kFdRead, 1));
  EXPECT_EQ(TakeOne(&recorder), kFdRead);
}

TEST(EventObjectTest, AReceiveTakesWhatItReceivedOffTheRecord) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kEventObject, kFdRead, 1, Holding(kFdRead, 10));
  recorder.Enable(kFdRead);
  recorder.Observe(Holding(0));
  // Not written yet, and obsolete.
  EXPECT_EQ(TakeOne(&recorder), 0);
  EXPECT_EQ(Enumerate(&recorder), 0);
}

TEST(EventObjectTest, NewDataIsRecordedAgainAfterEnumerationWithoutAReceive) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kEventObject, kFdRead, 1, Holding(kFdRead, 10));
  EXPECT_EQ(TakeOne(&recorder), kFdRead);
  // Already on the record.
  recorder.Observe(Holding(kFdRead, 20));
  EXPECT_FALSE(recorder.has_notice());
  EXPECT_EQ(Enumerate(&recorder), kFdRead);
  // Seen when it was still on the record.
  recorder.Observe(Holding(kFdRead, 20));
  EXPECT_FALSE(recorder.has_notice());
  recorder.Observe(Holding(kFdRead, 21));
  EXPECT_EQ(TakeOne(&recorder), kFdRead);
}

TEST(EventObjectTest, ANewUrgentByteIsRecordedAgainAfterEnumeration) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kEventObject, kFdOob | kFdRead, 1,
                  Holding(kFdOob, 0, 1));
  EXPECT_EQ(TakeOne(&recorder), kFdOob);
  EXPECT_EQ(Enumerate(&recorder), kFdOob);
  // Data is none.
  recorder.Observe(Holding(kFdOob | kFdRead, 5, 1));
  EXPECT_EQ(TakeOne(&recorder), kFdRead);
  EXPECT_EQ(Enumerate(&recorder), kFdRead);
  recorder.Observe(Holding(kFdOob | kFdRead, 5, 2));
  EXPECT_EQ(TakeOne(&recorder), kFdOob);
  EXPECT_EQ(Enumerate(&recorder), kFdOob);
  // One of the two is received.
  recorder.Enable(kFdOob);
  recorder.Observe(Holding(kFdOob | kFdRead, 5, 2));
  EXPECT_EQ(TakeOne(&recorder), kFdOob);
  EXPECT_EQ(Enumerate(&recorder), kFdOob);
  recorder.Enable(kFdOob);
  recorder.Observe(Holding(kFdRead, 5, 2));
  EXPECT_FALSE(recorder.has_notice());
}

TEST(EventObjectTest, AnUrgentByteThatComesAfterTheNoticeIsTold) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kEventObject, kFdOob, 1, Holding(kFdOob, 0, 1));
  EXPECT_EQ(Take(&recorder)[0].count, 1);
  recorder.Observe(Holding(kFdOob, 0, 2));
  EXPECT_EQ(recorder.Enumerate(1).network_events, kFdOob);
  EXPECT_EQ(Take(&recorder)[0].count, 2);
  EXPECT_EQ(recorder.Enumerate(2).network_events, kFdOob);
  EXPECT_FALSE(recorder.has_notice());
}

TEST(EventObjectTest, TheEndIsRecordedOnceWhateverIsUnread) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kEventObject, kFdRead | kFdClose, 1,
                  Holding(kFdRead, 2));
  EXPECT_EQ(TakeOne(&recorder), kFdRead);
  recorder.Observe(Holding(kFdRead | kFdClose, 2));
  EXPECT_EQ(TakeOne(&recorder), kFdRead | kFdClose);
  EXPECT_EQ(Enumerate(&recorder), kFdRead | kFdClose);
  // A receive that leaves something, and the last.
  recorder.Enable(kFdRead);
  recorder.Observe(Holding(kFdRead | kFdClose, 1));
  EXPECT_EQ(TakeOne(&recorder), kFdRead);
  EXPECT_EQ(Enumerate(&recorder), kFdRead);
  recorder.Enable(kFdRead);
  NetworkConditions reset = Holding(kFdClose);
  reset.close_error = kWsaConnAborted;
  recorder.Observe(reset);
  EXPECT_FALSE(recorder.has_notice());
  EXPECT_EQ(Enumerate(&recorder), 0);
}

TEST(EventObjectTest, AnEnumeratedConditionIsNotRecordedByAnotherSelect) {
  NetworkEventRecorder recorder;
  const uint32_t held = kFdRead | kFdWrite | kFdClose | kFdConnect;
  recorder.Select(Kind::kEventObject, held, 1, Holding(held, 10));
  EXPECT_EQ(Enumerate(&recorder), held);
  recorder.Select(Kind::kEventObject, held, 2, Holding(held, 10));
  EXPECT_FALSE(recorder.has_notice());
  // Not even with none in between.
  recorder.Select(Kind::kEventObject, 0, 3, Holding(held, 10));
  recorder.Select(Kind::kEventObject, held, 4, Holding(held, 10));
  EXPECT_FALSE(recorder.has_notice());
  EXPECT_EQ(Enumerate(&recorder), 0);
}

TEST(EventObjectTest, TheRecordOutlivesASelectThatLeavesItOut) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kEventObject, kFdRead | kFdWrite, 1,
                  Holding(kFdRead | kFdWrite, 10));
  recorder.Select(Kind::kEventObject, kFdWrite, 2, Holding(kFdRead, 10));
  EXPECT_EQ(TakeOne(&recorder), kFdWrite);
  // Takes what is selected, and leaves the rest.
  EXPECT_EQ(Enumerate(&recorder), kFdWrite);
  recorder.Select(Kind::kEventObject, kFdRead, 3, Holding(kFdRead, 10));
  const std::vector<NetworkNotice> notices = Take(&recorder);
  ASSERT_EQ(notices.size(), 1);
  EXPECT_EQ(notices[0].registration, 3);
  EXPECT_EQ(notices[0].network_events, kFdRead);
  EXPECT_EQ(Enumerate(&recorder), kFdRead);
}

TEST(EventObjectTest, RoomIsNewsOnceThenAfterASendThatFoundNone) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kEventObject, kFdWrite, 1, Holding(0));
  EXPECT_TRUE(recorder.wants_room());
  recorder.Observe(Holding(kFdWrite));
  EXPECT_EQ(TakeOne(&recorder), kFdWrite);
  EXPECT_FALSE(recorder.wants_room());
  EXPECT_EQ(Enumerate(&recorder), kFdWrite);
  recorder.Observe(Holding(kFdWrite));
  EXPECT_FALSE(recorder.has_notice());
  recorder.Enable(kFdWrite);
  recorder.Observe(Holding(0));
  EXPECT_TRUE(recorder.wants_room());
  EXPECT_FALSE(recorder.has_notice());
  recorder.Observe(Holding(kFdWrite));
  EXPECT_EQ(TakeOne(&recorder), kFdWrite);
}

TEST(EventObjectTest, WhatHappensIsRecordedWithItsError) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kEventObject, kFdAddressListChange, 1, Holding(0));
  recorder.Happened(kFdAddressListChange, kWsaNetDown);
  const std::vector<NetworkNotice> notices = Take(&recorder);
  ASSERT_EQ(notices.size(), 1);
  EXPECT_EQ(notices[0].network_events, kFdAddressListChange);
  EXPECT_EQ(notices[0].errors[9], kWsaNetDown);
  const NetworkEventRecorder::Record record = recorder.Enumerate(0);
  EXPECT_EQ(record.network_events, kFdAddressListChange);
  EXPECT_EQ(record.errors[9], kWsaNetDown);
}

TEST(EventObjectTest, NothingIsToldWithoutASelection) {
  NetworkEventRecorder recorder;
  recorder.Observe(Holding(kAllNetworkEvents, 10));
  recorder.Happened(kFdConnect, 0);
  EXPECT_FALSE(recorder.has_notice());
  EXPECT_EQ(Enumerate(&recorder), 0);
}

TEST(EventObjectTest, ALaterNoticeTakesThePlaceOfAnUnwrittenOne) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kEventObject, kAllNetworkEvents, 1, Holding(kFdWrite));
  recorder.Observe(Holding(kFdWrite | kFdRead, 1));
  const std::vector<NetworkNotice> notices = Take(&recorder);
  ASSERT_EQ(notices.size(), 1);
  EXPECT_EQ(notices[0].network_events, kFdWrite | kFdRead);
  EXPECT_EQ(notices[0].count, 1);
}

TEST(EventObjectTest, ALostNoticeIsRepeatedUnlessItWasEnumerated) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kEventObject, kAllNetworkEvents, 1, Holding(kFdWrite));
  recorder.RepeatNotices();
  EXPECT_EQ(Take(&recorder).size(), 1);
  recorder.RepeatNotices();
  std::vector<NetworkNotice> notices = Take(&recorder);
  ASSERT_EQ(notices.size(), 1);
  EXPECT_EQ(notices[0].count, 1);
  EXPECT_EQ(notices[0].network_events, kFdWrite);
  // Together with something new it is a new one.
  recorder.RepeatNotices();
  recorder.Observe(Holding(kFdRead, 1));
  notices = Take(&recorder);
  ASSERT_EQ(notices.size(), 1);
  EXPECT_EQ(notices[0].count, 2);
  EXPECT_EQ(notices[0].network_events, kFdWrite | kFdRead);
  EXPECT_EQ(recorder.Enumerate(0).count, 2);
  recorder.RepeatNotices();
  EXPECT_FALSE(recorder.has_notice());
}

TEST(EventObjectTest, CountsGoOnOverRegistrations) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kEventObject, kFdWrite, 1, Holding(kFdWrite));
  EXPECT_EQ(Take(&recorder)[0].count, 1);
  recorder.Select(Kind::kWindow, kFdWrite, 2, Holding(kFdWrite));
  EXPECT_EQ(Take(&recorder)[0].count, 2);
  recorder.Select(Kind::kEventObject, kFdWrite, 3, Holding(kFdWrite));
  EXPECT_EQ(Take(&recorder)[0].count, 3);
}

TEST(EventObjectTest, AnEnumerationUpToANoticeLeavesWhatCameLater) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kEventObject, kAllNetworkEvents, 1, Holding(kFdWrite));
  EXPECT_EQ(Take(&recorder)[0].count, 1);
  // Written, and not.
  recorder.Observe(Holding(kFdRead, 1));
  EXPECT_EQ(Take(&recorder)[0].count, 2);
  recorder.Observe(Holding(kFdOob));
  NetworkEventRecorder::Record record = recorder.Enumerate(1);
  EXPECT_EQ(record.network_events, kFdWrite);
  EXPECT_EQ(record.count, 1);
  const std::vector<NetworkNotice> notices = Take(&recorder);
  ASSERT_EQ(notices.size(), 1);
  EXPECT_EQ(notices[0].network_events, kFdRead | kFdOob);
  EXPECT_EQ(notices[0].count, 3);
  EXPECT_EQ(notices[0].enumerated_count, 1);
  record = recorder.Enumerate(3);
  EXPECT_EQ(record.network_events, kFdRead | kFdOob);
  EXPECT_EQ(record.count, 3);
}

TEST(EventObjectTest, AnEnumerationUpToANoticeLeavesWhatWasRecordedAnew) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kEventObject, kFdRead, 1, Holding(kFdRead, 1));
  EXPECT_EQ(Take(&recorder)[0].count, 1);
  recorder.Enable(kFdRead);
  recorder.Observe(Holding(kFdRead, 1));
  EXPECT_EQ(recorder.Enumerate(1).network_events, 0);
  EXPECT_EQ(TakeOne(&recorder), kFdRead);
}

TEST(EventObjectTest, DataThatComesAfterTheNoticeOutlivesItsEnumeration) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kEventObject, kFdRead, 1, Holding(kFdRead, 1));
  EXPECT_EQ(Take(&recorder)[0].count, 1);
  // The client has used the notice, and its word is on its way.
  recorder.Observe(Holding(kFdRead, 2));
  EXPECT_EQ(recorder.Enumerate(1).network_events, kFdRead);
  EXPECT_EQ(Take(&recorder)[0].count, 2);
  EXPECT_EQ(recorder.Enumerate(2).network_events, kFdRead);
  EXPECT_FALSE(recorder.has_notice());
  // A client that asks gets all at once.
  recorder.Observe(Holding(kFdRead, 3));
  EXPECT_EQ(TakeOne(&recorder), kFdRead);
  recorder.Observe(Holding(kFdRead, 4));
  EXPECT_EQ(Enumerate(&recorder), kFdRead);
  recorder.Observe(Holding(kFdRead, 4));
  EXPECT_FALSE(recorder.has_notice());
}

// ------------------------------------------------------------- with a window

TEST(WindowTest, EachEventIsANoticeWithItsOwnError) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kWindow, kAllNetworkEvents, 7, Holding(0));
  NetworkConditions now = Holding(kFdRead | kFdWrite | kFdClose, 1);
  now.close_error = kWsaConnAborted;
  recorder.Observe(now);
  const std::vector<NetworkNotice> notices = Take(&recorder);
  ASSERT_EQ(notices.size(), 3);
  EXPECT_EQ(notices[0].network_events, kFdRead);
  EXPECT_EQ(notices[0].wsa_error, 0);
  EXPECT_EQ(notices[0].registration, 7);
  EXPECT_EQ(notices[0].count, 1);
  EXPECT_EQ(notices[1].network_events, kFdWrite);
  EXPECT_EQ(notices[1].count, 2);
  EXPECT_EQ(notices[2].network_events, kFdClose);
  EXPECT_EQ(notices[2].wsa_error, kWsaConnAborted);
  EXPECT_EQ(notices[2].count, 3);
}

TEST(WindowTest, NewDataPostsNothingWithoutAReceive) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kWindow, kFdRead, 1, Holding(kFdRead, 1));
  EXPECT_EQ(TakeOne(&recorder), kFdRead);
  recorder.Observe(Holding(kFdRead, 2));
  EXPECT_FALSE(recorder.has_notice());
  recorder.Enable(kFdRead);
  recorder.Observe(Holding(kFdRead, 1));
  EXPECT_EQ(TakeOne(&recorder), kFdRead);
}

TEST(WindowTest, ANewUrgentBytePostsNothingWithoutAReceive) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kWindow, kFdOob, 1, Holding(kFdOob, 0, 1));
  EXPECT_EQ(TakeOne(&recorder), kFdOob);
  recorder.Observe(Holding(kFdOob, 0, 2));
  EXPECT_FALSE(recorder.has_notice());
  recorder.Enable(kFdOob);
  recorder.Observe(Holding(kFdOob, 0, 2));
  EXPECT_EQ(TakeOne(&recorder), kFdOob);
}

TEST(WindowTest, TheEndIsPostedOnceWhateverIsUnread) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kWindow, kFdRead | kFdClose, 1, Holding(kFdRead, 2));
  EXPECT_EQ(TakeOne(&recorder), kFdRead);
  recorder.Observe(Holding(kFdRead | kFdClose, 2));
  EXPECT_EQ(TakeOne(&recorder), kFdClose);
  recorder.Enable(kFdRead);
  recorder.Observe(Holding(kFdRead | kFdClose, 1));
  EXPECT_EQ(TakeOne(&recorder), kFdRead);
  recorder.Enable(kFdRead);
  recorder.Observe(Holding(kFdClose));
  EXPECT_FALSE(recorder.has_notice());
}

TEST(WindowTest, EverySelectPostsWhatHolds) {
  NetworkEventRecorder recorder;
  for (uint64_t registration : {1, 2, 3}) {
    recorder.Select(Kind::kWindow, kFdRead | kFdClose, registration,
                    Holding(kFdRead | kFdClose | kFdWrite, 1));
    const std::vector<NetworkNotice> notices = Take(&recorder);
    ASSERT_EQ(notices.size(), 2);
    EXPECT_EQ(notices[0].registration, registration);
  }
}

TEST(WindowTest, OnlyAConnectThatEndsLaterIsPosted) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kWindow, kFdConnect | kFdWrite, 1,
                  Holding(kFdConnect | kFdWrite));
  EXPECT_EQ(TakeOne(&recorder), kFdWrite);
  recorder.Observe(Holding(kFdConnect | kFdWrite));
  EXPECT_FALSE(recorder.has_notice());
  recorder.Enable(kFdConnect);
  NetworkConditions now = Holding(kFdConnect);
  now.connect_error = kWsaConnRefused;
  recorder.Observe(now);
  const std::vector<NetworkNotice> notices = Take(&recorder);
  ASSERT_EQ(notices.size(), 1);
  EXPECT_EQ(notices[0].network_events, kFdConnect);
  EXPECT_EQ(notices[0].wsa_error, kWsaConnRefused);
}

TEST(WindowTest, NothingIsPostedAfterTheSelectionEnded) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kWindow, kFdRead, 1, Holding(kFdRead, 1));
  recorder.Select(Kind::kWindow, 0, 0, Holding(kFdRead, 1));
  recorder.Observe(Holding(kFdRead, 2));
  recorder.Happened(kFdAddressListChange, 0);
  recorder.RepeatNotices();
  EXPECT_FALSE(recorder.has_notice());
}

TEST(WindowTest, ThereIsNoRecordToEnumerate) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kWindow, kFdRead, 1, Holding(kFdRead, 1));
  EXPECT_EQ(Enumerate(&recorder), 0);
  // And the message comes all the same.
  EXPECT_EQ(TakeOne(&recorder), kFdRead);
}

TEST(WindowTest, LostNoticesAreRepeatedInTheirOrder) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kWindow, kFdRead | kFdWrite | kFdClose, 1,
                  Holding(kFdWrite));
  recorder.Observe(Holding(kFdRead, 1));
  EXPECT_EQ(Take(&recorder).size(), 2);
  recorder.Enable(kFdRead);
  recorder.Observe(Holding(kFdRead, 1));
  EXPECT_EQ(Take(&recorder)[0].count, 3);
  recorder.RepeatNotices();
  recorder.Observe(Holding(kFdClose));
  const std::vector<NetworkNotice> notices = Take(&recorder);
  ASSERT_EQ(notices.size(), 3);
  EXPECT_EQ(notices[0].network_events, kFdWrite);
  EXPECT_EQ(notices[0].count, 2);
  EXPECT_EQ(notices[1].network_events, kFdRead);
  EXPECT_EQ(notices[1].count, 3);
  EXPECT_EQ(notices[2].network_events, kFdClose);
  EXPECT_EQ(notices[2].count, 4);
}

TEST(KindTest, AnotherKindBeginsAnew) {
  NetworkEventRecorder recorder;
  recorder.Select(Kind::kEventObject, kFdRead, 1, Holding(kFdRead, 1));
  EXPECT_EQ(Enumerate(&recorder), kFdRead);
  recorder.Select(Kind::kWindow, kFdRead, 2, Holding(kFdRead, 1));
  EXPECT_EQ(TakeOne(&recorder), kFdRead);
  recorder.Select(Kind::kEventObject, kFdRead, 3, Holding(kFdRead, 1));
  EXPECT_EQ(TakeOne(&recorder), kFdRead);
  EXPECT_EQ(Enumerate(&recorder), kFdRead);
}

}  // namespace
}  // namespace wspd
