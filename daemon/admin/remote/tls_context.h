#ifndef WSPD_DAEMON_ADMIN_REMOTE_TLS_CONTEXT_H_
#define WSPD_DAEMON_ADMIN_REMOTE_TLS_CONTEXT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

// OpenSSL's.
struct ssl_ctx_st;
struct ssl_st;

namespace wspd {

// Paths of PEM files.
struct TlsFiles {
  // The server's own, with what is between it and its root.
  std::string certificate;
  // Not encrypted; a regular file that only its owner and its group may read.
  std::string key;
  // Whose clients are let in: one or more certificates of authorities.
  std::string client_ca;
};

// How connections are secured: TLS 1.2 or later, and of each client a
// certificate that has not expired, is for clients and comes from the CA.
// Thread-safe.
using TlsContext = std::shared_ptr<ssl_ctx_st>;

// Reads the files. The error names the field of the configuration and the file.
absl::StatusOr<TlsContext> LoadTlsContext(const TlsFiles& files);

// Not OK while clients that look will refuse the server's own certificate,
// since its time hasn't begun or is over.
absl::Status CheckOwnCertificate(const TlsContext& context);

// Whether `context` would let the client in, with the certificate that it has
// shown on `ssl`, at this time.
absl::Status VerifyClient(const ssl_st* ssl, const TlsContext& context);

// How long the client's certificate is good for; negative: it isn't any more.
absl::Duration TimeLeft(const ssl_st* ssl);

// What the certificate of a client, which was verified, calls it: "DNS:NAME"
// and "URI:NAME" of its alternative names, "CN:NAME" of its subject, as far as
// they are names that rights can be given to.
std::vector<std::string> CertificateNames(const ssl_st* ssl);

// What OpenSSL says went wrong on this thread, and forgets then.
std::string TakeTlsError();

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_REMOTE_TLS_CONTEXT_H_
