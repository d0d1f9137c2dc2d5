#ifndef WSPD_DAEMON_WSPCTL_TLS_FILES_H_
#define WSPD_DAEMON_WSPCTL_TLS_FILES_H_

#include <string>

#include "absl/status/statusor.h"
#include "daemon/wspctl/daemon_address.h"

namespace wspd {

// What is in the files by which a daemon elsewhere is asked, as PEM.
struct TlsTexts {
  // Empty: the system's authorities.
  std::string ca;
  std::string certificate;
  std::string key;
};

// Reads them, and looks whether a daemon could take them: of a certificate that
// is refused the other side says little. FAILED_PRECONDITION with a line for
// the user, which names option and file.
absl::StatusOr<TlsTexts> ReadTlsFiles(const DaemonAddress& daemon);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_TLS_FILES_H_
