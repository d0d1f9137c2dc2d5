// What comes on a descriptor connection at its end, on real sockets.
#include "daemon/server/descriptor_channel.h"

#include <endian.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <utility>

#include "absl/synchronization/notification.h"
#include "absl/time/time.h"
#include "daemon/linux/lent_sockets.h"
#include "daemon/session/testing/session_harness.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

// Of a Linux client that says farewell, and has greeted.
class DescriptorChannelTest : public testing::Test {
 protected:
  DescriptorChannelTest() {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    OwnedFd server(fds[0]);
    client_.Reset(fds[1]);
    wsp::v1::Hello hello;
    hello.mutable_version()->set_major(1);
    hello.set_personality(wsp::v1::PERSONALITY_LINUX);
    hello.add_capabilities(wsp::v1::CAPABILITY_LENT);
    hello.add_capabilities(wsp::v1::CAPABILITY_FAREWELL);
    attachment_ = registry_.Attach(ThisPeer(), hello, 0, stream_).value();
    auto connection =
        connections_.Add(server.get(), ThisPeer(), absl::InfiniteDuration())
            .value();
    RunOnLoop([&] {
      DescriptorChannel::Serve({loop_.get(), &connections_, &registry_},
                               std::move(server), connection,
                               attachment_->token());
    });
    char greeting[16];
    EXPECT_EQ(recv(client_.get(), greeting, sizeof(greeting), MSG_WAITALL), 16);
  }

  static Peer ThisPeer() {
    Peer peer;
    peer.identity.pid = getpid();
    peer.identity.uid = geteuid();
    peer.identity.start_time_ticks = 1;
    return peer;
  }

  void RunOnLoop(const std::function<void()>& what) {
    absl::Notification done;
    loop_->Post([&] {
      what();
      done.Notify();
    });
    done.WaitForNotification();
  }

  // With the descriptor unless it is negative.
  void Send(uint64_t first, uint64_t second, int fd) {
    const uint64_t message[] = {htole64(first), htole64(second)};
    iovec bytes = {const_cast<uint64_t*>(message), sizeof(message)};
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(fd))] = {};
    msghdr header{};
    header.msg_iov = &bytes;
    header.msg_iovlen = 1;
    if (fd >= 0) {
      header.msg_control = control;
      header.msg_controllen = sizeof(control);
      cmsghdr* const rights = CMSG_FIRSTHDR(&header);
      rights->cmsg_level = SOL_SOCKET;
      rights->cmsg_type = SCM_RIGHTS;
      rights->cmsg_len = CMSG_LEN(sizeof(fd));
      memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
    }
    ASSERT_EQ(sendmsg(client_.get(), &header, MSG_DONTWAIT | MSG_NOSIGNAL), 16);
  }

  const std::unique_ptr<EventLoop> loop_ = EventLoop::Create("test").value();
  Lingerer lingerer_{{}};
  const std::shared_ptr<LentSockets> lent_sockets_ =
      LentSockets::Create({}, loop_.get());
  SessionEnvironment environment_{{loop_.get()},
                                  &lingerer_,
                                  nullptr,
                                  absl::Minutes(1),
                                  lent_sockets_.get()};
  Registry registry_{{}, loop_.get(), &environment_, &lingerer_};
  ConnectionTable connections_{loop_.get()};
  const std::shared_ptr<RecordingStream> stream_ =
      std::make_shared<RecordingStream>();
  OwnedFd client_;
  std::shared_ptr<Attachment> attachment_;
};

// Of those that nobody can be answered any more, and that are more than are
// read in a turn.
TEST_F(DescriptorChannelTest, AFarewellIsReadBehindMessagesAfterTheEnd) {
  absl::Notification held, release;
  loop_->Post([&] {
    held.Notify();
    release.WaitForNotification();
  });
  held.WaitForNotification();
  const OwnedFd shown(open("/dev/null", O_RDWR | O_CLOEXEC));
  for (uint64_t number = 1; number <= 100; ++number) {
    Send(number, 0, shown.get());
  }
  Send(0, 1, -1);
  registry_.OnStreamEnded(attachment_, stream_.get());
  char byte;
  EXPECT_EQ(recv(client_.get(), &byte, 1, MSG_DONTWAIT), 0);
  const std::shared_ptr<Client> client = attachment_->shared_client();
  EXPECT_TRUE(client->owes_farewell());
  // As the registry looks: behind what was posted, whatever comes after.
  absl::Notification seen;
  bool owes = true;
  loop_->Post([&] {
    owes = client->owes_farewell();
    seen.Notify();
  });
  release.Notify();
  seen.WaitForNotification();
  EXPECT_FALSE(owes);
}

}  // namespace
}  // namespace wspd
