#ifndef WSPD_TESTS_PRELOAD_BEHAVIOUR_DATAGRAM_FIXTURE_H_
#define WSPD_TESTS_PRELOAD_BEHAVIOUR_DATAGRAM_FIXTURE_H_

#include <algorithm>
#include <string>
#include <vector>

#include "tests/preload/behaviour/fixture.h"

namespace wspd::preload {

// Two datagram sockets on loopback addresses, ours and a peer's.
class DatagramTest : public FamilyTest {
 protected:
  void SetUp() override {
    ours_ = OurDatagramSocket(family());
    peer_ = PeerDatagramSocket(family());
    our_address_ = SocketAddress::LocalOf(ours());
    peer_address_ = SocketAddress::LocalOf(peer());
    ASSERT_FALSE(HasFailure());
  }
  int ours() const { return ours_.get(); }
  int peer() const { return peer_.get(); }

  static Outcome SendTo(int fd, const std::string& data,
                        const SocketAddress& to) {
    return Call(sendto(fd, data.data(), data.size(), 0, to.data(), to.size()));
  }
  static Outcome Connect(int fd, const SocketAddress& to) {
    return Call(connect(fd, to.data(), to.size()));
  }
  // The next datagram, with the sender.
  static std::string Next(int fd, SocketAddress* from = nullptr) {
    if (WaitFor(fd, POLLIN) == 0) {
      ADD_FAILURE() << "no datagram comes";
      return "";
    }
    std::vector<char> buffer(70'000);
    SocketAddress sender;
    const ssize_t count = recvfrom(fd, buffer.data(), buffer.size(), 0,
                                   sender.buffer(), sender.room());
    EXPECT_GE(count, 0) << Call(count);
    if (from != nullptr) *from = sender;
    return std::string(buffer.data(), std::max<ssize_t>(count, 0));
  }
  void PeerSends(const std::string& data) {
    ASSERT_EQ(SendTo(peer(), data, our_address_), Gives(data.size()));
    ASSERT_NE(WaitFor(ours(), POLLIN), 0);
  }
  // A port that refuses, and is held: its socket hears nobody but itself.
  SocketAddress Refusing() {
    refusing_ = PeerDatagramSocket(family());
    const SocketAddress address = SocketAddress::LocalOf(refusing_.get());
    EXPECT_EQ(Connect(refusing_.get(), address), Gives(0));
    return address;
  }

  OwnedFd ours_, peer_, refusing_;
  SocketAddress our_address_, peer_address_;
};

}  // namespace wspd::preload

#endif  // WSPD_TESTS_PRELOAD_BEHAVIOUR_DATAGRAM_FIXTURE_H_
