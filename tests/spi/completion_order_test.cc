// What a completion writes, and in which order: Internal, by which anybody may
// see that an operation is over, comes last (reference, section 4.1).
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <new>
#include <string>

#include "client_stub/spi_client/apc.h"
#include "client_stub/spi_client/event.h"
#include "tests/testing/provider_test.h"

namespace wspd::testing {
namespace {

constexpr ULONG_PTR kStatusConnectionReset = 0xC000020D;
constexpr ULONG_PTR kStatusBufferOverflow = 0x80000005;

#if defined(__SANITIZE_THREAD__)
constexpr bool kThreadSanitizer = true;
#elif defined(__has_feature)
constexpr bool kThreadSanitizer = __has_feature(thread_sanitizer);
#else
constexpr bool kThreadSanitizer = false;
#endif

// ------------------------------------------------------- seen by the hardware

// What was there when Internal was written.
struct Moment {
  ULONG_PTR bytes;
  DWORD flags;
  DWORD error;
  char data;
};

// An OVERLAPPED whose Internal is the last word of a page that can be made
// read-only, so that who writes to it is caught in the act. The other fields,
// and the buffer, are on the next page. There is one at a time.
class TrappedOperation {
 public:
  TrappedOperation() {
    page_bytes_ = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    void* const pages = mmap(nullptr, 2 * page_bytes_, PROT_READ | PROT_WRITE,
                             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    EXPECT_NE(pages, MAP_FAILED);
    pages_ = static_cast<char*>(pages);
    overlapped_ = new (pages_ + page_bytes_ - sizeof(ULONG_PTR)) WSAOVERLAPPED;
    std::memset(static_cast<void*>(overlapped_), 0, sizeof(*overlapped_));
    // What isn't written shows.
    overlapped_->InternalHigh = kUnwritten;
    overlapped_->Offset = overlapped_->OffsetHigh = kUnwritten;
    *data() = '-';
    current_ = this;
    struct sigaction action = {};
    action.sa_sigaction = OnFault;
    action.sa_flags = SA_SIGINFO;
    EXPECT_EQ(sigaction(SIGSEGV, &action, &old_), 0);
  }
  ~TrappedOperation() {
    sigaction(SIGSEGV, &old_, nullptr);
    current_ = nullptr;
    munmap(pages_, 2 * page_bytes_);
  }
  TrappedOperation(const TrappedOperation&) = delete;
  TrappedOperation& operator=(const TrappedOperation&) = delete;

  LPWSAOVERLAPPED overlapped() { return overlapped_; }
  char* data() { return pages_ + page_bytes_ + 512; }

  void Arm() { EXPECT_EQ(mprotect(pages_, page_bytes_, PROT_READ), 0); }

  // Waits until Internal was written, and is over.
  ULONG_PTR Await() {
    EXPECT_TRUE(WaitUntil([&] {
      return __atomic_load_n(&overlapped_->Internal, __ATOMIC_ACQUIRE) !=
             WSS_OPERATION_IN_PROGRESS;
    }));
    EXPECT_EQ(faults_, 1);
    return overlapped_->Internal;
  }
  const Moment& moment() const { return moment_; }

  // Everything was as it is now.
  void ExpectNothingWrittenLater() {
    EXPECT_EQ(moment_.bytes, overlapped_->InternalHigh);
    EXPECT_EQ(moment_.flags, overlapped_->Offset);
    EXPECT_EQ(moment_.error, overlapped_->OffsetHigh);
    EXPECT_EQ(moment_.data, *data());
  }

 private:
  static constexpr DWORD kUnwritten = 0x5eadbeef;

  static void OnFault(int, siginfo_t* info, void*) {
    TrappedOperation* const self = current_;
    const auto at = static_cast<char*>(info->si_addr);
    if (self == nullptr || at < self->pages_ ||
        at >= self->pages_ + self->page_bytes_) {
      // Not ours: it happens again, and ends the program.
      signal(SIGSEGV, SIG_DFL);
      return;
    }
    self->moment_ = {self->overlapped_->InternalHigh, self->overlapped_->Offset,
                     self->overlapped_->OffsetHigh, *self->data()};
    ++self->faults_;
    // The write is made again, and goes through.
    mprotect(self->pages_, self->page_bytes_, PROT_READ | PROT_WRITE);
  }

  static TrappedOperation* current_;

  size_t page_bytes_ = 0;
  char* pages_ = nullptr;
  LPWSAOVERLAPPED overlapped_ = nullptr;
  struct sigaction old_ = {};
  Moment moment_ = {};
  std::atomic<int> faults_{0};
};

TrappedOperation* TrappedOperation::current_ = nullptr;

class CompletionOrderTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }

  void StartRecv(SOCKET s, TrappedOperation* trap, ULONG size) {
    WSABUF buffer = {size, trap->data()};
    DWORD flags = 0;
    int error = 0;
    ASSERT_EQ(
        spi_->table().lpWSPRecv(s, &buffer, 1, nullptr, &flags,
                                trap->overlapped(), nullptr, nullptr, &error),
        SOCKET_ERROR);
    ASSERT_EQ(WsaCode{error}, kPending);
    trap->Arm();
  }
};

class TrapTest : public CompletionOrderTest {
 protected:
  void SetUp() override {
    if (kThreadSanitizer) {
      GTEST_SKIP() << "its runtime makes the write, which it can't repeat";
    }
    CompletionOrderTest::SetUp();
  }
};

TEST_F(TrapTest, InternalIsWrittenLastOfAReceive) {
  Connection connection = Connect();
  TrappedOperation trap;
  StartRecv(connection.socket, &trap, 10);
  ASSERT_TRUE(connection.peer.Write("hello"));
  EXPECT_EQ(trap.Await(), 0u);
  EXPECT_EQ(trap.moment().bytes, 5u);
  EXPECT_EQ(trap.moment().flags, 0u);
  EXPECT_EQ(trap.moment().error, 0u);
  EXPECT_EQ(trap.moment().data, 'h') << "the data come before it";
  trap.ExpectNothingWrittenLater();
}

TEST_F(TrapTest, InternalIsWrittenLastOfAFailure) {
  Connection connection = Connect();
  TrappedOperation trap;
  StartRecv(connection.socket, &trap, 10);
  connection.peer.Reset();
  EXPECT_EQ(trap.Await(), kStatusConnectionReset);
  EXPECT_EQ(trap.moment().bytes, 0u);
  EXPECT_EQ(trap.moment().error, DWORD{WSAECONNRESET});
  trap.ExpectNothingWrittenLater();
}

TEST_F(TrapTest, InternalIsWrittenLastOfACutDatagram) {
  SOCKET receiver = INVALID_SOCKET;
  SOCKET sender = INVALID_SOCKET;
  Endpoint own;
  ASSERT_EQ(spi_->DatagramSocket(&receiver), kOk);
  ASSERT_EQ(spi_->Bind(receiver, {Family::kIpv4, 0}), kOk);
  ASSERT_EQ(spi_->GetSockName(receiver, &own), kOk);
  ASSERT_EQ(spi_->DatagramSocket(&sender), kOk);
  TrappedOperation trap;
  StartRecv(receiver, &trap, 2);
  ASSERT_EQ(spi_->SendTo(sender, "long", own), kOk);
  EXPECT_EQ(trap.Await(), kStatusBufferOverflow);
  EXPECT_EQ(trap.moment().bytes, 2u);
  EXPECT_EQ(trap.moment().error, DWORD{WSAEMSGSIZE});
  EXPECT_EQ(trap.moment().data, 'l');
  trap.ExpectNothingWrittenLater();
}

TEST_F(TrapTest, InternalIsWrittenLastWhenTheSocketIsClosed) {
  Connection connection = Connect();
  TrappedOperation trap;
  StartRecv(connection.socket, &trap, 10);
  EXPECT_EQ(spi_->Close(connection.socket), kOk);
  EXPECT_EQ(trap.Await(), kStatusCancelled);
  EXPECT_EQ(trap.moment().bytes, 0u);
  EXPECT_EQ(trap.moment().error, DWORD{WSA_OPERATION_ABORTED});
  trap.ExpectNothingWrittenLater();
}

TEST_F(TrapTest, InternalIsWrittenLastByTheFinalCleanup) {
  Connection connection = Connect();
  TrappedOperation trap;
  StartRecv(connection.socket, &trap, 10);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(trap.Await(), kStatusCancelled);
  EXPECT_EQ(trap.moment().bytes, 0u);
  EXPECT_EQ(trap.moment().error, DWORD{WSA_OPERATION_ABORTED});
  trap.ExpectNothingWrittenLater();
}

// ------------------------------------------------------ seen by another thread

// As HasOverlappedIoCompleted does it. ThreadSanitizer sees what isn't ordered.
TEST_F(CompletionOrderTest, WhoPollsInternalMayReadTheRest) {
  Connection connection = Connect();
  for (int i = 0; i < 500; ++i) {
    Operation operation;
    ASSERT_EQ(spi_->StartRecv(connection.socket, &operation, 100), kPending);
    const std::string data(1 + i % 100, static_cast<char>('a' + i % 26));
    ASSERT_TRUE(connection.peer.Write(data));
    while (operation.is_pending()) {
    }
    ASSERT_EQ(operation.status(), 0u);
    ASSERT_EQ(operation.error(), 0u);
    ASSERT_EQ(operation.buffer.substr(0, operation.overlapped.InternalHigh),
              data);
  }
}

// The same of the event and of the routine: both come behind.
TEST_F(CompletionOrderTest, WhoIsToldFindsEverythingWritten) {
  Connection connection = Connect();
  for (int i = 0; i < 200; ++i) {
    Operation operation;
    Event event;
    operation.overlapped.hEvent = event.get();
    ASSERT_EQ(spi_->StartRecv(connection.socket, &operation, 100), kPending);
    ASSERT_TRUE(connection.peer.Write("hello"));
    ASSERT_TRUE(event.Wait());
    ASSERT_FALSE(operation.is_pending());
    ASSERT_EQ(operation.overlapped.InternalHigh, 5u);
    ASSERT_EQ(operation.buffer.substr(0, 5), "hello");
  }
}

}  // namespace
}  // namespace wspd::testing
