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

// Every row of the reference, section 5.1, that has an errno.
TEST(WsaErrorTest, EveryErrnoOfTheReference) {
  struct Row {
    int error;
    uint32_t wsa;
  };
  constexpr Row kRows[] = {
      {ECANCELED, 995},         {EINTR, 10004},        {EACCES, 10013},
      {EPERM, 10013},           {EFAULT, 10014},       {EINVAL, 10022},
      {EMFILE, 10024},          {ENFILE, 10024},       {EAGAIN, 10035},
      {EINPROGRESS, 10035},     {EALREADY, 10037},     {ENOTSOCK, 10038},
      {EBADF, 10038},           {EDESTADDRREQ, 10039}, {EMSGSIZE, 10040},
      {EPROTOTYPE, 10041},      {ENOPROTOOPT, 10042},  {EPROTONOSUPPORT, 10043},
      {ESOCKTNOSUPPORT, 10044}, {EOPNOTSUPP, 10045},   {ENOTSUP, 10045},
      {EPFNOSUPPORT, 10046},    {EAFNOSUPPORT, 10047}, {EADDRINUSE, 10048},
      {EADDRNOTAVAIL, 10049},   {ENODEV, 10049},       {ENETDOWN, 10050},
      {ENETUNREACH, 10051},     {ENETRESET, 10052},    {ECONNABORTED, 10053},
      {ECONNRESET, 10054},      {EPIPE, 10054},        {ENOBUFS, 10055},
      {ENOMEM, 10055},          {ENOSPC, 10055},       {EISCONN, 10056},
      {ENOTCONN, 10057},        {ESHUTDOWN, 10058},    {ETOOMANYREFS, 10059},
      {ETIMEDOUT, 10060},       {ECONNREFUSED, 10061}, {ELOOP, 10062},
      {ENAMETOOLONG, 10063},    {EHOSTDOWN, 10064},    {EHOSTUNREACH, 10065},
      {ENOTEMPTY, 10066},       {EUSERS, 10068},       {EDQUOT, 10069},
      {ESTALE, 10070},          {EREMOTE, 10071},
  };
  for (const Row& row : kRows) {
    EXPECT_EQ(WsaFromErrno(row.error), row.wsa) << row.error;
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
