#include "daemon/winsock/wsa_error.h"

#include <errno.h>

#include "gtest/gtest.h"

namespace wspd {
namespace {

TEST(WsaErrorTest, WhatWinsockFindsTravelsWithLinuxsErrno) {
  struct Case {
    uint32_t wsa;
    int error;
  };
  constexpr Case kCases[] = {
      {0, 0},
      {kWsaNotConn, ENOTCONN},
      {kWsaShutdown, EPIPE},
      {kWsaIsConn, EISCONN},
      {kWsaAlready, EALREADY},
      {kWsaOpNotSupp, EOPNOTSUPP},
      {kWsaAfNoSupport, EAFNOSUPPORT},
      {kWsaNotSock, ENOTSOCK},
      {kWsaAddrNotAvail, EADDRNOTAVAIL},
      {kWsaNoProtoOpt, ENOPROTOOPT},
      {kWsaFault, EFAULT},
      {kWsaConnReset, ECONNRESET},
      {kWsaWouldBlock, EAGAIN},
      {kWsaTimedOut, ETIMEDOUT},
      {kWsaInval, EINVAL},
      // Linux knows nothing like it.
      {kWsaNotInitialised, EINVAL},
  };
  for (const Case& one : kCases) {
    EXPECT_EQ(LinuxErrnoOf(one.wsa), one.error) << one.wsa;
  }
}

TEST(WsaErrorTest, AnErrnoComesBackFromItsCode) {
  for (int error : {EAGAIN, EACCES, ENOTSOCK, ECONNRESET, ENOBUFS, EINVAL}) {
    EXPECT_EQ(LinuxErrnoOf(WsaFromErrno(error)), error);
  }
  EXPECT_EQ(WsaFromErrno(EPIPE), kWsaConnReset);
  EXPECT_EQ(WsaFromErrno(ESHUTDOWN), kWsaShutdown);
  EXPECT_EQ(WsaFromErrno(EXDEV), kWsaSyscallFailure);
  EXPECT_EQ(WsaFromErrno(0), 0);
}

TEST(WsaErrorTest, TheKernelsErrnoStays) {
  const WsaError error = WsaError::FromErrno(ENFILE);
  EXPECT_EQ(error.wsa, kWsaMfile);
  EXPECT_EQ(error.linux_errno, ENFILE);
  EXPECT_FALSE(error.ok());
  EXPECT_TRUE(WsaError::FromErrno(0).ok());
}

}  // namespace
}  // namespace wspd
