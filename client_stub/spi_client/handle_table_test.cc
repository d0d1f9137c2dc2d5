#include "client_stub/spi_client/handle_table.h"

#include <array>
#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace wspd::spi_client {
namespace {

using Kind = HandleTable::Kind;

TEST(HandleTableTest, QueryGivesTheContextUntilClosed) {
  HandleTable table(Kind::kSocket);
  const uint64_t handle = table.Open(42);
  ASSERT_NE(handle, 0u);
  EXPECT_EQ(handle % 4, 0u);
  uint64_t context = 0;
  ASSERT_TRUE(table.Query(handle, &context));
  EXPECT_EQ(context, 42u);
  EXPECT_TRUE(table.Close(handle));
  EXPECT_FALSE(table.Query(handle, &context));
  EXPECT_FALSE(table.Close(handle));
}

TEST(HandleTableTest, UnknownHandlesAreRefused) {
  HandleTable table(Kind::kSocket);
  uint64_t context;
  for (uint64_t handle : {uint64_t{0}, uint64_t{3}, uint64_t{0x40},
                          uint64_t{0xfffff0}, ~uint64_t{0}}) {
    EXPECT_FALSE(table.Query(handle, &context)) << handle;
    EXPECT_FALSE(table.Close(handle)) << handle;
  }
}

TEST(HandleTableTest, HandlesOfOneKindAreNoneOfAnother) {
  HandleTable sockets(Kind::kSocket);
  HandleTable events(Kind::kEvent);
  const uint64_t socket = sockets.Open(1);
  const uint64_t event = events.Open(2);
  uint64_t context;
  EXPECT_FALSE(events.Query(socket, &context));
  EXPECT_FALSE(sockets.Query(event, &context));
}

TEST(HandleTableTest, NoValueIsGivenOutTwice) {
  HandleTable table(Kind::kSocket);
  std::set<uint64_t> seen;
  for (int i = 0; i < 10000; ++i) {
    const uint64_t handle = table.Open(i);
    EXPECT_TRUE(seen.insert(handle).second) << handle;
    table.Close(handle);
  }
}

TEST(HandleTableTest, FullTableSaysSoAndServesOnAfterAClose) {
  HandleTable table(Kind::kSocket);
  uint64_t last = 0;
  size_t opened = 0;
  while (const uint64_t handle = table.Open(opened)) {
    last = handle;
    ++opened;
  }
  EXPECT_EQ(opened, HandleTable::kMaxOpenHandles - 1);
  EXPECT_TRUE(table.Close(last));
  EXPECT_NE(table.Open(0), 0u);
  EXPECT_EQ(table.Open(0), 0u);
}

// Queries race closes and reopenings of the same slots: they find the handle's
// own context or nothing, never that of the slot's next handle.
TEST(HandleTableTest, RacingQueriesNeverSeeAnothersContext) {
  constexpr size_t kPlaces = 61;  // a place's handle has its number as context
  HandleTable table(Kind::kSocket);
  std::array<std::atomic<uint64_t>, kPlaces> handles{};
  std::atomic<bool> done{false};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      for (size_t place = 0; !done; place = (place + 1) % kPlaces) {
        uint64_t context = place;
        table.Query(handles[place], &context);
        ASSERT_EQ(context, place);
      }
    });
  }
  for (size_t i = 0; i < 100000; ++i) {
    std::atomic<uint64_t>& handle = handles[i % kPlaces];
    table.Close(handle);
    handle = table.Open(i % kPlaces);
  }
  done = true;
  for (std::thread& reader : readers) reader.join();
}

TEST(HandleTableTest, ThreadsOpenAndCloseAtOnce) {
  HandleTable table(Kind::kSocket);
  std::vector<std::thread> threads;
  for (uint64_t i = 0; i < 4; ++i) {
    threads.emplace_back([&table, i] {
      for (int round = 0; round < 5000; ++round) {
        const uint64_t handle = table.Open(i);
        uint64_t context;
        ASSERT_TRUE(table.Query(handle, &context));
        EXPECT_EQ(context, i);
        EXPECT_TRUE(table.Close(handle));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace wspd::spi_client
