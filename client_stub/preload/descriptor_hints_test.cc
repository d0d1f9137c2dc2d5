// What the library believes of descriptors, and how it finds out.
#include "client_stub/preload/descriptor_hints.h"

#include <errno.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <limits.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <utility>

namespace wsp {
namespace {

class OwnedFd {
 public:
  explicit OwnedFd(int fd = -1) : fd_(fd) {}
  ~OwnedFd() { Reset(-1); }
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;

  int get() const { return fd_; }
  void Reset(int fd) {
    const int old = std::exchange(fd_, fd);
    if (old >= 0) close(old);
  }

 private:
  int fd_;
};

// Both ends of a relayed socket, as the daemon makes them.
class Pair {
 public:
  explicit Pair(relay::Kind kind, uint64_t number = 7) {
    int ends[2];
    const int type =
        kind == relay::Kind::kDatagram ? SOCK_SEQPACKET : SOCK_STREAM;
    EXPECT_EQ(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
    program_.Reset(ends[0]);
    daemon_.Reset(ends[1]);
    relay::Name name;
    name.instance = static_cast<uint64_t>(getpid());
    name.number = number;
    name.kind = kind;
    name.protocol = IPPROTO_TCP;
    const sockaddr_un address = relay::FormatName(name);
    EXPECT_EQ(bind(daemon_.get(), reinterpret_cast<const sockaddr*>(&address),
                   relay::kNameAddressBytes),
              0);
  }

  int fd() const { return program_.get(); }
  void CloseDaemonsEnd() { daemon_.Reset(-1); }

 private:
  OwnedFd program_;
  OwnedFd daemon_;
};

class DescriptorHintsTest : public ::testing::Test {
 protected:
  DescriptorHintsTest() {
    OwnHints();
    ForgetHints(0, UINT_MAX);
  }
};

TEST_F(DescriptorHintsTest, RelayedSocketsAreKnownByTheirNames) {
  EXPECT_EQ(FindHint(Pair(relay::Kind::kStream).fd()), Hint::kStream);
  EXPECT_EQ(FindHint(Pair(relay::Kind::kConnection).fd()), Hint::kOpenStream);
  EXPECT_EQ(FindHint(Pair(relay::Kind::kDatagram).fd()), Hint::kDatagram);
}

TEST_F(DescriptorHintsTest, ADaemonThatIsGoneLeavesItsNames) {
  Pair pair(relay::Kind::kStream);
  pair.CloseDaemonsEnd();
  EXPECT_EQ(FindHint(pair.fd()), Hint::kStream);
}

TEST_F(DescriptorHintsTest, AllElseIsPlain) {
  const OwnedFd file(open("/dev/null", O_RDWR | O_CLOEXEC));
  const OwnedFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
  const OwnedFd one(ends[0]);
  const OwnedFd other(ends[1]);
  errno = 77;
  for (const OwnedFd* fd : {&file, &socket, &one}) {
    EXPECT_EQ(HintOf(fd->get()), Hint::kUnknown);
    EXPECT_EQ(FindHint(fd->get()), Hint::kPlain);
    EXPECT_TRUE(IsPlain(fd->get()));
  }
  EXPECT_EQ(errno, 77);
}

// Whoever gets the number next isn't taken for what wasn't there.
TEST_F(DescriptorHintsTest, NothingIsNotedOfNothing) {
  const OwnedFd file(open("/dev/null", O_RDWR | O_CLOEXEC));
  const int free = file.get() + 100;
  EXPECT_EQ(FindHint(free), Hint::kPlain);
  EXPECT_EQ(HintOf(free), Hint::kUnknown);
  EXPECT_EQ(FindHint(-1), Hint::kPlain);
  EXPECT_EQ(HintOf(-1), Hint::kUnknown);
  SetHint(-1, Hint::kPlain);
  SetHint(kHintedDescriptors, Hint::kPlain);
  EXPECT_EQ(HintOf(kHintedDescriptors), Hint::kUnknown);
}

TEST_F(DescriptorHintsTest, AWrongHintIsFoundOut) {
  const OwnedFd file(open("/dev/null", O_RDWR | O_CLOEXEC));
  SetHint(file.get(), Hint::kDatagram);
  relay::Name name;
  EXPECT_FALSE(IsRelayed(file.get(), &name));
  EXPECT_TRUE(IsPlain(file.get()));
  const Pair pair(relay::Kind::kStream, 4711);
  EXPECT_TRUE(IsRelayed(pair.fd(), &name));
  EXPECT_EQ(name.number, 4711u);
  EXPECT_EQ(name.kind, relay::Kind::kStream);
}

TEST_F(DescriptorHintsTest, RangesAreForgotten) {
  for (int fd = 10; fd < 20; ++fd) SetHint(fd, Hint::kPlain);
  ForgetHints(12, 14);
  EXPECT_EQ(HintOf(11), Hint::kPlain);
  EXPECT_EQ(HintOf(12), Hint::kUnknown);
  EXPECT_EQ(HintOf(14), Hint::kUnknown);
  EXPECT_EQ(HintOf(15), Hint::kPlain);
  ForgetHints(0, UINT_MAX);
  EXPECT_EQ(HintOf(19), Hint::kUnknown);
}

TEST_F(DescriptorHintsTest, WhatIsNewIsItsMakersOnlyUntilItForks) {
  SetHint(10, Hint::kNewStream);
  SetHint(11, Hint::kOpenStream);
  AgeHintsAtFork();
  EXPECT_EQ(HintOf(10), Hint::kStream);
  EXPECT_EQ(HintOf(11), Hint::kOpenStream);
}

// A vfork child has its parent's memory and descriptors of its own.
TEST_F(DescriptorHintsTest, AVforkChildOnlyForgets) {
  const OwnedFd file(open("/dev/null", O_RDWR | O_CLOEXEC));
  SetHint(10, Hint::kPlain);
  SetHint(11, Hint::kNewStream);
  // NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork): what is tested
  const pid_t child = vfork();
  if (child == 0) {
    SetHint(10, Hint::kDatagram);
    SetHint(12, Hint::kPlain);
    FindHint(file.get());
    ForgetHint(11);
    _exit(0);
  }
  int status;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(HintOf(10), Hint::kPlain);
  EXPECT_EQ(HintOf(11), Hint::kUnknown);
  EXPECT_EQ(HintOf(12), Hint::kUnknown);
  EXPECT_EQ(HintOf(file.get()), Hint::kUnknown);
}

}  // namespace
}  // namespace wsp
