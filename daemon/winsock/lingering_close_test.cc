// A close that waits for the linger time.
#include <errno.h>

#include <memory>
#include <string>

#include "daemon/testing/tcp_pair.h"
#include "daemon/winsock/winsock_socket_fixture.h"
#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wspd {
namespace {

// A connection with a linger time, whose peer doesn't read.
class LingeringCloseTest : public WinsockSocketTest {
 protected:
  LingeringCloseTest() : socket_(Connect(&peer_)) {
    wsp::v1::Call linger;
    linger.mutable_set_sock_opt()->set_level(0xffff);
    linger.mutable_set_sock_opt()->set_option(0x80);
    auto* value =
        linger.mutable_set_sock_opt()->mutable_value()->mutable_linger();
    value->set_on(true);
    value->set_seconds(100);
    EXPECT_EQ(Run(socket_.get(), linger).wsa_error, 0);
    SetNonBlocking(true);
    wsp::v1::Call send;
    send.mutable_send()->set_data(std::string(kChunkBytes, 'x'));
    for (;;) {
      const CallResult result = Run(socket_.get(), send);
      if (result.wsa_error != 0) break;
      wsp::v1::SendResult message;
      message.ParseFromString(result.body);
      sent_ += message.bytes_sent();
    }
    SetNonBlocking(false);
    wsp::v1::Call close;
    close.mutable_close_socket();
    close.set_report_pending(true);
    close_ = Begin(socket_.get(), close);
  }

  void SetNonBlocking(bool on) {
    wsp::v1::Call ioctl;
    ioctl.mutable_ioctl()->set_code(kFionbio);
    ioctl.mutable_ioctl()->set_number(on);
    EXPECT_EQ(Run(socket_.get(), ioctl).wsa_error, 0);
  }
  void ExpectAllArrives() {
    int error = 0;
    EXPECT_EQ(ReadBytes(peer_.get(), sent_ + 1, &error).size(), sent_);
    EXPECT_EQ(error, 0);
  }

  OwnedFd peer_;
  std::shared_ptr<SocketDescriptor> socket_;
  size_t sent_ = 0;
  uint64_t close_ = 0;
};

TEST_F(LingeringCloseTest, EndsWhenAllHasArrived) {
  EXPECT_FALSE(sink_->Has(close_));
  EXPECT_EQ(sink_->FindSocket(kSocket), socket_);
  wsp::v1::Socket listed;
  socket_->Describe(false, &listed);
  EXPECT_EQ(listed.state(), wsp::v1::SOCKET_STATE_LINGERING);
  EXPECT_NE(listed.local().ipv4().port(), 0);
  ExpectAllArrives();
  EXPECT_EQ(sink_->Await(close_).wsa_error, 0);
  EXPECT_EQ(sink_->FindSocket(kSocket), nullptr);
}

TEST_F(LingeringCloseTest, IsReportedAsPending) {
  EXPECT_TRUE(sink_->IsPending(close_));
}

TEST_F(LingeringCloseTest, CancelEndsTheWaitAlone) {
  ASSERT_FALSE(sink_->Has(close_));
  socket_->Cancel(close_);
  ASSERT_TRUE(sink_->Has(close_));
  const CallResult result = sink_->Await(close_);
  EXPECT_EQ(result.wsa_error, kWsaIntr);
  EXPECT_EQ(result.linux_errno, ECANCELED);
  EXPECT_EQ(sink_->FindSocket(kSocket), nullptr);
  EXPECT_EQ(lingerer_.List().size(), 1);
  ExpectAllArrives();
}

TEST_F(LingeringCloseTest, CleanupLetsItSendTheRest) {
  sink_->AbortAll();
  EXPECT_FALSE(sink_->Has(close_));
  EXPECT_EQ(lingerer_.List().size(), 1);
  ExpectAllArrives();
  peer_.Reset();
}

}  // namespace
}  // namespace wspd
