// The headers as C++ sees them: the layouts are asserted at compile time, what
// remains are the few functions and macros that do something.
#include "client_stub/spi/layout_assertions.h"
#include "gtest/gtest.h"

namespace {

TEST(Winsock2HeaderTest, ByteOrderFunctionsSwap) {
  EXPECT_EQ(htons(0x1234), 0x3412);
  EXPECT_EQ(ntohl(0x12345678), 0x78563412u);
}

TEST(Winsock2HeaderTest, FdSetIsAList) {
  fd_set set;
  FD_ZERO(&set);
  FD_SET(7, &set);
  FD_SET(9, &set);
  FD_SET(7, &set);
  EXPECT_EQ(set.fd_count, 2u);
  EXPECT_TRUE(FD_ISSET(9, &set));
  FD_CLR(7, &set);
  EXPECT_EQ(set.fd_count, 1u);
  EXPECT_EQ(set.fd_array[0], 9u);
  EXPECT_FALSE(FD_ISSET(7, &set));
}

TEST(Winsock2HeaderTest, FullFdSetIgnoresMore) {
  fd_set set;
  FD_ZERO(&set);
  for (SOCKET s = 1; s <= FD_SETSIZE + 1; ++s) FD_SET(s, &set);
  EXPECT_EQ(set.fd_count, static_cast<u_int>(FD_SETSIZE));
  EXPECT_FALSE(FD_ISSET(FD_SETSIZE + 1, &set));
}

TEST(Winsock2HeaderTest, InternalTellsCompletion) {
  WSAOVERLAPPED overlapped = {};
  overlapped.Internal = WSS_OPERATION_IN_PROGRESS;
  EXPECT_FALSE(HasOverlappedIoCompleted(&overlapped));
  overlapped.Internal = 0;
  EXPECT_TRUE(HasOverlappedIoCompleted(&overlapped));
}

}  // namespace
