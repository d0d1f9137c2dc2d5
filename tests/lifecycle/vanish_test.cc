// Threads that vanish while they wait in the provider leave nothing held: the
// others go on.
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "client_stub/spi_client/blocking_hook.h"
#include "tests/testing/admin_view.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/thread_group.h"

namespace wspd::testing {
namespace {

constexpr int kThreads = 64;

thread_local sigjmp_buf way_out;
thread_local volatile sig_atomic_t has_way_out = 0;

void JumpOut(int) {
  if (has_way_out) siglongjmp(way_out, 1);
}

class VanishTest : public ProviderTest {
 protected:
  enum class Fate {
    kServed,
    kCancelled,
    // Jumps out of a signal handler and calls the provider again.
    kJumped,
    // Jumps out and ends.
    kJumpedAndEnded,
  };
  enum class Call { kRecv, kAccept, kConnect, kSend };
  static constexpr int kCalls = 4;

  VanishTest()
      : full_([] {
          PeerListener::Options options;
          options.backlog = kThreads / kCalls;
          return options;
        }()),
        narrow_([] {
          PeerListener::Options options;
          options.receive_buffer = 256 << 10;
          return options;
        }()) {}

  void SetUp() override {
    ProviderTest::SetUp();
    struct sigaction action = {};
    action.sa_handler = JumpOut;
    sigaction(SIGUSR1, &action, nullptr);
    full_.FillBacklog();
    ASSERT_EQ(spi_->Startup(), kOk);
  }

  struct Waiter {
    Call call = Call::kRecv;
    SOCKET socket = INVALID_SOCKET;
    // Of a connection, and that to be accepted.
    PeerSocket peer;
    // Where a kAccept listens.
    Endpoint endpoint;
    std::atomic<bool> served{false};
    std::atomic<bool> jumped{false};
  };

  void Prepare(Waiter* waiter, Call call) {
    waiter->call = call;
    if (call == Call::kAccept) {
      ASSERT_EQ(spi_->ListenNew(&waiter->socket, &waiter->endpoint), kOk);
    } else if (call == Call::kConnect) {
      ASSERT_EQ(spi_->Socket(&waiter->socket), kOk);
    } else {
      Connection connection = Connect(narrow_);
      waiter->socket = connection.socket;
      waiter->peer = std::move(connection.peer);
    }
  }

  // Blocks until the waiter is served. Whether it was, in full. No object of
  // its own has a destructor that a jump would skip.
  bool Block(Waiter* waiter) {
    switch (waiter->call) {
      case Call::kRecv: {
        char data[16];
        DWORD count = 0, flags = 0;
        int error = 0;
        WSABUF buffer = {sizeof(data), data};
        const int result =
            spi_->table().lpWSPRecv(waiter->socket, &buffer, 1, &count, &flags,
                                    nullptr, nullptr, nullptr, &error);
        return result == 0 && count == 5 && memcmp(data, "hello", 5) == 0;
      }
      case Call::kAccept: {
        SOCKET accepted;
        return spi_->Accept(waiter->socket, &accepted).ok() &&
               spi_->Close(accepted).ok();
      }
      case Call::kConnect:
        return spi_->Connect(waiter->socket, full_.endpoint()).ok();
      case Call::kSend: {
        size_t sent = 0;
        return spi_->Send(waiter->socket, much_, &sent).ok() &&
               sent == much_.size();
      }
    }
    return false;
  }

  void Wait(Waiter* waiter, Fate fate) {
    if (sigsetjmp(way_out, 1) != 0) {
      has_way_out = 0;
      waiter->jumped = true;
      if (fate == Fate::kJumpedAndEnded) return;
      int value;
      EXPECT_EQ(
          spi_->GetOption(waiter->socket, SOL_SOCKET, SO_LINGER, &value).code,
          0);
      return;
    }
    has_way_out = 1;
    const bool served = Block(waiter);
    has_way_out = 0;
    waiter->served = served;
  }

  // Lets a waiter's call end. A kConnect waits for MakeRoom.
  void Serve(Waiter* waiter) {
    switch (waiter->call) {
      case Call::kRecv:
        EXPECT_TRUE(waiter->peer.Write("hello"));
        break;
      case Call::kAccept:
        waiter->peer = PeerSocket::ConnectTo(waiter->endpoint);
        break;
      case Call::kConnect:
        break;
      case Call::kSend:
        EXPECT_EQ(waiter->peer.Read(much_.size()).size(), much_.size());
        break;
    }
  }

  // For all connects: whose handshake it is that has its turn next, the kernel
  // decides.
  void MakeRoom() {
    for (;;) {
      PeerSocket peer = full_.Accept(milliseconds(0));
      if (!peer.is_open()) return;
      let_in_.push_back(std::move(peer));
    }
  }

  // Has all threads end, each as its fate says, in a random order.
  void Fulfil(const std::vector<Fate>& fates, std::vector<Waiter>* waiters,
              ThreadGroup* threads) {
    std::vector<int> order(kThreads), late;
    for (int i = 0; i < kThreads; ++i) order[i] = i;
    std::shuffle(order.begin(), order.end(), random_);
    int ending = 0;
    for (const int i : order) {
      Waiter* const waiter = &(*waiters)[i];
      if (fates[i] == Fate::kCancelled) {
        pthread_cancel(threads->native_handle(i));
      } else if (fates[i] != Fate::kServed) {
        pthread_kill(threads->native_handle(i), SIGUSR1);
      } else if (random_() % 2 == 0) {
        // Now and then one that stays is served in between.
        Serve(waiter);
      } else {
        late.push_back(i);
        continue;
      }
      ending += fates[i] != Fate::kServed || waiter->call != Call::kConnect;
    }
    // Room is for every connect, so that only those may be left that stay.
    EXPECT_TRUE(WaitUntil([&] { return threads->ended() == ending; }));
    MakeRoom();
    for (const int i : late) Serve(&(*waiters)[i]);
    EXPECT_TRUE(WaitUntil([&] {
      MakeRoom();
      return threads->ended() == kThreads;
    }));
    threads->JoinAll();
  }

  // Lets 64 threads wait, some vanish, and looks after the others.
  void Run(const std::vector<Fate>& fates) {
    std::vector<Waiter> waiters(kThreads);
    ThreadGroup threads;
    for (int i = 0; i < kThreads; ++i) {
      Prepare(&waiters[i], static_cast<Call>(i % kCalls));
      ASSERT_FALSE(HasFailure());
      threads.Start("waiter", [this, waiter = &waiters[i], fate = fates[i]] {
        Wait(waiter, fate);
      });
    }
    ASSERT_TRUE(threads.WaitUntilBlocked());
    ASSERT_EQ(threads.ended(), 0);
    Fulfil(fates, &waiters, &threads);
    for (int i = 0; i < kThreads; ++i) {
      const bool jumped =
          fates[i] == Fate::kJumped || fates[i] == Fate::kJumpedAndEnded;
      EXPECT_EQ(waiters[i].served, fates[i] == Fate::kServed) << i;
      EXPECT_EQ(waiters[i].jumped, jumped) << i;
    }
    ExpectNothingPending();
    if (HasFailure()) return;
    for (int i = 0; i < kThreads; ++i) {
      if (fates[i] != Fate::kServed) ExpectNobodyTakes(&waiters[i]);
    }
    ExpectStillUsable(&waiters);
    let_in_.clear();  // the daemon's end lingers as long
  }

  // The daemon does nothing any more for those that vanished.
  void ExpectNothingPending() {
    AdminView admin(daemon_.admin_socket());
    std::optional<AdminView::Client> client;
    EXPECT_TRUE(WaitUntil(
        [&] {
          client = admin.FindClient();
          return client.has_value() && client->pending_calls == 0;
        },
        seconds(5)))
        << client->pending_calls << " calls are pending";
  }

  // What comes now is for the next call, not for one that vanished.
  void ExpectNobodyTakes(Waiter* waiter) {
    if (waiter->call == Call::kRecv) {
      std::string data;
      EXPECT_EQ(spi_->SetOption(waiter->socket, SOL_SOCKET, SO_RCVTIMEO, 10000),
                kOk);
      EXPECT_TRUE(waiter->peer.Write("next"));
      EXPECT_EQ(spi_->RecvExactly(waiter->socket, 4, &data), kOk);
      EXPECT_EQ(data, "next");
    } else if (waiter->call == Call::kAccept) {
      EXPECT_EQ(spi_->SetNonBlocking(waiter->socket, true), kOk);
      const PeerSocket peer = PeerSocket::ConnectTo(waiter->endpoint);
      SOCKET accepted;
      EXPECT_TRUE(WaitUntil(
          [&] { return spi_->Accept(waiter->socket, &accepted).ok(); },
          seconds(10)));
    }
  }

  void ExpectStillUsable(std::vector<Waiter>* waiters) {
    Connection fresh = Connect();
    std::string data;
    EXPECT_TRUE(fresh.peer.Write("fresh"));
    EXPECT_EQ(spi_->RecvExactly(fresh.socket, 5, &data), kOk);
    for (Waiter& waiter : *waiters) {
      EXPECT_EQ(spi_->Close(waiter.socket), kOk);
    }
    EXPECT_EQ(spi_->Cleanup(), kOk);
    EXPECT_EQ(fresh.peer.WaitForEnd(), Ending::kReset);
    EXPECT_EQ(spi_->Cleanup(), WsaCode{WSANOTINITIALISED});
  }

  std::vector<Fate> RandomFates(const std::vector<Fate>& choices) {
    std::vector<Fate> fates(kThreads);
    for (Fate& fate : fates) fate = choices[random_() % choices.size()];
    return fates;
  }

  std::mt19937 random_{20100106};
  // Its backlog has no room for a connect.
  PeerListener full_;
  std::vector<PeerSocket> let_in_;
  // Its connections take less than much_ as long as they aren't read.
  PeerListener narrow_;
  const std::string much_ = std::string(8 << 20, 'x');
};

TEST_F(VanishTest, ByCancellation) {
  Run(RandomFates({Fate::kServed, Fate::kCancelled}));
}

TEST_F(VanishTest, ByJumpingOutOfASignalHandler) {
  Run(RandomFates({Fate::kServed, Fate::kJumped}));
}

TEST_F(VanishTest, ByJumpingOutAndEnding) {
  Run(RandomFates({Fate::kServed, Fate::kJumpedAndEnded}));
}

TEST_F(VanishTest, ByBoth) {
  Run(RandomFates({Fate::kServed, Fate::kCancelled, Fate::kJumped}));
}

TEST_F(VanishTest, AllButOne) {
  std::vector<Fate> fates = RandomFates({Fate::kCancelled, Fate::kJumped});
  fates[kThreads / 2] = Fate::kServed;
  Run(fates);
}

// A handler that returns is no way out: the call goes on.
TEST_F(VanishTest, SignalAloneInterruptsNothing) {
  Connection connection = Connect();
  ThreadGroup threads;
  threads.Start("recv", [&] {
    std::string data;
    EXPECT_EQ(spi_->Recv(connection.socket, 10, &data), kOk);
    EXPECT_EQ(data, "hello");
  });
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(threads.WaitUntilBlocked());
    pthread_kill(threads.native_handle(0), SIGUSR1);
  }
  EXPECT_TRUE(connection.peer.Write("hello"));
  threads.JoinAll(seconds(10));
}

// ---------------------------------------------- from startups and cleanups

class LifecycleVanishTest : public VanishTest {
 protected:
  // A thread on its own in a call that the stopped daemon holds up, which it
  // leaves if `call` doesn't come back first.
  void StartHeldUp(ThreadGroup* threads, int (*call)(Spi*)) {
    daemon_.Pause();
    threads->Start("held up", [this, call] {
      if (sigsetjmp(way_out, 1) == 0) {
        has_way_out = 1;
        result_ = call(spi_.get());
      }
      has_way_out = 0;
    });
    ASSERT_TRUE(threads->WaitUntilBlocked());
  }
  static int CleanUp(Spi* spi) {
    int error = 0;
    spi->table().lpWSPCleanup(&error);
    return error;
  }
  static int StartUp(Spi* spi) { return spi->Startup().code; }

  void ExpectUsable() {
    ASSERT_EQ(spi_->Startup(), kOk);
    Connection connection = Connect();
    EXPECT_EQ(spi_->Cleanup(), kOk);
    EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
    EXPECT_EQ(spi_->Cleanup(), WsaCode{WSANOTINITIALISED});
  }

  std::atomic<int> result_{-1};
};

TEST_F(LifecycleVanishTest, JumpWaitsForTheEndOfACleanup) {
  ASSERT_EQ(spi_->Startup(), kOk);
  ThreadGroup threads;
  StartHeldUp(&threads, CleanUp);
  pthread_kill(threads.native_handle(0), SIGUSR1);
  ASSERT_TRUE(threads.WaitUntilBlocked());  // unless it has jumped
  daemon_.Resume();
  threads.JoinAll(seconds(10));
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(spi_->Cleanup(), WsaCode{WSANOTINITIALISED});
  ExpectUsable();
}

TEST_F(LifecycleVanishTest, JumpWaitsForTheEndOfAStartup) {
  ThreadGroup threads;
  StartHeldUp(&threads, StartUp);
  pthread_kill(threads.native_handle(0), SIGUSR1);
  ASSERT_TRUE(threads.WaitUntilBlocked());  // unless it has jumped
  daemon_.Resume();
  threads.JoinAll(seconds(10));
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(spi_->Cleanup(), WsaCode{WSANOTINITIALISED});
  ExpectUsable();
}

TEST_F(LifecycleVanishTest, CancelledThreadStillEndsTheCallsOfOthers) {
  Connection connection = Connect();
  ThreadGroup blocked;
  blocked.Start("recv", [&] {
    std::string data;
    EXPECT_EQ(spi_->Recv(connection.socket, 10, &data), WsaCode{WSAEINTR});
  });
  ASSERT_TRUE(blocked.WaitUntilBlocked());
  ThreadGroup threads;
  StartHeldUp(&threads, CleanUp);
  pthread_cancel(threads.native_handle(0));
  ASSERT_TRUE(threads.WaitUntilBlocked());  // unless it has gone
  daemon_.Resume();
  threads.JoinAll(seconds(10));
  blocked.JoinAll(seconds(10));
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(spi_->Cleanup(), WsaCode{WSANOTINITIALISED});
  ExpectUsable();
}

// ----------------------------------------- from hooks and condition functions

BOOL CALLBACK JumpingHook(DWORD_PTR) {
  JumpOut(0);
  return FALSE;
}

int CALLBACK JumpingCondition(LPWSABUF, LPWSABUF, LPQOS, LPQOS, LPWSABUF,
                              LPWSABUF, GROUP*, DWORD_PTR) {
  JumpOut(0);
  return CF_ACCEPT;
}

class CallbackVanishTest : public VanishTest {
 protected:
  // Makes a call that the thread jumps out of.
  void JumpOutOf(void (*call)(CallbackVanishTest*)) {
    if (sigsetjmp(way_out, 1) == 0) {
      has_way_out = 1;
      call(this);
      ADD_FAILURE() << "came back";
    }
    has_way_out = 0;
  }
  static void ReceiveWithHook(CallbackVanishTest* test) {
    spi_client::SetBlockingHook({JumpingHook, 0});
    char data[16];
    DWORD count = 0, flags = 0;
    int error = 0;
    WSABUF buffer = {sizeof(data), data};
    test->spi_->table().lpWSPRecv(test->socket_, &buffer, 1, &count, &flags,
                                  nullptr, nullptr, nullptr, &error);
  }
  static void AcceptWithCondition(CallbackVanishTest* test) {
    int error = 0;
    test->spi_->table().lpWSPAccept(test->socket_, nullptr, nullptr,
                                    JumpingCondition, 0, &error);
  }

  // The thread that jumped may make calls, and stays as it is while another
  // cleans up.
  void ExpectNothingHeld(Connection* fresh) {
    std::string data;
    ASSERT_TRUE(fresh->peer.Write("fresh"));
    EXPECT_EQ(spi_->RecvExactly(fresh->socket, 5, &data), kOk);
    ThreadGroup other;
    other.Start("cleanup", [this] { EXPECT_EQ(spi_->Cleanup(), kOk); });
    other.JoinAll(seconds(10));
    EXPECT_EQ(fresh->peer.WaitForEnd(), Ending::kReset);
    EXPECT_EQ(spi_->Cleanup(), WsaCode{WSANOTINITIALISED});
  }

  SOCKET socket_ = INVALID_SOCKET;
};

TEST_F(CallbackVanishTest, JumpOutOfABlockingHook) {
  Connection connection = Connect();
  Connection fresh = Connect();
  socket_ = connection.socket;
  JumpOutOf(ReceiveWithHook);
  spi_client::SetBlockingHook({});
  // Its receive is cancelled, before the daemon answers what comes after, and
  // takes nothing.
  u_long readable = 0;
  EXPECT_EQ(spi_->BytesReadable(connection.socket, &readable), kOk);
  ASSERT_TRUE(connection.peer.Write("hello"));
  std::string data;
  EXPECT_EQ(spi_->RecvExactly(connection.socket, 5, &data), kOk);
  EXPECT_EQ(data, "hello");
  ExpectNothingHeld(&fresh);
}

TEST_F(CallbackVanishTest, JumpOutOfAConditionFunctionDefers) {
  Connection fresh = Connect();
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&socket_, &endpoint), kOk);
  PeerSocket peer = PeerSocket::ConnectTo(endpoint);
  ASSERT_TRUE(peer.is_open());
  JumpOutOf(AcceptWithCondition);
  SOCKET accepted;
  EXPECT_EQ(spi_->Accept(socket_, &accepted), kOk);
  EXPECT_EQ(spi_->Send(accepted, "hello"), kOk);
  EXPECT_EQ(peer.Read(5), "hello");
  ExpectNothingHeld(&fresh);
}

TEST_F(CallbackVanishTest, JumpByAnotherThreadLeavesTheCleanupFree) {
  Connection connection = Connect();
  Connection fresh = Connect();
  socket_ = connection.socket;
  int go[2];
  ASSERT_EQ(pipe(go), 0);
  ThreadGroup threads;
  threads.Start("jumper", [&] {
    JumpOutOf(ReceiveWithHook);
    spi_client::SetBlockingHook({});
    char byte;
    EXPECT_EQ(read(go[0], &byte, 1), 1);
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  ExpectNothingHeld(&fresh);
  ASSERT_EQ(write(go[1], "x", 1), 1);
  threads.JoinAll(seconds(10));
  close(go[0]);
  close(go[1]);
}

// A wait inside a condition function that the thread jumps out of, down to the
// function: only that call is gone, and the enclosing one goes on.
SOCKET nested_socket = INVALID_SOCKET;
Spi* nested_spi = nullptr;
std::atomic<int> nested_cleanup{-1};

int CALLBACK JumpingWithinCondition(LPWSABUF, LPWSABUF, LPQOS, LPQOS, LPWSABUF,
                                    LPWSABUF, GROUP*, DWORD_PTR) {
  if (sigsetjmp(way_out, 1) == 0) {
    has_way_out = 1;
    char data[16];
    DWORD count = 0, flags = 0;
    int error = 0;
    WSABUF buffer = {sizeof(data), data};
    nested_spi->table().lpWSPRecv(nested_socket, &buffer, 1, &count, &flags,
                                  nullptr, nullptr, nullptr, &error);
  }
  has_way_out = 0;
  nested_cleanup = nested_spi->Cleanup().code;
  return CF_ACCEPT;
}

TEST_F(CallbackVanishTest, JumpOutOfANestedWaitKeepsTheEnclosingCall) {
  Connection connection = Connect();
  nested_spi = spi_.get();
  nested_socket = connection.socket;
  nested_cleanup = -1;
  Endpoint endpoint;
  ASSERT_EQ(spi_->ListenNew(&socket_, &endpoint), kOk);
  PeerSocket peer = PeerSocket::ConnectTo(endpoint);
  ASSERT_TRUE(peer.is_open());
  ThreadGroup threads;
  threads.Start("accept", [&] {
    SOCKET accepted;
    EXPECT_EQ(spi_->Accept(socket_, &accepted, JumpingWithinCondition),
              WsaCode{WSAEINTR});
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  pthread_kill(threads.native_handle(0), SIGUSR1);
  threads.JoinAll(seconds(10));
  EXPECT_EQ(WsaCode{nested_cleanup}, kOk);
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(spi_->Cleanup(), WsaCode{WSANOTINITIALISED});
}

// ------------------------------------ calls of handlers that run in a wait

std::atomic<int> handler_result{-1};

void CallingHandler(int) {
  handler_result = -2;
  int value;
  handler_result =
      nested_spi->GetOption(nested_socket, SOL_SOCKET, SO_TYPE, &value).code;
}

class HandlerCallTest : public VanishTest {
 protected:
  void SetUp() override {
    VanishTest::SetUp();
    struct sigaction action = {};
    action.sa_handler = CallingHandler;
    sigaction(SIGUSR2, &action, nullptr);
    nested_spi = spi_.get();
    handler_result = -1;
    other_ = Connect();
    nested_socket = other_.socket;
  }
  void SignalAndAwaitHandler(pthread_t thread) {
    pthread_kill(thread, SIGUSR2);
    ASSERT_TRUE(WaitUntil([] { return handler_result >= 0; }));
    EXPECT_EQ(WsaCode{handler_result}, kOk);
  }

  Connection other_;
};

TEST_F(HandlerCallTest, LeaveTheInterruptedWaitAlone) {
  Connection connection = Connect();
  ThreadGroup threads;
  threads.Start("recv", [&] {
    std::string data;
    EXPECT_EQ(spi_->Recv(connection.socket, 10, &data), kOk);
    EXPECT_EQ(data, "hello");
  });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  SignalAndAwaitHandler(threads.native_handle(0));
  ASSERT_TRUE(connection.peer.Write("hello"));
  threads.JoinAll(seconds(10));
}

// A close that waits for its data to be read.
class LingeringCloseTest : public HandlerCallTest {
 protected:
  void SetUp() override {
    HandlerCallTest::SetUp();
    MakeLingering();
  }
  void MakeLingering() {
    PeerListener::Options options;
    options.receive_buffer = 4096;
    PeerListener narrow(options);
    lingering_ = Connect(narrow);
    ASSERT_EQ(spi_->SetLinger(lingering_.socket, true, 60), kOk);
    ASSERT_EQ(spi_->Send(lingering_.socket, std::string(kUnread, 'x')), kOk);
  }
  static int Close(Spi* spi, SOCKET s) {
    int error = 0;
    spi->table().lpWSPCloseSocket(s, &error);
    return error;
  }

  static constexpr size_t kUnread = 256 << 10;
  Connection lingering_;
};

TEST_F(LingeringCloseTest, SurvivesCallsOfAHandler) {
  ThreadGroup threads;
  threads.Start("close",
                [&] { EXPECT_EQ(spi_->Close(lingering_.socket), kOk); });
  ASSERT_TRUE(threads.WaitUntilBlocked());
  SignalAndAwaitHandler(threads.native_handle(0));
  EXPECT_EQ(lingering_.peer.ReadToEnd().data.size(), kUnread);
  threads.JoinAll(seconds(10));
}

TEST_F(LingeringCloseTest, CanBeMadeAgainByAnotherThread) {
  for (const bool cancel : {false, true}) {
    SOCKET s = lingering_.socket;
    ThreadGroup threads;
    threads.Start("close", [&] {
      if (sigsetjmp(way_out, 1) == 0) {
        has_way_out = 1;
        Close(spi_.get(), s);
      }
      has_way_out = 0;
    });
    ASSERT_TRUE(threads.WaitUntilBlocked());
    if (cancel) {
      pthread_cancel(threads.native_handle(0));
    } else {
      pthread_kill(threads.native_handle(0), SIGUSR1);
    }
    threads.JoinAll(seconds(10));
    EXPECT_EQ(spi_->Close(s), kOk);
    EXPECT_EQ(spi_->Close(s), WsaCode{WSAENOTSOCK});
    MakeLingering();
  }
}

}  // namespace
}  // namespace wspd::testing
