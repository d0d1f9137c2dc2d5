// The LINUX personality's calls, hand-written against protobuf's own.
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "client_stub/transport/linux_requests.h"
#include "client_stub/transport/server_frame.h"
#include "proto/wsp/v1/provider.pb.h"

namespace wsp {
namespace {

ByteView View(const std::string& bytes) {
  return {reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
}

std::string Text(ByteView view) {
  return std::string(reinterpret_cast<const char*>(view.data), view.size);
}

Address Ipv4() {
  Address address;
  address.family = Address::kIpv4;
  address.port = 80;
  address.bytes[0] = 127;
  address.bytes[3] = 1;
  return address;
}

template <typename Append, typename... Arguments>
v1::Call Encode(Append append, Arguments... arguments) {
  ByteBuffer bytes;
  append(&bytes, arguments...);
  v1::Call call;
  EXPECT_TRUE(
      call.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
  return call;
}

TEST(LinuxRequestsTest, Socket) {
  LinuxSocketParams params;
  params.plane = v1::PLANE_RELAYED;
  params.family = v1::LinuxSocketRequest::FAMILY_IPV6;
  params.type = v1::LinuxSocketRequest::TYPE_DATAGRAM;
  params.protocol = 136;
  params.nonblocking = true;
  const v1::Call call = Encode(AppendLinuxSocket, params);
  EXPECT_EQ(call.linux_socket().plane(), v1::PLANE_RELAYED);
  EXPECT_EQ(call.linux_socket().family(), v1::LinuxSocketRequest::FAMILY_IPV6);
  EXPECT_EQ(call.linux_socket().type(), v1::LinuxSocketRequest::TYPE_DATAGRAM);
  EXPECT_EQ(call.linux_socket().protocol(), 136u);
  EXPECT_TRUE(call.linux_socket().nonblocking());
}

TEST(LinuxRequestsTest, BindAndConnect) {
  const v1::Call bind = Encode(AppendLinuxBind, Ipv4());
  EXPECT_EQ(bind.linux_call().bind().address().ipv4().address(), 0x7f000001u);
  EXPECT_EQ(bind.linux_call().bind().address().ipv4().port(), 80u);
  const v1::Call connect = Encode(AppendLinuxConnect, Ipv4(), 7u, true);
  EXPECT_EQ(connect.linux_call().connect().address().ipv4().port(), 80u);
  EXPECT_EQ(connect.linux_call().connect().filler(), 7u);
  EXPECT_TRUE(connect.linux_call().connect().unawaited());
  const v1::Call dissolve = Encode(AppendLinuxConnect, Address(), 0u, false);
  ASSERT_TRUE(dissolve.linux_call().has_connect());
  EXPECT_FALSE(dissolve.linux_call().connect().has_address());
  EXPECT_FALSE(dissolve.linux_call().connect().unawaited());
}

TEST(LinuxRequestsTest, NegativeNumbersStayNegative) {
  EXPECT_EQ(Encode(AppendLinuxListen, -1).linux_call().listen().backlog(), -1);
  EXPECT_EQ(Encode(AppendLinuxState, -1).linux_call().state().filler_change(),
            -1);
}

TEST(LinuxRequestsTest, RequestsWithoutAValueAreThere) {
  EXPECT_TRUE(Encode(AppendLinuxName, false).linux_call().has_name());
  EXPECT_TRUE(Encode(AppendLinuxName, true).linux_call().name().peer());
  EXPECT_TRUE(Encode(AppendLinuxState, 0).linux_call().has_state());
  EXPECT_TRUE(Encode(AppendLinuxShutdown, 0).linux_call().has_shutdown());
  EXPECT_EQ(Encode(AppendLinuxShutdown, 2).linux_call().shutdown().how(), 2);
}

TEST(LinuxRequestsTest, Options) {
  const std::string value("\0\1", 2);
  const auto get =
      Encode(AppendLinuxGetOption, 6, 11, 104u, View(value)).linux_call();
  EXPECT_EQ(get.get_option().level(), 6);
  EXPECT_EQ(get.get_option().name(), 11);
  EXPECT_EQ(get.get_option().length(), 104u);
  EXPECT_EQ(get.get_option().value(), value);
  const auto set = Encode(AppendLinuxSetOption, 1, 2, View(value)).linux_call();
  EXPECT_EQ(set.set_option().level(), 1);
  EXPECT_EQ(set.set_option().name(), 2);
  EXPECT_EQ(set.set_option().value(), value);
  const auto control =
      Encode(AppendLinuxIoctl, uint64_t{0x5411}, View(value)).linux_call();
  EXPECT_EQ(control.ioctl().request(), 0x5411u);
  EXPECT_EQ(control.ioctl().value(), value);
}

TEST(LinuxRequestsTest, Datagrams) {
  const auto send =
      Encode(AppendLinuxSend, Ipv4(), View("data"), 4, View("control"))
          .linux_call();
  EXPECT_EQ(send.send().to().ipv4().port(), 80u);
  EXPECT_EQ(send.send().data(), "data");
  EXPECT_EQ(send.send().flags(), 4);
  EXPECT_EQ(send.send().control(), "control");
  const auto error = Encode(AppendLinuxReceiveError, 5u, 6u).linux_call();
  EXPECT_EQ(error.receive_error().data_length(), 5u);
  EXPECT_EQ(error.receive_error().control_length(), 6u);
}

class LinuxResultsTest : public ::testing::Test, protected ServerFrameVisitor {
 protected:
  v1::Completion* completion() { return frame_.mutable_completions(0); }
  v1::LinuxCallResult* result() { return completion()->mutable_linux_call(); }
  LinuxResultsTest() { frame_.add_completions(); }

  const Completion& Decode() {
    bytes_ = frame_.SerializeAsString();
    EXPECT_TRUE(DecodeServerFrame(View(bytes_), this));
    return decoded_;
  }

 private:
  bool OnWelcome(const Welcome&) override { return true; }
  bool OnCompletion(const Completion& completion) override {
    decoded_ = completion;
    return true;
  }
  bool OnRegistrationEnded(uint32_t) override { return true; }
  bool OnNetworkEvent(const NetworkEvent&) override { return true; }

  v1::ServerFrame frame_;
  std::string bytes_;
  Completion decoded_;
};

TEST_F(LinuxResultsTest, Socket) {
  completion()->mutable_linux_socket()->set_cookie(1);
  completion()->mutable_linux_socket()->set_number(~0ull);
  EXPECT_EQ(Decode().cookie, 1u);
  EXPECT_EQ(Decode().linux_result.number, ~0ull);
}

TEST_F(LinuxResultsTest, Connect) {
  result()->mutable_connect()->set_in_progress(true);
  EXPECT_TRUE(Decode().linux_result.in_progress);
}

TEST_F(LinuxResultsTest, Name) {
  result()->mutable_name()->mutable_address()->mutable_ipv4()->set_port(9);
  EXPECT_EQ(Decode().peer.family, Address::kIpv4);
  EXPECT_EQ(Decode().peer.port, 9);
}

TEST_F(LinuxResultsTest, OptionAndControl) {
  result()->mutable_get_option()->set_value("value");
  EXPECT_EQ(Text(Decode().data), "value");
  result()->mutable_ioctl()->set_value("other");
  result()->mutable_ioctl()->set_result(3);
  EXPECT_EQ(Text(Decode().data), "other");
  EXPECT_EQ(Decode().linux_result.result, 3);
}

TEST_F(LinuxResultsTest, State) {
  result()->mutable_state()->set_state(v1::LinuxStateResult::STATE_ENDED);
  result()->mutable_state()->set_error(ECONNRESET);
  EXPECT_EQ(Decode().linux_result.state,
            static_cast<uint32_t>(v1::LinuxStateResult::STATE_ENDED));
  EXPECT_EQ(Decode().linux_result.error, ECONNRESET);
}

TEST_F(LinuxResultsTest, Datagrams) {
  result()->mutable_send()->set_sent(6);
  // Of no payload behind the call, so that it isn't counted as such.
  EXPECT_EQ(Decode().linux_result.sent, 6u);
  EXPECT_EQ(Decode().bytes_sent, 0u);
  auto* const error = result()->mutable_receive_error();
  error->mutable_from()->mutable_ipv6()->set_address(std::string(16, 7));
  error->set_data("data");
  error->set_control("control");
  error->set_flags(0x2000);
  EXPECT_EQ(Decode().peer.family, Address::kIpv6);
  EXPECT_EQ(Text(Decode().data), "data");
  EXPECT_EQ(Text(Decode().linux_result.control), "control");
  EXPECT_EQ(Decode().flags, 0x2000u);
}

}  // namespace
}  // namespace wsp
