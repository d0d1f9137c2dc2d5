// WSPGetQOSByName (reference, section 2): a base provider of TCP/IP has none.
#include <string>

#include "tests/testing/provider_test.h"

namespace wspd::testing {
namespace {

class QosTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
    ASSERT_EQ(spi_->Socket(&socket_), kOk);
  }

  WsaCode GetQosByName(SOCKET s, WSABUF* name, QOS* qos) {
    int error = 0;
    EXPECT_EQ(spi_->table().lpWSPGetQOSByName(s, name, qos, &error), FALSE);
    return WsaCode{error};
  }

  SOCKET socket_ = INVALID_SOCKET;
  char text_[6] = "G.711";
  WSABUF name_ = {sizeof(text_), text_};
  QOS qos_ = {};
};

TEST_F(QosTest, NoNameIsSupported) {
  EXPECT_EQ(GetQosByName(socket_, &name_, &qos_), WsaCode{WSAEOPNOTSUPP});
}

TEST_F(QosTest, ArgumentsAreChecked) {
  WSABUF missing = {sizeof(text_), nullptr};
  WSABUF empty = {0, text_};
  EXPECT_EQ(GetQosByName(socket_, nullptr, &qos_), WsaCode{WSAEFAULT});
  EXPECT_EQ(GetQosByName(socket_, &missing, &qos_), WsaCode{WSAEFAULT});
  EXPECT_EQ(GetQosByName(socket_, &name_, nullptr), WsaCode{WSAEFAULT});
  EXPECT_EQ(GetQosByName(socket_, &empty, &qos_), WsaCode{WSAEINVAL});
}

TEST_F(QosTest, NeedsASocketAndAStartup) {
  ASSERT_EQ(spi_->Close(socket_), kOk);
  EXPECT_EQ(GetQosByName(socket_, &name_, &qos_), WsaCode{WSAENOTSOCK});
  ASSERT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(GetQosByName(socket_, &name_, &qos_), WsaCode{WSANOTINITIALISED});
}

}  // namespace
}  // namespace wspd::testing
