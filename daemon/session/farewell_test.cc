// Of a Linux program's end: was it one in good order, or has it died? With real
// processes, whose pidfds the registry has.
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/base/owned_fd.h"
#include "daemon/session/registry.h"
#include "daemon/session/testing/session_harness.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

using wsp::v1::JournalEvent;

constexpr absl::Duration kDeadline = absl::Seconds(30);

// A child that lives until it is killed.
class Process {
 public:
  Process() : pid_(fork()) {
    while (pid_ == 0) pause();
    pidfd_ = OwnedFd(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));
  }
  ~Process() { Kill(); }

  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Has ended when this returns.
  void Kill() {
    if (std::exchange(killed_, true)) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }

  // Without a descriptor it is one that the daemon can't see the end of.
  Peer peer(bool with_pidfd = true, uid_t uid = geteuid()) const {
    Peer peer;
    peer.identity.pid = pid_;
    peer.identity.uid = uid;
    peer.identity.start_time_ticks = pid_;
    if (with_pidfd) peer.pidfd = OwnedFd(dup(pidfd_.get()));
    return peer;
  }

 private:
  const pid_t pid_;
  OwnedFd pidfd_;
  bool killed_ = false;
};

// A descriptor connection, of which the registry may find something unread.
class Sink : public DescriptorSink {
 public:
  int SendDescriptor(uint64_t, uint64_t, int) override { return 0; }
  void ReadOn() override {
    // It says that the attachment is there, too.
    if (!unread_.exchange(false)) return;
    const auto attachment = attachment_.lock();
    if (attachment == nullptr) return;
    EXPECT_TRUE(attachment->TakeFarewell(false));
  }
  void Close() override {}

  void LeaveUnread(const std::shared_ptr<Attachment>& attachment) {
    attachment_ = attachment;
    unread_ = true;
  }

 private:
  std::weak_ptr<Attachment> attachment_;
  std::atomic<bool> unread_{false};
};

// One whose end is seen at once.
class PromptStream : public RecordingStream {
 public:
  void End(const absl::Status& status) override {
    RecordingStream::End(status);
    if (on_end) on_end();
  }

  std::function<void()> on_end;
};

class FarewellTest : public testing::Test {
 protected:
  struct Attached {
    std::shared_ptr<Attachment> attachment;
    std::shared_ptr<PromptStream> stream;
    std::shared_ptr<Sink> sink;
  };

  FarewellTest() { Make(absl::Seconds(600)); }

  void Make(absl::Duration grace) {
    Registry::Options options;
    options.limits.grace = grace;
    registry_ = std::make_unique<Registry>(options, control_.get(),
                                           &environment_, &lingerer_);
  }

  // With a descriptor connection, if it `has_sockets`.
  Attached Attach(Peer peer, bool has_sockets = true,
                  bool says_farewell = true) {
    wsp::v1::Hello hello;
    hello.mutable_version()->set_major(1);
    hello.set_personality(wsp::v1::PERSONALITY_LINUX);
    if (says_farewell) hello.add_capabilities(wsp::v1::CAPABILITY_FAREWELL);
    Attached attached;
    attached.stream = std::make_shared<PromptStream>();
    attached.attachment =
        registry_->Attach(std::move(peer), hello, 0, attached.stream).value();
    attached.sink = std::make_shared<Sink>();
    if (has_sockets) {
      EXPECT_TRUE(attached.attachment->BindDescriptors(attached.sink));
    }
    return attached;
  }

  void EndStream(const Attached& attached) {
    registry_->OnStreamEnded(attached.attachment, attached.stream.get());
  }

  // The event of the next client's end, the death's with its reason.
  std::string AwaitEnd() {
    const absl::Time end = absl::Now() + kDeadline;
    uint64_t lost = 0;
    EventRecord record;
    while (absl::Now() < end) {
      if (!registry_->events()->Read(&next_event_, &record, &lost)) {
        absl::SleepFor(absl::Milliseconds(1));
      } else if (record.kind == JournalEvent::KIND_CLIENT_GONE) {
        return "gone";
      } else if (record.kind == JournalEvent::KIND_CLIENT_DIED) {
        return absl::StrContains(record.detail(), "killed") ? "died" : "";
      }
    }
    return "nothing";
  }

  uint64_t died() const {
    wsp::v1::GetServerInfoResponse info;
    registry_->FillServerInfo(&info);
    return info.clients_died_total();
  }

  const std::unique_ptr<EventLoop> control_ = *EventLoop::Create("control");
  Lingerer lingerer_{{}};
  SessionEnvironment environment_{{control_.get()}, &lingerer_};
  std::unique_ptr<Registry> registry_;
  uint64_t next_event_ = 1;
  uint64_t departures_ = 0;
};

TEST_F(FarewellTest, WhoEndsWithoutHasDied) {
  Process process;
  const Attached attached = Attach(process.peer());
  process.Kill();
  EXPECT_EQ(AwaitEnd(), "died");
  EXPECT_EQ(died(), 1u);
}

// A process's connections end before itself.
TEST_F(FarewellTest, WhoseStreamEndsFirstHasDiedToo) {
  Process process;
  EndStream(Attach(process.peer()));
  process.Kill();
  EXPECT_EQ(AwaitEnd(), "died");
  EXPECT_EQ(died(), 1u);
}

TEST_F(FarewellTest, WhoSaysItHasGone) {
  Process process;
  const Attached attached = Attach(process.peer());
  EXPECT_TRUE(attached.attachment->TakeFarewell(false));
  process.Kill();
  EXPECT_EQ(AwaitEnd(), "gone");
  EXPECT_EQ(died(), 0u);
}

TEST_F(FarewellTest, ItIsReadBeforeAnybodyIsSaidToHaveDied) {
  Process process;
  const Attached attached = Attach(process.peer());
  attached.sink->LeaveUnread(attached.attachment);
  process.Kill();
  EXPECT_EQ(AwaitEnd(), "gone");
}

TEST_F(FarewellTest, ItIsReadBeforeAStreamsEndCounts) {
  Process process;
  const Attached attached = Attach(process.peer());
  attached.sink->LeaveUnread(attached.attachment);
  EndStream(attached);
  process.Kill();
  EXPECT_EQ(AwaitEnd(), "gone");
}

// The attachment of its lookups ends last.
TEST_F(FarewellTest, ItCountsForAllAttachments) {
  Process process;
  const Attached lookups = Attach(process.peer(), false);
  {
    const Attached sockets = Attach(process.peer());
    sockets.sink->LeaveUnread(sockets.attachment);
    EndStream(sockets);
  }
  EndStream(lookups);
  process.Kill();
  EXPECT_EQ(AwaitEnd(), "gone");
}

TEST_F(FarewellTest, NoneCountsForAllAttachmentsToo) {
  Process process;
  const Attached lookups = Attach(process.peer(), false);
  EndStream(Attach(process.peer()));
  EndStream(lookups);
  process.Kill();
  EXPECT_EQ(AwaitEnd(), "died");
}

TEST_F(FarewellTest, WhoTakesItBackAndEndsHasDied) {
  Process process;
  const Attached attached = Attach(process.peer());
  EXPECT_TRUE(attached.attachment->TakeFarewell(false));
  EXPECT_TRUE(attached.attachment->TakeFarewell(true));
  process.Kill();
  EXPECT_EQ(AwaitEnd(), "died");
}

TEST_F(FarewellTest, WhoLivesOnWithoutHasGone) {
  Make(absl::Milliseconds(50));
  Process process;
  EndStream(Attach(process.peer()));
  EXPECT_EQ(AwaitEnd(), "gone");
  EXPECT_EQ(died(), 0u);
}

TEST_F(FarewellTest, WhoIsNotSeenToEndHasGone) {
  Process process;
  EndStream(Attach(process.peer(false)));
  EXPECT_EQ(AwaitEnd(), "gone");
}

TEST_F(FarewellTest, WhoHasNoSocketsOwesNone) {
  Process process;
  const Attached attached = Attach(process.peer(), false);
  process.Kill();
  EXPECT_EQ(AwaitEnd(), "gone");
}

TEST_F(FarewellTest, WhoDoesNotOfferItOwesNone) {
  Process process;
  const Attached attached = Attach(process.peer(), true, false);
  EXPECT_FALSE(attached.attachment->TakeFarewell(false));
  process.Kill();
  EXPECT_EQ(AwaitEnd(), "gone");
}

TEST_F(FarewellTest, OfManyThatMayStillDieSomeAreNotWaitedFor) {
  std::vector<std::unique_ptr<Process>> processes;
  for (int i = 0; i < 257; ++i) {
    processes.push_back(std::make_unique<Process>());
    EndStream(Attach(processes.back()->peer()));
  }
  EXPECT_EQ(AwaitEnd(), "gone");
}

TEST_F(FarewellTest, WhoLeavesAgainAndAgainDoesNotHideADeath) {
  Process busy, victim;
  // More than are waited for.
  constexpr int kDepartures = 512;
  auto depart_often = [&] {
    for (int i = 0; i < kDepartures; ++i) {
      // Each time as if another process had the number.
      Peer peer = busy.peer();
      peer.identity.start_time_ticks += ++departures_;
      EndStream(Attach(std::move(peer)));
    }
  };
  depart_often();
  EndStream(Attach(victim.peer(true, geteuid() + 1)));
  depart_often();
  for (int i = 0; i < 2 * kDepartures - 255; ++i) {
    ASSERT_EQ(AwaitEnd(), "gone") << i;
  }
  victim.Kill();
  EXPECT_EQ(AwaitEnd(), "died");
}

TEST_F(FarewellTest, WhoAttachesAnewHasNotDied) {
  Process process;
  EndStream(Attach(process.peer()));
  // Its end is waited for by then.
  absl::Notification idle;
  control_->Post([&idle] { idle.Notify(); });
  idle.WaitForNotification();
  const Attached again = Attach(process.peer());
  EXPECT_EQ(AwaitEnd(), "gone");
  EXPECT_TRUE(again.attachment->TakeFarewell(false));
  process.Kill();
  EXPECT_EQ(AwaitEnd(), "gone");
  EXPECT_EQ(died(), 0u);
}

// Though the end of its stream is seen at once.
TEST_F(FarewellTest, WhoIsEndedForMisuseHasNotDied) {
  Process process;
  const Attached attached = Attach(process.peer());
  attached.stream->on_end = [&] { EndStream(attached); };
  registry_->EndForMisuse(attached.attachment,
                          absl::InvalidArgumentError("misuse"));
  process.Kill();
  EXPECT_EQ(AwaitEnd(), "gone");
  EXPECT_EQ(died(), 0u);
}

// Who waits for the end of one needn't wait for the daemon's.
TEST_F(FarewellTest, AllAreToldOfWhenTheDaemonStops) {
  Process process;
  EndStream(Attach(process.peer()));
  registry_->EndAll();
  EXPECT_EQ(AwaitEnd(), "gone");
}

}  // namespace
}  // namespace wspd
