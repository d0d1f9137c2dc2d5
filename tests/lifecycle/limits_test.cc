// What the provider says where the daemon's limits are; the wire's side of them
// is in tests/hostile/limits_test.py.
#include <filesystem>
#include <string>

#include "tests/testing/child_process.h"
#include "tests/testing/provider_test.h"
#include "tests/testing/role.h"

namespace wspd::testing {
namespace {

constexpr WsaCode kTooManySockets{WSAEMFILE};
constexpr WsaCode kTooManyClients{WSAEPROCLIM};

DaemonOptions LimitedTo(const std::string& limits) {
  DaemonOptions options;
  options.config = "limits { " + limits + " }";
  return options;
}

class SocketLimitTest : public ProviderTest {
 protected:
  SocketLimitTest() : ProviderTest(LimitedTo("sockets_per_client: 3")) {}
};

TEST_F(SocketLimitTest, OneAboveItIsRefusedUntilAnotherIsClosed) {
  ASSERT_EQ(spi_->Startup(), kOk);
  SOCKET sockets[3], surplus;
  for (SOCKET& s : sockets) EXPECT_EQ(spi_->Socket(&s), kOk);
  EXPECT_EQ(spi_->Socket(&surplus), kTooManySockets);
  EXPECT_EQ(spi_->Close(sockets[0]), kOk);
  EXPECT_EQ(spi_->Socket(&surplus), kOk);
  EXPECT_EQ(spi_->Connect(sockets[1], listener_.endpoint()), kOk);
}

class AttachmentLimitTest : public ProviderTest {
 protected:
  AttachmentLimitTest()
      : ProviderTest(LimitedTo("attachments_per_process: 1")) {}
};

// A copy of the library wants an attachment of its own.
TEST_F(AttachmentLimitTest, OneAboveItCannotStartUp) {
  const std::string copy = daemon_.dir().File("libwsp_copy.so");
  std::filesystem::copy_file(kProviderPath, copy);
  const std::unique_ptr<Spi> other = Spi::Load(copy);
  ASSERT_NE(other, nullptr);
  ASSERT_EQ(spi_->Startup(), kOk);
  Connection connection = Connect();
  EXPECT_EQ(other->Startup(), kTooManyClients);
  EXPECT_EQ(spi_->Send(connection.socket, "still here"), kOk);
  EXPECT_EQ(spi_->Cleanup(), kOk) << "the refused startup was counted";
  EXPECT_EQ(connection.peer.WaitForEnd(), Ending::kReset);
  EXPECT_EQ(other->Startup(), kOk);
  EXPECT_EQ(other->Cleanup(), kOk);
  other->Unload();
}

// Whenever it is told to, starts up and says with what result; cleans up again.
int StartUpWhenTold(Role& role) {
  const std::unique_ptr<Spi> spi = Spi::Load();
  WSPD_ROLE_CHECK(spi != nullptr, "load");
  while (!role.parent.Receive().empty()) {
    const WsaCode code = spi->Startup();
    role.parent.Send(ToString(code));
    WSPD_ROLE_CHECK(!code.ok() || spi->Cleanup().ok(), "cleanup");
  }
  return 0;
}
const RoleRegistration kStartUpWhenTold("StartUpWhenTold", StartUpWhenTold);

class ClientLimitTest : public ProviderTest {
 protected:
  ClientLimitTest() : ProviderTest(LimitedTo("clients: 1")) {}
};

TEST_F(ClientLimitTest, OneAboveItCannotStartUpUntilAnotherIsGone) {
  ASSERT_EQ(spi_->Startup(), kOk);
  ChildProcess child("StartUpWhenTold");
  child.channel().Send("now");
  EXPECT_EQ(child.channel().Receive(), ToString(kTooManyClients));
  EXPECT_EQ(spi_->Startup(), kOk) << "of a client that is there";
  EXPECT_EQ(spi_->Cleanup(), kOk);
  EXPECT_EQ(spi_->Cleanup(), kOk);
  // The daemon sees the end of the connection in its own time.
  EXPECT_TRUE(WaitUntil([&] {
    child.channel().Send("now");
    return child.channel().Receive() == ToString(kOk);
  }));
}

}  // namespace
}  // namespace wspd::testing
