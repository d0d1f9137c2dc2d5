#ifndef WSPD_TESTS_SPI_OPTION_FIXTURE_H_
#define WSPD_TESTS_SPI_OPTION_FIXTURE_H_

#include <ostream>
#include <vector>

#include "tests/testing/provider_test.h"
// After the Winsock headers.
#include <ws2tcpip.h>

namespace wspd::testing {

// A provider that is started up, with sockets of all kinds.
class OptionTest : public ProviderTest {
 protected:
  void SetUp() override {
    ProviderTest::SetUp();
    MakeSockets();
  }

  void MakeSockets() {
    ASSERT_EQ(spi_->Startup(), kOk);
    ASSERT_EQ(spi_->Socket(&stream_), kOk);
    ASSERT_EQ(spi_->DatagramSocket(&datagram_), kOk);
    ASSERT_EQ(spi_->Socket(&stream6_, Family::kIpv6), kOk);
    ASSERT_EQ(spi_->DatagramSocket(&datagram6_, Family::kIpv6), kOk);
  }

  WsaCode Set(SOCKET s, int level, int option, int value) {
    return spi_->SetOption(s, level, option, value);
  }
  // Of four bytes, or of one, for options that are read as one.
  WsaCode Get(SOCKET s, int level, int option, int* value) {
    *value = 0;
    return spi_->GetOption(s, level, option, value);
  }
  WsaCode GetError(SOCKET s, int level, int option) {
    int value;
    return Get(s, level, option, &value);
  }
  int Value(SOCKET s, int level, int option) {
    int value = 0;
    EXPECT_EQ(Get(s, level, option, &value), kOk) << level << ", " << option;
    return value;
  }
  void ExpectReadsBack(SOCKET s, int level, int option, int value) {
    EXPECT_EQ(Set(s, level, option, value), kOk) << level << ", " << option;
    EXPECT_EQ(Value(s, level, option), value) << level << ", " << option;
  }

  // An option of a level on a kind of socket: what setting it to `value` says,
  // what reading it says.
  struct Row {
    int option;
    int value;
    int set_error;
    int get_error;
  };
  void ExpectRows(SOCKET s, int level, const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      EXPECT_EQ(Set(s, level, row.option, row.value), WsaCode{row.set_error})
          << "set " << level << ", " << row.option;
      EXPECT_EQ(GetError(s, level, row.option), WsaCode{row.get_error})
          << "get " << level << ", " << row.option;
    }
  }

  SOCKET stream_ = INVALID_SOCKET;
  SOCKET datagram_ = INVALID_SOCKET;
  SOCKET stream6_ = INVALID_SOCKET;
  SOCKET datagram6_ = INVALID_SOCKET;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_SPI_OPTION_FIXTURE_H_
