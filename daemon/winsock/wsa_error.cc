#include "daemon/winsock/wsa_error.h"

#include <errno.h>

namespace wspd {

uint32_t WsaFromErrno(int error) {
  switch (error) {
    case 0:
      return 0;
    case ECANCELED:
      return kWsaOperationAborted;
    case EINTR:
      return kWsaIntr;
    case EACCES:
    case EPERM:
      return kWsaAcces;
    case EFAULT:
      return kWsaFault;
    case EINVAL:
      return kWsaInval;
    case EMFILE:
    case ENFILE:
      return kWsaMfile;
    case EAGAIN:
    case EINPROGRESS:
      return kWsaWouldBlock;
    case EALREADY:
      return kWsaAlready;
    case ENOTSOCK:
    case EBADF:
      return kWsaNotSock;
    case EDESTADDRREQ:
      return 10039;
    case EMSGSIZE:
      return kWsaMsgSize;
    case EPROTOTYPE:
      return kWsaProtoType;
    case ENOPROTOOPT:
      return kWsaNoProtoOpt;
    case EPROTONOSUPPORT:
      return kWsaProtoNoSupport;
    case ESOCKTNOSUPPORT:
      return kWsaSocktNoSupport;
    case EOPNOTSUPP:
      return kWsaOpNotSupp;
    case EPFNOSUPPORT:
      return 10046;
    case EAFNOSUPPORT:
      return kWsaAfNoSupport;
    case EADDRINUSE:
      return kWsaAddrInUse;
    case EADDRNOTAVAIL:
    case ENODEV:
      return kWsaAddrNotAvail;
    case ENETDOWN:
      return kWsaNetDown;
    case ENETUNREACH:
      return 10051;
    case ENETRESET:
      return 10052;
    case ECONNABORTED:
      return kWsaConnAborted;
    case ECONNRESET:
    case EPIPE:
      return kWsaConnReset;
    case ENOBUFS:
    case ENOMEM:
    case ENOSPC:
      return kWsaNoBufs;
    case EISCONN:
      return kWsaIsConn;
    case ENOTCONN:
      return kWsaNotConn;
    case ESHUTDOWN:
      return kWsaShutdown;
    case ETOOMANYREFS:
      return 10059;
    case ETIMEDOUT:
      return kWsaTimedOut;
    case ECONNREFUSED:
      return kWsaConnRefused;
    case ELOOP:
      return 10062;
    case ENAMETOOLONG:
      return 10063;
    case EHOSTDOWN:
      return 10064;
    case EHOSTUNREACH:
      return 10065;
    case ENOTEMPTY:
      return 10066;
    case EUSERS:
      return 10068;
    case EDQUOT:
      return 10069;
    case ESTALE:
      return 10070;
    case EREMOTE:
      return 10071;
    default:
      return kWsaSyscallFailure;
  }
}

}  // namespace wspd
