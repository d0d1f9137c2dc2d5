#include "tests/testing/provider_test.h"

#include <stdlib.h>

#include <string>

#include "tests/testing/spawn.h"

namespace wspd::testing {

bool OnLentPlane() {
  const char* const plane = getenv("WSPD_PLANE");
  return plane != nullptr && std::string(plane) == "lent";
}

void UseDaemonAt(const std::string& provider_socket) {
  setenv("WSPD_SOCKET", provider_socket.c_str(), 1);
}

ProviderTest::ProviderTest(const DaemonOptions& options) : daemon_(options) {}

void ProviderTest::SetUp() {
  // First, for the fixtures that go on from here whatever has failed: without a
  // daemon theirs is a call that fails, and not the end of all cases.
  spi_ = Spi::Load();
  ASSERT_NE(spi_, nullptr);
  UseDaemonAt(daemon_.provider_socket());
  ASSERT_TRUE(daemon_.Start());
}

void ProviderTest::TearDown() {
  if (spi_ != nullptr) {
    spi_->CleanupAll();
    spi_->Unload();
  }
  if (!daemon_.is_running()) return;
  const int status = daemon_.Stop();
  EXPECT_EQ(status, 0) << "the daemon: " << DescribeStatus(status);
}

ProviderTest::Connection ProviderTest::Connect(PeerListener& listener) {
  Connection connection;
  EXPECT_EQ(spi_->ConnectNew(listener.endpoint(), &connection.socket), kOk);
  connection.peer = listener.Accept(seconds(10));
  EXPECT_TRUE(connection.peer.is_open());
  return connection;
}

}  // namespace wspd::testing
