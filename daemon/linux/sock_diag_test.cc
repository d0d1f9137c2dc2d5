#include "daemon/linux/sock_diag.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "daemon/socket/net_address.h"
#include "daemon/testing/tcp_pair.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

class SockDiagTest : public testing::Test {
 protected:
  SockDiagTest() {
    socklen_t size = sizeof(cookie_);
    EXPECT_EQ(
        getsockopt(pair_.peer.get(), SOL_SOCKET, SO_COOKIE, &cookie_, &size),
        0);
  }

  // How often the pair's one end was reported, at last as `found_`.
  int List(ReportDetail detail, uint32_t states = kAllStates) {
    int times = 0;
    const absl::Status status = ListSockets(
        AF_INET, IPPROTO_TCP, detail, states,
        [&](const SocketReport& report, absl::string_view tcp_info) {
          if (report.cookie != cookie_) return;
          ++times;
          found_ = report;
          tcp_info_ = std::string(tcp_info);
        });
    EXPECT_TRUE(status.ok()) << status;
    return times;
  }

  TcpPair pair_ = MakeTcpPair();
  uint64_t cookie_ = 0;
  SocketReport found_;
  std::string tcp_info_;
};

TEST_F(SockDiagTest, CountsAreAskedForOnlyOnDemand) {
  ASSERT_EQ(send(pair_.peer.get(), "four", 4, 0), 4);
  ASSERT_EQ(List(ReportDetail::kState), 1);
  EXPECT_EQ(found_.state, TCP_ESTABLISHED);
  EXPECT_TRUE(found_.open);
  EXPECT_EQ(found_.local.port(), NetAddress::LocalOf(pair_.peer.get()).port());
  EXPECT_EQ(found_.peer.port(), NetAddress::PeerOf(pair_.peer.get()).port());
  EXPECT_FALSE(found_.has_bytes);
  EXPECT_EQ(tcp_info_, "");
  ASSERT_EQ(List(ReportDetail::kCounts), 1);
  EXPECT_TRUE(found_.has_bytes);
  EXPECT_EQ(found_.bytes_sent, 4u);
  EXPECT_GE(tcp_info_.size(), sizeof(tcp_info));
}

TEST_F(SockDiagTest, OtherStatesAreLeftOut) {
  EXPECT_EQ(List(ReportDetail::kState, kListenerStates), 0);
}

}  // namespace
}  // namespace wspd
