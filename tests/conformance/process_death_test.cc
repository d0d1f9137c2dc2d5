// C7 of 3.3: a process that dies without cleanup has the same effect as the
// final cleanup for all its counts.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "tests/conformance/fixture.h"
#include "tests/testing/owned_fd.h"

namespace wspd::conformance {
namespace {

class ProcessDeathTest : public ::testing::TestWithParam<Family>,
                         protected Calls {
 protected:
  // Forks a process that loads the provider, starts it up twice, does `work`
  // and is killed, or exits without cleanup, as soon as that is done. This
  // process has no threads, and hasn't loaded the provider.
  void DieAfter(int signal, const std::function<bool()>& work) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      std::unique_ptr<Spi> spi = Spi::Load(ProviderPath());
      if (spi == nullptr || !spi->Startup().ok() || !spi->Startup().ok()) {
        _exit(2);
      }
      UseTable(&spi->table());
      if (!work()) _exit(1);
      if (signal != 0) kill(getpid(), signal);
      _exit(0);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    if (signal != 0) {
      EXPECT_TRUE(WIFSIGNALED(status)) << status;
    } else {
      EXPECT_EQ(status, 0);
    }
  }

  SOCKET Connected(const PeerListener& listener) {
    SOCKET s = INVALID_SOCKET;
    const bool ok =
        Socket(&s, AddressFamily(GetParam()), SOCK_STREAM, IPPROTO_TCP).ok() &&
        Connect(s, SockAddr::Of(listener.endpoint())).ok();
    return ok ? s : INVALID_SOCKET;
  }
};
WSPD_FOR_BOTH_FAMILIES(ProcessDeathTest);

TEST_P(ProcessDeathTest, KilledProcesssConnectionIsReset) {
  PeerListener listener(GetParam());
  DieAfter(SIGKILL, [&] { return Connected(listener) != INVALID_SOCKET; });
  PeerSocket peer = listener.Accept();
  ASSERT_TRUE(peer.is_open());
  EXPECT_EQ(peer.WaitForEnd(), Ending::kReset);
}

TEST_P(ProcessDeathTest, ExitWithoutCleanupResetsTheConnection) {
  PeerListener listener(GetParam());
  DieAfter(0, [&] { return Connected(listener) != INVALID_SOCKET; });
  PeerSocket peer = listener.Accept();
  ASSERT_TRUE(peer.is_open());
  EXPECT_EQ(peer.WaitForEnd(), Ending::kReset);
}

// It is the process that counts, not who else has what it used: a forked child,
// which inherits all descriptors, lives on.
TEST_P(ProcessDeathTest, ForkedChildKeepsNothingOpen) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const testing::OwnedFd child_end(ends[0]);
  testing::OwnedFd own_end(ends[1]);
  PeerListener listener(GetParam());
  DieAfter(SIGKILL, [&] {
    if (Connected(listener) == INVALID_SOCKET) return false;
    const pid_t forked = fork();
    if (forked != 0) return forked > 0;
    // Until the case is over, however it ends.
    close(own_end.get());
    char byte;
    _exit(read(child_end.get(), &byte, 1) == 0 ? 0 : 1);
  });
  PeerSocket peer = listener.Accept();
  ASSERT_TRUE(peer.is_open());
  EXPECT_EQ(peer.WaitForEnd(), Ending::kReset);
}

// C5, C7: what was closed before is still sent.
TEST_P(ProcessDeathTest, ClosedSocketStillSendsItsData) {
  constexpr size_t kSize = 100000;
  PeerListener listener(GetParam());
  DieAfter(SIGKILL, [&] {
    const SOCKET s = Connected(listener);
    return SendText(s, std::string(kSize, 'x')).ok() && Close(s).ok();
  });
  PeerSocket peer = listener.Accept();
  ASSERT_TRUE(peer.is_open());
  const PeerSocket::Rest rest = peer.ReadToEnd();
  EXPECT_EQ(rest.data.size(), kSize);
  EXPECT_EQ(rest.ending, Ending::kOrderly);
}

}  // namespace
}  // namespace wspd::conformance
