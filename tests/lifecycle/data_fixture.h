#ifndef WSPD_TESTS_LIFECYCLE_DATA_FIXTURE_H_
#define WSPD_TESTS_LIFECYCLE_DATA_FIXTURE_H_

#include "tests/testing/provider_test.h"

namespace wspd::testing {

// A provider that is started up, and connections of one family.
class DataTest : public ProviderTest,
                 public ::testing::WithParamInterface<Family> {
 protected:
  DataTest() : listener_(GetParam()) {}

  void SetUp() override {
    ProviderTest::SetUp();
    ASSERT_EQ(spi_->Startup(), kOk);
  }

  Connection Connect() { return ProviderTest::Connect(listener_); }

  // A listener of the provider.
  SOCKET Listen() {
    SOCKET s = INVALID_SOCKET;
    EXPECT_EQ(spi_->ListenNew(&s, &endpoint_, GetParam()), kOk);
    return s;
  }

  PeerListener listener_;
  Endpoint endpoint_;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_LIFECYCLE_DATA_FIXTURE_H_
