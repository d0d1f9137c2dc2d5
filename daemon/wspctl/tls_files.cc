#include "daemon/wspctl/tls_files.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstddef>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "daemon/base/small_file.h"

namespace wspd {
namespace {

// The system's authorities are a fifth of it.
constexpr size_t kMostBytes = 1 << 20;

using Bio = std::unique_ptr<BIO, int (*)(BIO*)>;
using Certificate = std::unique_ptr<X509, void (*)(X509*)>;
using Key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;

absl::Status Error(const char* option, const std::string& path,
                   absl::string_view what) {
  return absl::FailedPreconditionError(
      absl::StrCat(option, " ", path, ": ", what));
}

absl::Status Read(const char* option, const std::string& path, bool is_secret,
                  std::string* content) {
  auto got = is_secret ? ReadSecretFile(path, kMostBytes)
                       : ReadSmallFile(path, kMostBytes);
  if (!got.ok()) return Error(option, path, got.status().message());
  *content = *std::move(got);
  return absl::OkStatus();
}

// OpenSSL would ask on the terminal, and gRPC couldn't use the key anyhow.
int RefusePassword(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Bio Open(const std::string& content) {
  return Bio(BIO_new_mem_buf(content.data(), static_cast<int>(content.size())),
             &BIO_free);
}

Certificate FirstOf(const std::string& content) {
  bool asked = false;
  return Certificate(
      PEM_read_bio_X509(Open(content).get(), nullptr, &RefusePassword, &asked),
      &X509_free);
}

absl::Status CheckCertificate(const DaemonAddress& daemon,
                              const X509* certificate) {
  if (certificate == nullptr) {
    return Error("--cert", daemon.certificate,
                 "there is no certificate in it, as PEM");
  }
  if (X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0) {
    return Error("--cert", daemon.certificate, "it has expired");
  }
  if (X509_cmp_current_time(X509_get0_notBefore(certificate)) > 0) {
    return Error("--cert", daemon.certificate, "it is not valid yet");
  }
  return absl::OkStatus();
}

absl::Status CheckKey(const DaemonAddress& daemon, const std::string& content,
                      const X509* certificate) {
  bool asked = false;
  const Key key(PEM_read_bio_PrivateKey(Open(content).get(), nullptr,
                                        &RefusePassword, &asked),
                &EVP_PKEY_free);
  if (key == nullptr) {
    return Error("--key", daemon.key,
                 asked ? "it is encrypted; wspctl asks nobody for a password"
                       : "there is no private key in it, as PEM");
  }
  if (X509_check_private_key(certificate, key.get()) != 1) {
    return Error("--key", daemon.key,
                 absl::StrCat("it isn't the key of ", daemon.certificate));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TlsTexts> ReadTlsFiles(const DaemonAddress& daemon) {
  TlsTexts files;
  absl::Status status;
  if (!daemon.ca.empty()) {
    status = Read("--ca", daemon.ca, false, &files.ca);
    if (status.ok() && FirstOf(files.ca) == nullptr) {
      status =
          Error("--ca", daemon.ca, "there is no certificate in it, as PEM");
    }
  }
  if (status.ok()) {
    status = Read("--cert", daemon.certificate, false, &files.certificate);
  }
  if (status.ok()) status = Read("--key", daemon.key, true, &files.key);
  if (!status.ok()) return status;
  const Certificate certificate = FirstOf(files.certificate);
  status = CheckCertificate(daemon, certificate.get());
  if (status.ok()) status = CheckKey(daemon, files.key, certificate.get());
  ERR_clear_error();
  if (!status.ok()) return status;
  return files;
}

}  // namespace wspd
