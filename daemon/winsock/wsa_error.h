#ifndef WSPD_DAEMON_WINSOCK_WSA_ERROR_H_
#define WSPD_DAEMON_WINSOCK_WSA_ERROR_H_

#include <cstdint>

namespace wspd {

// Winsock's error codes that the daemon gives (reference, section 5.1).
inline constexpr uint32_t kWsaOperationAborted = 995;
inline constexpr uint32_t kWsaIntr = 10004;
inline constexpr uint32_t kWsaAcces = 10013;
inline constexpr uint32_t kWsaFault = 10014;
inline constexpr uint32_t kWsaInval = 10022;
inline constexpr uint32_t kWsaMfile = 10024;
inline constexpr uint32_t kWsaWouldBlock = 10035;
inline constexpr uint32_t kWsaAlready = 10037;
inline constexpr uint32_t kWsaNotSock = 10038;
inline constexpr uint32_t kWsaDestAddrReq = 10039;
inline constexpr uint32_t kWsaMsgSize = 10040;
inline constexpr uint32_t kWsaProtoType = 10041;
inline constexpr uint32_t kWsaNoProtoOpt = 10042;
inline constexpr uint32_t kWsaProtoNoSupport = 10043;
inline constexpr uint32_t kWsaSocktNoSupport = 10044;
inline constexpr uint32_t kWsaOpNotSupp = 10045;
inline constexpr uint32_t kWsaAfNoSupport = 10047;
inline constexpr uint32_t kWsaAddrInUse = 10048;
inline constexpr uint32_t kWsaAddrNotAvail = 10049;
inline constexpr uint32_t kWsaNetDown = 10050;
inline constexpr uint32_t kWsaNetReset = 10052;
inline constexpr uint32_t kWsaConnAborted = 10053;
inline constexpr uint32_t kWsaConnReset = 10054;
inline constexpr uint32_t kWsaNoBufs = 10055;
inline constexpr uint32_t kWsaIsConn = 10056;
inline constexpr uint32_t kWsaNotConn = 10057;
inline constexpr uint32_t kWsaShutdown = 10058;
inline constexpr uint32_t kWsaTimedOut = 10060;
inline constexpr uint32_t kWsaConnRefused = 10061;
inline constexpr uint32_t kWsaProcLim = 10067;
inline constexpr uint32_t kWsaSysNotReady = 10091;
inline constexpr uint32_t kWsaVerNotSupported = 10092;
inline constexpr uint32_t kWsaNotInitialised = 10093;
inline constexpr uint32_t kWsaSyscallFailure = 10107;
inline constexpr uint32_t kWsaServiceNotFound = 10108;
inline constexpr uint32_t kWsaHostNotFound = 11001;
inline constexpr uint32_t kWsaTryAgain = 11002;
inline constexpr uint32_t kWsaNoRecovery = 11003;
inline constexpr uint32_t kWsaNoData = 11004;

// The usual Winsock code of a Linux errno (reference, section 5.1), for callers
// that don't know better from the call (section 5.2). 0 for 0; an errno that
// has none gives WSASYSCALLFAILURE.
uint32_t WsaFromErrno(int error);

// The errno with which an error travels that Winsock's rules find and the
// kernel wasn't asked about: what Linux says in such a case, EINVAL where it
// knows no such thing. 0 for 0.
int LinuxErrnoOf(uint32_t wsa_error);

// A Winsock code and the errno behind it; both 0 for success.
struct WsaError {
  // What Winsock's rules find.
  WsaError(uint32_t code)  // NOLINT(google-explicit-constructor)
      : wsa(code), linux_errno(LinuxErrnoOf(code)) {}
  // What the kernel said.
  static WsaError FromErrno(int error) {
    WsaError result(WsaFromErrno(error));
    result.linux_errno = error;
    return result;
  }

  bool ok() const { return wsa == 0; }

  uint32_t wsa;
  int linux_errno;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_WINSOCK_WSA_ERROR_H_
