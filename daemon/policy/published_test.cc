#include "daemon/policy/published.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace wspd {
namespace {

using Reader = Published<int>::Reader;

TEST(PublishedTest, ReadsWhatWasSetLast) {
  Published<int> published;
  EXPECT_FALSE(published.has_value());
  EXPECT_EQ(Reader(published).get(), nullptr);
  EXPECT_EQ(published.Get(), nullptr);
  published.Set(std::make_shared<int>(1));
  published.Set(std::make_shared<int>(2));
  EXPECT_TRUE(published.has_value());
  EXPECT_EQ(*Reader(published).get(), 2);
  EXPECT_EQ(*published.Get(), 2);
  published.Set(nullptr);
  EXPECT_FALSE(published.has_value());
  EXPECT_EQ(Reader(published).get(), nullptr);
}

TEST(PublishedTest, KeepsWhatIsReadAndNothingElse) {
  Published<int> published;
  auto first = std::make_shared<int>(1);
  auto second = std::make_shared<int>(2);
  const std::weak_ptr<int> was_read = first;
  const std::weak_ptr<int> unread = second;
  published.Set(std::move(first));
  {
    const Reader reader(published);
    published.Set(std::move(second));
    EXPECT_FALSE(was_read.expired());
    EXPECT_EQ(*reader.get(), 1);
  }
  published.Set(std::make_shared<int>(3));
  EXPECT_TRUE(was_read.expired());
  EXPECT_TRUE(unread.expired());
}

TEST(PublishedTest, ManyReadWhileItIsReplaced) {
  struct Pair {
    int a;
    int b;
  };
  Published<Pair> published;
  published.Set(std::make_shared<Pair>(Pair{0, 0}));
  std::atomic<bool> done{false};
  std::atomic<int> torn{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&] {
      while (!done.load()) {
        const Published<Pair>::Reader reader(published);
        if (reader.get()->a != reader.get()->b) ++torn;
      }
    });
  }
  for (int i = 1; i <= 2000; ++i) {
    published.Set(std::make_shared<Pair>(Pair{i, i}));
  }
  done.store(true);
  for (std::thread& reader : readers) reader.join();
  EXPECT_EQ(torn.load(), 0);
}

}  // namespace
}  // namespace wspd
