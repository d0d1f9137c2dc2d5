// Options whose answer depends on what became of the socket.
#include "daemon/winsock/socket_options.h"

#include <sys/socket.h>

#include "daemon/base/owned_fd.h"
#include "daemon/winsock/wsa_error.h"
#include "gtest/gtest.h"

namespace wspd {
namespace {

// Winsock's numbers.
constexpr int kSocketLevel = 0xffff;
constexpr int kKeepAlive = 0x8;

// What turning keep-alive on or off says for a connection that was lost so.
uint32_t SetKeepAlive(uint32_t lost, bool on) {
  const OwnedFd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  uint32_t so_error = 0;
  SocketView view{fd.get(), AF_INET, SOCK_STREAM, true, false, 1, &so_error};
  view.lost = lost;
  SocketOptions options;
  wsp::v1::SetSockOptRequest request;
  request.set_level(kSocketLevel);
  request.set_option(kKeepAlive);
  request.mutable_value()->set_number(on ? 1 : 0);
  const WsaError error = SetSocketOption(request, view, &options);
  int is_on = -1;
  socklen_t size = sizeof(is_on);
  EXPECT_EQ(getsockopt(fd.get(), SOL_SOCKET, SO_KEEPALIVE, &is_on, &size), 0);
  EXPECT_EQ(is_on, on && error.ok() ? 1 : 0);
  return error.wsa;
}

TEST(SocketOptionsTest, KeepAliveIsNotTurnedOnForALostConnection) {
  EXPECT_EQ(SetKeepAlive(0, true), 0u);
  EXPECT_EQ(SetKeepAlive(kWsaTimedOut, true), kWsaNetReset);
  EXPECT_EQ(SetKeepAlive(kWsaNetReset, true), kWsaNetReset);
  EXPECT_EQ(SetKeepAlive(kWsaConnReset, true), kWsaNotConn);
  EXPECT_EQ(SetKeepAlive(kWsaConnAborted, true), kWsaNotConn);
}

TEST(SocketOptionsTest, KeepAliveIsTurnedOffAlsoForALostConnection) {
  EXPECT_EQ(SetKeepAlive(0, false), 0u);
  EXPECT_EQ(SetKeepAlive(kWsaTimedOut, false), 0u);
  EXPECT_EQ(SetKeepAlive(kWsaConnReset, false), 0u);
}

}  // namespace
}  // namespace wspd
