// WSPSelect: what becomes of the sets (4.6).
#include <sys/mman.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "tests/conformance/select_fixture.h"
#include "tests/testing/peer_datagrams.h"

namespace wspd::conformance {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::PeerDatagrams;

class SelectSetsTest : public VariantTest {
 protected:
  // Sockets that are all writable, and all of this variant.
  std::vector<SOCKET> NewWritable(size_t count) {
    std::vector<SOCKET> sockets;
    for (size_t i = 0; i < count; ++i) {
      if (protocol() == Protocol::kUdp) {
        sockets.push_back(NewBound(family(), Protocol::kUdp));
        continue;
      }
      pairs_.push_back(std::make_unique<Pair>(NewConnection(family())));
      sockets.push_back(pairs_.back()->socket);
    }
    return sockets;
  }
  SOCKET NewWritable() { return NewWritable(1).front(); }
  // One that is readable too.
  SOCKET NewReady() {
    const SOCKET s = NewWritable();
    if (protocol() == Protocol::kUdp) {
      SockAddr name;
      EXPECT_EQ(GetSockName(s, &name), kOk);
      EXPECT_TRUE(PeerDatagrams(family()).Send("x", name.ToEndpoint()));
    } else {
      EXPECT_TRUE(pairs_.back()->peer.Write("x"));
    }
    EXPECT_TRUE(WaitReadable(s));
    return s;
  }

  std::vector<std::unique_ptr<Pair>> pairs_;
};
WSPD_FOR_ALL_VARIANTS(SelectSetsTest);

// All sets NULL or empty → WSAEINVAL.
TEST_P(SelectSetsTest, NoSetsAreInvalid) {
  int ready = 0;
  EXPECT_EQ(Select(nullptr, nullptr, nullptr, &kAtOnce, &ready),
            WsaCode{WSAEINVAL});
}

TEST_P(SelectSetsTest, EmptySetsAreInvalid) {
  SocketSet read({}), write({}), except({});
  int ready = 0;
  EXPECT_EQ(Select(read.get(), write.get(), except.get(), &kAtOnce, &ready),
            WsaCode{WSAEINVAL});
}

TEST_P(SelectSetsTest, EmptySetBesideAnotherIsFine) {
  const SOCKET s = NewWritable();
  SocketSet read({}), write({s});
  int ready = 0;
  EXPECT_EQ(Select(read.get(), write.get(), nullptr, &kAtOnce, &ready), kOk);
  EXPECT_EQ(ready, 1);
}

// INVALID_SOCKET/closed in a set → WSAENOTSOCK with sets untouched.
TEST_P(SelectSetsTest, ClosedSocketInASet) {
  const SOCKET s = NewWritable(), closed = New();
  EXPECT_EQ(Close(closed), kOk);
  for (SOCKET bad : {closed, INVALID_SOCKET}) {
    SocketSet read({s}), write({s, bad});
    int ready = 0;
    EXPECT_EQ(Select(read.get(), write.get(), nullptr, &kAtOnce, &ready),
              WsaCode{WSAENOTSOCK});
    EXPECT_THAT(read.sockets(), ElementsAre(s));
    EXPECT_THAT(write.sockets(), ElementsAre(s, bad));
  }
}

// Duplicates collapse to one.
TEST_P(SelectSetsTest, DuplicatesBecomeOne) {
  const SOCKET s = NewWritable();
  SocketSet write({s, s, s});
  int ready = 0;
  EXPECT_EQ(Select(nullptr, write.get(), nullptr, &kAtOnce, &ready), kOk);
  EXPECT_EQ(ready, 1);
  EXPECT_THAT(write.sockets(), ElementsAre(s));
}

// Count of entries over the three sets.
TEST_P(SelectSetsTest, CountIsOverAllSets) {
  const SOCKET s = NewWritable(), t = NewReady();
  SocketSet read({s, t}), write({s, t}), except({s});
  int ready = 0;
  EXPECT_EQ(Select(read.get(), write.get(), except.get(), &kAtOnce, &ready),
            kOk);
  EXPECT_EQ(ready, 3);
  EXPECT_THAT(read.sockets(), ElementsAre(t));
  EXPECT_THAT(write.sockets(), ElementsAre(s, t));
  EXPECT_THAT(except.sockets(), IsEmpty());
}

// The same fd_set pointer may serve for two sets. Which of the two answers is
// left in it nobody says, but one of them is.
TEST_P(SelectSetsTest, OneSetMayServeTwice) {
  const SOCKET s = NewWritable(), idle = NewSocket(family());
  SocketSet both({s, idle});
  int ready = 0;
  EXPECT_EQ(Select(nullptr, both.get(), both.get(), &kAtOnce, &ready), kOk);
  EXPECT_THAT(both.sockets(), AnyOf(ElementsAre(s), IsEmpty()));
  EXPECT_THAT(ready, AnyOf(1, static_cast<int>(both.sockets().size())));
}

// Where both answers are the same, that is the one.
TEST_P(SelectSetsTest, OneSetMayServeTwiceForWhatIsReadyForBoth) {
  const SOCKET s = NewReady(), idle = NewSocket(family());
  SocketSet both({idle, s});
  int ready = 0;
  EXPECT_EQ(Select(both.get(), both.get(), nullptr, &kAtOnce, &ready), kOk);
  EXPECT_THAT(both.sockets(), ElementsAre(s));
  EXPECT_THAT(ready, AnyOf(1, 2));
}

// fd_count 200 works, order kept; only fd_count entries are touched.
TEST_P(SelectSetsTest, LargeSetKeepsItsOrder) {
  const std::vector<SOCKET> sockets = NewWritable(200);
  SocketSet write(sockets);
  int ready = 0;
  EXPECT_EQ(Select(nullptr, write.get(), nullptr, &kSoon, &ready), kOk);
  EXPECT_EQ(ready, 200);
  EXPECT_EQ(write.sockets(), sockets);
}

TEST_P(SelectSetsTest, OneOfALargeSetIsFound) {
  std::vector<SOCKET> sockets;
  for (int i = 0; i < 150; ++i) sockets.push_back(New());
  const SOCKET one = NewWritable();
  // UDP sockets are writable once bound; these aren't to be asked for that.
  SocketSet write({one}), except(sockets);
  int ready = 0;
  EXPECT_EQ(Select(nullptr, write.get(), except.get(), &kSoon, &ready), kOk);
  EXPECT_EQ(ready, 1);
  EXPECT_THAT(except.sockets(), IsEmpty());
}

// A set smaller than fd_set: nothing behind its entries is touched (the memory
// behind is the allocator's; AddressSanitizer or the canary would tell).
TEST_P(SelectSetsTest, NothingBehindTheEntriesIsTouched) {
  const SOCKET s = NewWritable(), idle = NewWritable();
  struct {
    u_int count;
    SOCKET sockets[2];
    uint64_t canary;
  } set = {2, {idle, s}, 0x1122334455667788};
  int ready = 0;
  EXPECT_EQ(Select(nullptr, reinterpret_cast<fd_set*>(&set), nullptr, &kAtOnce,
                   &ready),
            kOk);
  EXPECT_EQ(set.canary, 0x1122334455667788u);
}

// Only fd_count entries may be touched: a set that ends at a page's edge works.
TEST_P(SelectSetsTest, SetMayEndAtAPagesEdge) {
  const std::vector<SOCKET> sockets = NewWritable(3);
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* const memory = mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  char* const edge = static_cast<char*>(memory) + page;
  ASSERT_EQ(mprotect(edge, page, PROT_NONE), 0);
  const size_t size =
      offsetof(fd_set, fd_array) + sockets.size() * sizeof(SOCKET);
  const SocketSet whole(sockets);
  std::memcpy(edge - size, SocketSet(whole).get(), size);
  auto* const write = reinterpret_cast<fd_set*>(edge - size);
  int ready = 0;
  EXPECT_EQ(Select(nullptr, write, nullptr, &kAtOnce, &ready), kOk);
  EXPECT_EQ(ready, 3);
  EXPECT_EQ(munmap(memory, 2 * page), 0);
}

// nfds is ignored.
TEST_P(SelectSetsTest, CountOfDescriptorsIsIgnored) {
  const SOCKET s = NewWritable();
  for (const int nfds : {0, -1, 1, 0x7fffffff}) {
    SocketSet write({s});
    TIMEVAL limit = kAtOnce;
    int error = 0;
    EXPECT_EQ(table().lpWSPSelect(nfds, nullptr, write.get(), nullptr, &limit,
                                  &error),
              1)
        << nfds;
  }
}

// Sets of any size.
TEST_P(SelectSetsTest, SetOfFiveHundred) {
  if (protocol() == Protocol::kTcp) GTEST_SKIP() << "too many connections";
  const std::vector<SOCKET> sockets = NewWritable(500);
  SocketSet read(sockets), write(sockets);
  int ready = 0;
  EXPECT_EQ(Select(read.get(), write.get(), nullptr, &kSoon, &ready), kOk);
  EXPECT_EQ(ready, 500);
  EXPECT_THAT(read.sockets(), IsEmpty());
  EXPECT_EQ(write.sockets(), sockets);
}

}  // namespace
}  // namespace wspd::conformance
