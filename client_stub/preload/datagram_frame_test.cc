#include "client_stub/preload/datagram_frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace wsp {
namespace {

using ::testing::ElementsAre;

const sockaddr* Generic(const sockaddr_in& in) {
  return reinterpret_cast<const sockaddr*>(&in);
}
const sockaddr* Generic(const sockaddr_in6& in) {
  return reinterpret_cast<const sockaddr*>(&in);
}

sockaddr_in Ipv4(const char* text, uint16_t port) {
  sockaddr_in in = {};
  in.sin_family = AF_INET;
  in.sin_port = htons(port);
  inet_pton(AF_INET, text, &in.sin_addr);
  return in;
}

sockaddr_in6 Ipv6(const char* text, uint16_t port) {
  sockaddr_in6 in = {};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(port);
  in.sin6_flowinfo = htonl(5);
  in.sin6_scope_id = 7;
  inet_pton(AF_INET6, text, &in.sin6_addr);
  return in;
}

TEST(DestinationTest, IsReadAndWrittenBack) {
  const sockaddr_in in = Ipv4("127.0.0.2", 53);
  relay::Address address;
  ASSERT_EQ(ReadDestination(AF_INET, Generic(in), sizeof in, &address), 0);
  EXPECT_EQ(address.family, relay::kIpv4);
  EXPECT_EQ(address.port, htons(53));
  sockaddr_in back;
  socklen_t size = sizeof back;
  WriteSource(address, reinterpret_cast<sockaddr*>(&back), &size);
  EXPECT_EQ(size, sizeof back);
  EXPECT_EQ(memcmp(&back, &in, sizeof in), 0);

  const sockaddr_in6 in6 = Ipv6("fe80::1", 53);
  ASSERT_EQ(ReadDestination(AF_INET6, Generic(in6), sizeof in6, &address), 0);
  EXPECT_EQ(address.family, relay::kIpv6);
  sockaddr_in6 back6;
  size = sizeof back6;
  WriteSource(address, reinterpret_cast<sockaddr*>(&back6), &size);
  EXPECT_EQ(size, sizeof back6);
  EXPECT_EQ(memcmp(&back6, &in6, sizeof in6), 0);
}

TEST(DestinationTest, IsWhatTheKernelTakesForOne) {
  relay::Address address;
  EXPECT_EQ(ReadDestination(AF_INET, nullptr, 0, &address), 0);
  EXPECT_EQ(address.family, relay::kNoAddress);

  sockaddr_in in = Ipv4("127.0.0.1", 1);
  EXPECT_EQ(ReadDestination(AF_INET, Generic(in), 8, &address), -EINVAL);
  // On an IPv6 socket it is one, too.
  EXPECT_EQ(ReadDestination(AF_INET6, Generic(in), sizeof in, &address), 0);
  EXPECT_EQ(address.family, relay::kIpv4);
  in.sin_family = AF_UNSPEC;
  EXPECT_EQ(ReadDestination(AF_INET, Generic(in), sizeof in, &address), 0);
  EXPECT_EQ(address.family, relay::kIpv4);
  EXPECT_EQ(ReadDestination(AF_INET6, Generic(in), sizeof in, &address), 0);
  EXPECT_EQ(address.family, relay::kNoAddress);
  in.sin_family = AF_UNIX;
  EXPECT_EQ(ReadDestination(AF_INET, Generic(in), sizeof in, &address),
            -EAFNOSUPPORT);
  EXPECT_EQ(ReadDestination(AF_INET6, Generic(in), sizeof in, &address),
            -EINVAL);

  const sockaddr_in6 in6 = Ipv6("::1", 1);
  EXPECT_EQ(ReadDestination(AF_INET6, Generic(in6), 24, &address), 0);
  EXPECT_EQ(address.scope_id, 0u);
  EXPECT_EQ(ReadDestination(AF_INET6, Generic(in6), 23, &address), -EINVAL);
}

TEST(PeerTest, IsWhatTheKernelTakesForOne) {
  relay::Address address;
  sockaddr_in in = Ipv4("127.0.0.1", 0);
  EXPECT_EQ(ReadPeer(AF_INET, Generic(in), sizeof in, &address), 0);
  EXPECT_EQ(address.family, relay::kIpv4);
  EXPECT_EQ(ReadPeer(AF_INET6, Generic(in), sizeof in, &address), 0);
  EXPECT_EQ(address.family, relay::kIpv4);
  EXPECT_EQ(ReadPeer(AF_INET, Generic(in), 8, &address), -EINVAL);
  EXPECT_EQ(ReadPeer(AF_INET, Generic(in), 1, &address), -EINVAL);
  in.sin_family = AF_UNSPEC;
  EXPECT_EQ(ReadPeer(AF_INET, Generic(in), 2, &address), 0);
  EXPECT_EQ(address.family, relay::kNoAddress);
  sockaddr_in6 in6 = Ipv6("::1", 1);
  EXPECT_EQ(ReadPeer(AF_INET6, Generic(in6), sizeof in6, &address), 0);
  EXPECT_EQ(address.scope_id, 7u);
  EXPECT_EQ(ReadPeer(AF_INET6, Generic(in6), 23, &address), -EINVAL);
  EXPECT_EQ(ReadPeer(AF_INET, Generic(in6), sizeof in6, &address),
            -EAFNOSUPPORT);
  in6.sin6_family = AF_UNIX;
  EXPECT_EQ(ReadPeer(AF_INET6, Generic(in6), sizeof in6, &address),
            -EAFNOSUPPORT);
}

TEST(SourceTest, IsCutToItsRoom) {
  relay::Address address;
  const sockaddr_in in = Ipv4("127.0.0.1", 9);
  ASSERT_EQ(ReadDestination(AF_INET, Generic(in), sizeof in, &address), 0);
  sockaddr_in back;
  memset(&back, 0xee, sizeof back);
  socklen_t size = 4;
  WriteSource(address, reinterpret_cast<sockaddr*>(&back), &size);
  EXPECT_EQ(size, sizeof back);
  EXPECT_EQ(back.sin_port, htons(9));
  EXPECT_EQ(back.sin_addr.s_addr, 0xeeeeeeeeu);
  size = sizeof back;
  WriteSource({}, reinterpret_cast<sockaddr*>(&back), &size);
  EXPECT_EQ(size, 0u);
}

// Two items of the levels that are given, each with an int.
class ControlTest : public ::testing::Test {
 protected:
  ControlTest() {
    message_.msg_control = block_;
    message_.msg_controllen = sizeof block_;
    int value = 10;
    for (cmsghdr* item = CMSG_FIRSTHDR(&message_); item != nullptr;
         item = CMSG_NXTHDR(&message_, item)) {
      item->cmsg_level = IPPROTO_IP;
      item->cmsg_type = value;
      item->cmsg_len = CMSG_LEN(sizeof value);
      memcpy(CMSG_DATA(item), &value, sizeof value);
      ++value;
    }
  }

  cmsghdr* First() { return reinterpret_cast<cmsghdr*>(block_); }
  // What a message of so much room gets.
  std::vector<int> Put(size_t room) {
    memset(room_, 0, sizeof room_);
    got_ = {};
    got_.msg_control = room_;
    got_.msg_controllen = room;
    PutControl(block_, sizeof block_, &got_);
    std::vector<int> values;
    for (cmsghdr* item = CMSG_FIRSTHDR(&got_); item != nullptr;
         item = CMSG_NXTHDR(&got_, item)) {
      if (item->cmsg_len < CMSG_LEN(sizeof(int))) break;
      int value;
      memcpy(&value, CMSG_DATA(item), sizeof value);
      EXPECT_EQ(item->cmsg_type, value);
      values.push_back(value);
    }
    return values;
  }

  alignas(cmsghdr) uint8_t block_[2 * CMSG_SPACE(sizeof(int))] = {};
  alignas(cmsghdr) uint8_t room_[256] = {};
  msghdr message_ = {};
  msghdr got_ = {};
};

TEST_F(ControlTest, IsPutWhereThereIsRoom) {
  EXPECT_THAT(Put(256), ElementsAre(10, 11));
  EXPECT_EQ(got_.msg_controllen, sizeof block_);
  EXPECT_EQ(got_.msg_flags, 0);
}

TEST_F(ControlTest, IsCutWhereThereIsNone) {
  EXPECT_THAT(Put(CMSG_SPACE(sizeof(int))), ElementsAre(10));
  EXPECT_EQ(got_.msg_flags, MSG_CTRUNC);
  EXPECT_THAT(Put(CMSG_SPACE(sizeof(int)) + sizeof(cmsghdr) + 2),
              ElementsAre(10));
  EXPECT_EQ(got_.msg_controllen, CMSG_SPACE(sizeof(int)) + sizeof(cmsghdr) + 2);
  EXPECT_EQ(got_.msg_flags, MSG_CTRUNC);
  EXPECT_THAT(Put(4), ElementsAre());
  EXPECT_EQ(got_.msg_controllen, 0u);
  EXPECT_EQ(got_.msg_flags, MSG_CTRUNC);
  got_ = {};
  PutControl(block_, sizeof block_, &got_);
  EXPECT_EQ(got_.msg_flags, MSG_CTRUNC);
  got_ = {};
  PutControl(block_, 0, &got_);
  EXPECT_EQ(got_.msg_flags, 0);
}

TEST_F(ControlTest, EndsAtWhatIsNone) {
  First()->cmsg_len = 3;
  EXPECT_THAT(Put(256), ElementsAre());
  EXPECT_EQ(CheckControl(message_), -EINVAL);
  First()->cmsg_len = sizeof block_ + 1;
  EXPECT_THAT(Put(256), ElementsAre());
  EXPECT_EQ(CheckControl(message_), -EINVAL);
}

TEST_F(ControlTest, IsCheckedBeforeItIsSent) {
  EXPECT_EQ(CheckControl(message_), 0);
  // The last one needn't be padded, and the kernel doesn't look at a rest.
  message_.msg_controllen = CMSG_SPACE(sizeof(int)) + CMSG_LEN(sizeof(int));
  EXPECT_EQ(CheckControl(message_), 0);
  message_.msg_controllen = CMSG_SPACE(sizeof(int)) + 5;
  EXPECT_EQ(CheckControl(message_), 0);
  message_.msg_controllen = CMSG_SPACE(sizeof(int)) + CMSG_LEN(2);
  EXPECT_EQ(CheckControl(message_), -EINVAL);
  message_.msg_controllen = relay::kMaxControlBytes + 1;
  EXPECT_EQ(CheckControl(message_), -ENOBUFS);
}

TEST(PartsTest, FrontIsTakenWhereverItEnds) {
  const std::string whole = "frontrest of it";
  for (size_t front = 0; front <= 5; ++front) {
    for (size_t first = 0; first <= whole.size(); ++first) {
      for (size_t second = 0; second <= whole.size() - first; ++second) {
        std::string memory = whole;
        char* const base = memory.data();
        const iovec parts[] = {
            {base, first},
            {nullptr, 0},
            {base + first, second},
            {base + first + second, whole.size() - first - second}};
        std::string taken(front, '?');
        TakeFront(parts, 4, taken.data(), front, whole.size() - front);
        ASSERT_EQ(taken, whole.substr(0, front));
        ASSERT_EQ(memory.substr(0, whole.size() - front), whole.substr(front));
      }
    }
  }
}

TEST(PartsTest, TotalDoesNotOverflow) {
  const iovec parts[] = {{nullptr, 5}, {nullptr, SIZE_MAX - 2}};
  EXPECT_EQ(TotalBytes(parts, 0), 0u);
  EXPECT_EQ(TotalBytes(parts, 1), 5u);
  EXPECT_EQ(TotalBytes(parts, 2), SIZE_MAX);
}

}  // namespace
}  // namespace wsp
