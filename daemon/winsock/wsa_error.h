#ifndef WSPD_DAEMON_WINSOCK_WSA_ERROR_H_
#define WSPD_DAEMON_WINSOCK_WSA_ERROR_H_

#include <cstdint>

namespace wspd {

// Winsock's error codes that the daemon gives (reference, section 5.1).
enum WsaError : uint32_t {
  kWsaOperationAborted = 995,
  kWsaIntr = 10004,
  kWsaAcces = 10013,
  kWsaFault = 10014,
  kWsaInval = 10022,
  kWsaMfile = 10024,
  kWsaWouldBlock = 10035,
  kWsaAlready = 10037,
  kWsaNotSock = 10038,
  kWsaMsgSize = 10040,
  kWsaProtoType = 10041,
  kWsaNoProtoOpt = 10042,
  kWsaProtoNoSupport = 10043,
  kWsaSocktNoSupport = 10044,
  kWsaOpNotSupp = 10045,
  kWsaAfNoSupport = 10047,
  kWsaAddrInUse = 10048,
  kWsaAddrNotAvail = 10049,
  kWsaNetDown = 10050,
  kWsaConnAborted = 10053,
  kWsaConnReset = 10054,
  kWsaNoBufs = 10055,
  kWsaIsConn = 10056,
  kWsaNotConn = 10057,
  kWsaShutdown = 10058,
  kWsaTimedOut = 10060,
  kWsaConnRefused = 10061,
  kWsaProcLim = 10067,
  kWsaVerNotSupported = 10092,
  kWsaNotInitialised = 10093,
  kWsaSyscallFailure = 10107,
};

// The usual Winsock code of a Linux errno (reference, section 5.1), for callers
// that don't know better from the call (section 5.2). 0 for 0; an errno that
// has none gives WSASYSCALLFAILURE.
uint32_t WsaFromErrno(int error);

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_WSA_ERROR_H_
