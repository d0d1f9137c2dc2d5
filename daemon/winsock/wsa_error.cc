#include "daemon/winsock/wsa_error.h"

#include <errno.h>

namespace wspd {
namespace {

struct Pair {
  int error;
  uint32_t wsa;
};
// Read both ways (reference, section 5.1): an errno gives the code of its first
// pair, a code the errno of its first pair.
constexpr Pair kPairs[] = {
    {EAGAIN, kWsaWouldBlock},
    {EINPROGRESS, kWsaWouldBlock},
    {ECANCELED, kWsaOperationAborted},
    {EINTR, kWsaIntr},
    {EACCES, kWsaAcces},
    {EPERM, kWsaAcces},
    {EFAULT, kWsaFault},
    {EINVAL, kWsaInval},
    {EMFILE, kWsaMfile},
    {ENFILE, kWsaMfile},
    {EALREADY, kWsaAlready},
    {ENOTSOCK, kWsaNotSock},
    {EBADF, kWsaNotSock},
    {EDESTADDRREQ, kWsaDestAddrReq},
    {EMSGSIZE, kWsaMsgSize},
    {EPROTOTYPE, kWsaProtoType},
    {ENOPROTOOPT, kWsaNoProtoOpt},
    {EPROTONOSUPPORT, kWsaProtoNoSupport},
    {ESOCKTNOSUPPORT, kWsaSocktNoSupport},
    {EOPNOTSUPP, kWsaOpNotSupp},
    {EPFNOSUPPORT, 10046},
    {EAFNOSUPPORT, kWsaAfNoSupport},
    {EADDRINUSE, kWsaAddrInUse},
    {EADDRNOTAVAIL, kWsaAddrNotAvail},
    {ENODEV, kWsaAddrNotAvail},
    {ENETDOWN, kWsaNetDown},
    {ENETUNREACH, 10051},
    {ENETRESET, kWsaNetReset},
    {ECONNABORTED, kWsaConnAborted},
    {ECONNRESET, kWsaConnReset},
    {EPIPE, kWsaConnReset},
    {ENOBUFS, kWsaNoBufs},
    {ENOMEM, kWsaNoBufs},
    {ENOSPC, kWsaNoBufs},
    {EISCONN, kWsaIsConn},
    {ENOTCONN, kWsaNotConn},
    // What Linux says after one's own shutdown.
    {EPIPE, kWsaShutdown},
    {ESHUTDOWN, kWsaShutdown},
    {ETOOMANYREFS, 10059},
    {ETIMEDOUT, kWsaTimedOut},
    {ECONNREFUSED, kWsaConnRefused},
    {ELOOP, 10062},
    {ENAMETOOLONG, 10063},
    {EHOSTDOWN, 10064},
    {EHOSTUNREACH, 10065},
    {ENOTEMPTY, 10066},
    {EUSERS, 10068},
    {EDQUOT, 10069},
    {ESTALE, 10070},
    {EREMOTE, 10071},
};

}  // namespace

uint32_t WsaFromErrno(int error) {
  if (error == 0) return 0;
  for (const Pair& pair : kPairs) {
    if (pair.error == error) return pair.wsa;
  }
  return kWsaSyscallFailure;
}

int LinuxErrnoOf(uint32_t wsa_error) {
  if (wsa_error == 0) return 0;
  for (const Pair& pair : kPairs) {
    if (pair.wsa == wsa_error) return pair.error;
  }
  return EINVAL;
}

}  // namespace wspd
