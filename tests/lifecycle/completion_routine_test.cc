// Completion routines inside one another, and what they may do: clean up,
// unload the library, leave by a jump or end their thread.
#include <pthread.h>
#include <setjmp.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "client_stub/spi_client/event.h"
#include "tests/testing/process_files.h"
#include "tests/testing/provider_test.h"

namespace wspd::testing {
namespace {

constexpr DWORD kSoonMs = 20000;
constexpr DWORD kNotAtAllMs = 200;
constexpr DWORD kApcsHaveRun = WSA_WAIT_IO_COMPLETION;

// What the routines of the only test in this process at a time have done.
struct Log {
  std::vector<Operation*> runs;
  int depth = 0;
  int deepest = 0;
  // What the first of them does.
  std::function<void()> in_first;
} run_log;

void CALLBACK Routine(DWORD, DWORD, LPWSAOVERLAPPED overlapped, DWORD) {
  run_log.deepest = std::max(run_log.deepest, ++run_log.depth);
  run_log.runs.push_back(Operation::Of(overlapped));
  if (run_log.runs.size() == 1 && run_log.in_first) run_log.in_first();
  --run_log.depth;
}

bool IsLibraryMapped() {
  const std::set<std::string> files = MappedFiles();
  return std::any_of(files.begin(), files.end(), [](const std::string& file) {
    return file.find("libwsp") != std::string::npos;
  });
}

class CompletionRoutineTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    run_log = Log();
    ASSERT_EQ(spi_->Startup(), kOk);
    connection_ = Connect();
  }
  // Receives of one byte each, filled one after the other.
  void StartBoth() {
    for (Operation* operation : {&first_, &second_}) {
      ASSERT_EQ(spi_->StartRecv(connection_.socket, operation, 1, Routine),
                kPending);
    }
    ASSERT_TRUE(connection_.peer.Write("ab"));
  }
  // Waits until an APC of this thread has come, whatever it did.
  static void AwaitApc() {
    EXPECT_EQ(spi_client::SleepAlertable(kSoonMs), kApcsHaveRun);
  }
  void WaitForRuns(size_t count) {
    while (run_log.runs.size() < count) {
      ASSERT_EQ(spi_client::SleepAlertable(kSoonMs), kApcsHaveRun);
    }
  }

  Connection connection_;
  Operation first_;
  Operation second_;
};

TEST_F(CompletionRoutineTest, OneOfTheSameSocketWaitsForItsTurn) {
  run_log.in_first = [] {
    // The second one's turn comes, and is put off.
    AwaitApc();
    EXPECT_EQ(run_log.runs.size(), 1u);
  };
  StartBoth();
  // Both in one wait.
  AwaitApc();
  EXPECT_EQ(run_log.runs, (std::vector<Operation*>{&first_, &second_}));
  EXPECT_EQ(run_log.deepest, 1);
  EXPECT_EQ(spi_client::SleepAlertable(0), 0u);
}

TEST_F(CompletionRoutineTest, SeveralKeepTheirOrder) {
  constexpr size_t kMore = 5;
  std::vector<Operation> operations(kMore);
  run_log.in_first = [&] {
    for (Operation& operation : operations) {
      EXPECT_EQ(spi_->StartRecv(connection_.socket, &operation, 1, Routine),
                kPending);
      EXPECT_TRUE(connection_.peer.Write("x"));
      AwaitApc();
    }
    EXPECT_EQ(run_log.runs.size(), 1u);
  };
  ASSERT_EQ(spi_->StartRecv(connection_.socket, &first_, 1, Routine), kPending);
  ASSERT_TRUE(connection_.peer.Write("x"));
  AwaitApc();
  ASSERT_EQ(run_log.runs.size(), 1 + kMore);
  for (size_t i = 0; i < kMore; ++i) {
    EXPECT_EQ(run_log.runs[i + 1], &operations[i]);
  }
  EXPECT_EQ(run_log.deepest, 1);
}

TEST_F(CompletionRoutineTest, OneOfAnotherSocketRunsInside) {
  Connection other = Connect();
  ASSERT_EQ(spi_->StartRecv(other.socket, &second_, 1, Routine), kPending);
  run_log.in_first = [&] {
    ASSERT_TRUE(other.peer.Write("x"));
    AwaitApc();
    EXPECT_EQ(run_log.runs.size(), 2u);
  };
  ASSERT_EQ(spi_->StartRecv(connection_.socket, &first_, 1, Routine), kPending);
  ASSERT_TRUE(connection_.peer.Write("x"));
  WaitForRuns(2);
  EXPECT_EQ(run_log.deepest, 2);
}

// 3.3 C2: what was put off is as little run as what is queued.
TEST_F(CompletionRoutineTest, CleanupInsideLeavesOutWhatWasPutOff) {
  run_log.in_first = [&] {
    AwaitApc();
    EXPECT_EQ(spi_->Cleanup(), kOk);
  };
  StartBoth();
  AwaitApc();
  EXPECT_EQ(run_log.runs, std::vector<Operation*>{&first_});
  EXPECT_EQ(spi_client::SleepAlertable(kNotAtAllMs), 0u);
  // Nor does it keep the library.
  EXPECT_TRUE(spi_->Unload());
  spi_.reset();
  EXPECT_FALSE(IsLibraryMapped());
}

TEST_F(CompletionRoutineTest, MayUnloadTheLibrary) {
  run_log.in_first = [&] {
    EXPECT_EQ(spi_->Cleanup(), kOk);
    EXPECT_TRUE(spi_->Unload());
    spi_.reset();
  };
  ASSERT_EQ(spi_->StartRecv(connection_.socket, &first_, 1, Routine), kPending);
  ASSERT_TRUE(connection_.peer.Write("x"));
  AwaitApc();
  EXPECT_FALSE(IsLibraryMapped());
}

TEST_F(CompletionRoutineTest, AnotherRegistrationBeginsInside) {
  Operation third;
  run_log.in_first = [&] {
    AwaitApc();
    ASSERT_EQ(spi_->Cleanup(), kOk);
    ASSERT_EQ(spi_->Startup(), kOk);
    // Its routines are none of the one that is running.
    connection_ = Connect();
    ASSERT_EQ(spi_->StartRecv(connection_.socket, &third, 1, Routine),
              kPending);
    ASSERT_TRUE(connection_.peer.Write("x"));
    AwaitApc();
    EXPECT_EQ(run_log.runs.size(), 2u);
  };
  StartBoth();
  AwaitApc();
  EXPECT_EQ(run_log.runs, (std::vector<Operation*>{&first_, &third}));
}

jmp_buf out_of_routine;

TEST_F(CompletionRoutineTest, WhatWasPutOffOutlivesAJump) {
  run_log.in_first = [] {
    AwaitApc();
    longjmp(out_of_routine, 1);
  };
  StartBoth();
  if (setjmp(out_of_routine) == 0) AwaitApc();
  EXPECT_EQ(run_log.runs.size(), 1u);
  WaitForRuns(2);
  EXPECT_EQ(run_log.runs[1], &second_);
  // Nothing is left of the one that was left.
  Operation third;
  ASSERT_EQ(spi_->StartRecv(connection_.socket, &third, 1, Routine), kPending);
  ASSERT_TRUE(connection_.peer.Write("x"));
  WaitForRuns(3);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_TRUE(spi_->Unload());
  spi_.reset();
  EXPECT_FALSE(IsLibraryMapped());
}

TEST_F(CompletionRoutineTest, ItsThreadMayEndInside) {
  run_log.in_first = [] { pthread_exit(nullptr); };
  const std::function<void()> receive = [&] {
    EXPECT_EQ(spi_->StartRecv(connection_.socket, &first_, 1, Routine),
              kPending);
    EXPECT_TRUE(connection_.peer.Write("x"));
    AwaitApc();
    ADD_FAILURE() << "the thread goes on";
  };
  pthread_t thread;
  ASSERT_EQ(pthread_create(
                &thread, nullptr,
                [](void* function) -> void* {
                  (*static_cast<const std::function<void()>*>(function))();
                  return nullptr;
                },
                const_cast<std::function<void()>*>(&receive)),
            0);
  ASSERT_EQ(pthread_join(thread, nullptr), 0);
  EXPECT_EQ(run_log.runs.size(), 1u);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_TRUE(spi_->Unload());
  spi_.reset();
  EXPECT_FALSE(IsLibraryMapped());
}

}  // namespace
}  // namespace wspd::testing
