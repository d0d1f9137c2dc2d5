#include "daemon/relay/relay_turns.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace wspd {
namespace {

// Writes down of what it is told.
class Handler : public RelayHandler {
 public:
  Handler(const void* client, std::string name, std::string* told)
      : RelayHandler(client), name_(std::move(name)), told_(told) {}
  ~Handler() override { *told_ += "~" + name_; }

  void OnEvents(RelayEnd end, uint32_t events) override {
    *told_ +=
        name_ + (end == RelayEnd::kReal ? "r" : "p") + std::to_string(events);
    Act();
  }
  void OnTurn() override {
    *told_ += name_;
    Act();
  }
  void OnTime() override {}

  std::function<void()> act;

 private:
  void Act() {
    if (act != nullptr) act();
  }

  const std::string name_;
  std::string* const told_;
};

class RelayTurnsTest : public testing::Test {
 protected:
  std::shared_ptr<Handler> Make(const int& client, const std::string& name) {
    return std::make_shared<Handler>(&client, name, &told_);
  }
  std::string RunAll() {
    told_.clear();
    while (!turns_.empty()) turns_.RunNext();
    return told_;
  }

  const int first_ = 1;
  const int second_ = 2;
  const int third_ = 3;
  std::string told_;
  RelayTurns turns_;
};

TEST_F(RelayTurnsTest, ClientsTakeTurnsHoweverManySocketsTheyHave) {
  std::vector<std::shared_ptr<Handler>> handlers;
  for (const char* name : {"a", "b", "c", "d"}) {
    handlers.push_back(Make(first_, name));
  }
  handlers.push_back(Make(second_, "x"));
  handlers.push_back(Make(third_, "p"));
  handlers.push_back(Make(third_, "q"));
  for (const auto& handler : handlers) turns_.AddTurn(handler);
  EXPECT_EQ(turns_.clients(), 3u);
  EXPECT_EQ(turns_.next_client(), &first_);
  EXPECT_EQ(RunAll(), "axpbqcd");
}

TEST_F(RelayTurnsTest, WhoGoesOnIsBehindTheOthers) {
  const auto a = Make(first_, "a");
  const auto b = Make(first_, "b");
  const auto x = Make(second_, "x");
  int more = 2;
  a->act = [&] {
    if (more-- > 0) turns_.AddTurn(a);
  };
  turns_.AddTurn(a);
  turns_.AddTurn(b);
  turns_.AddTurn(x);
  EXPECT_EQ(RunAll(), "axbaa");
}

TEST_F(RelayTurnsTest, WhatComesMeanwhileIsToldAtOnce) {
  const auto a = Make(first_, "a");
  const auto b = Make(first_, "b");
  turns_.AddEvents(a.get(), RelayEnd::kReal, 1);
  turns_.AddEvents(b.get(), RelayEnd::kProgram, 1);
  turns_.AddEvents(a.get(), RelayEnd::kProgram, 4);
  turns_.AddEvents(a.get(), RelayEnd::kReal, 8);
  turns_.AddTurn(a);
  EXPECT_TRUE(RelayTurns::Waits(*a));
  // In the order in which they came.
  EXPECT_EQ(RunAll(), "ar9ap4abp1");
  EXPECT_FALSE(RelayTurns::Waits(*a));
  turns_.AddEvents(a.get(), RelayEnd::kProgram, 2);
  EXPECT_EQ(RunAll(), "ap2");
}

TEST_F(RelayTurnsTest, AHandlerThatWaitsForItsTurnIsKept) {
  auto a = Make(first_, "a");
  turns_.AddTurn(a);
  a.reset();
  EXPECT_EQ(told_, "");
  EXPECT_EQ(RunAll(), "a~a");
  a = Make(first_, "b");
  turns_.AddTurn(a);
  turns_.AddEvents(a.get(), RelayEnd::kReal, 1);
  a.reset();
  told_.clear();
  turns_.Clear();
  EXPECT_EQ(told_, "~b");
  EXPECT_TRUE(turns_.empty());
}

}  // namespace
}  // namespace wspd
