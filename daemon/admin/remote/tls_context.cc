#include "daemon/admin/remote/tls_context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "daemon/admin/remote/remote_rights.h"
#include "daemon/base/small_file.h"

namespace wspd {
namespace {

// What gRPC speaks, as ALPN writes it.
constexpr unsigned char kProtocols[] = {2, 'h', '2'};

int SelectProtocol(SSL*, const unsigned char** out, unsigned char* out_size,
                   const unsigned char* in, unsigned int in_size, void*) {
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(&selected, out_size, kProtocols, sizeof(kProtocols),
                            in, in_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

// More than any chain of certificates has.
constexpr size_t kMostFileBytes = 1 << 20;

// What files of one context are read with.
class FileReader {
 public:
  explicit FileReader(SSL_CTX* context) : context_(context) {}

  absl::Status UseCertificate(const std::string& path);
  absl::Status UseKey(const std::string& path);
  absl::Status UseClientCa(const std::string& path);

 private:
  using Bio = std::unique_ptr<BIO, int (*)(BIO*)>;
  using Certificate = std::unique_ptr<X509, void (*)(X509*)>;

  // Has `field`, `path` and what is in the file for what follows.
  absl::Status Open(const char* field, const std::string& path,
                    bool is_secret = false);
  absl::Status Error(absl::string_view what) const {
    return absl::FailedPreconditionError(
        absl::StrCat("remote_admin.", field_, ": ", path_, ": ", what));
  }
  // Of a call of OpenSSL's; `wanted` is what the file should have had.
  absl::Status TlsError(const char* wanted);
  // The next one of the file, null if there is none.
  Certificate Next();
  // Of what wasn't there: whether that is since the file has no more.
  static bool AtEnd();

  // Nobody is there to be asked: a key has to be readable as it is.
  static int RefusePassword(char*, int, int, void* reader) {
    static_cast<FileReader*>(reader)->asked_ = true;
    return -1;
  }

  SSL_CTX* const context_;
  const char* field_ = "";
  std::string path_;
  std::string content_;
  Bio bio_{nullptr, &BIO_free};
  bool asked_ = false;
};

absl::Status FileReader::Open(const char* field, const std::string& path,
                              bool is_secret) {
  field_ = field;
  path_ = path;
  asked_ = false;
  auto content = is_secret ? ReadSecretFile(path, kMostFileBytes)
                           : ReadSmallFile(path, kMostFileBytes);
  if (!content.ok()) return Error(content.status().message());
  content_ = *std::move(content);
  bio_.reset(
      BIO_new_mem_buf(content_.data(), static_cast<int>(content_.size())));
  ERR_clear_error();
  return bio_ == nullptr ? Error("there is no memory") : absl::OkStatus();
}

absl::Status FileReader::TlsError(const char* wanted) {
  const bool is_nothing = AtEnd();
  const std::string cause = TakeTlsError();
  if (asked_) return Error("it is encrypted; wspd asks nobody for a password");
  return is_nothing
             ? Error(absl::StrCat("there is no ", wanted, " in it, as PEM"))
             : Error(absl::StrCat("it is no ", wanted, " as PEM: ", cause));
}

FileReader::Certificate FileReader::Next() {
  return Certificate(
      PEM_read_bio_X509(bio_.get(), nullptr, &RefusePassword, this),
      &X509_free);
}

bool FileReader::AtEnd() {
  const auto error = ERR_peek_last_error();
  return ERR_GET_LIB(error) == ERR_LIB_PEM &&
         ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
}

absl::Status FileReader::UseCertificate(const std::string& path) {
  if (auto status = Open("certificate", path); !status.ok()) return status;
  Certificate certificate = Next();
  if (certificate == nullptr ||
      SSL_CTX_use_certificate(context_, certificate.get()) != 1) {
    return TlsError("certificate");
  }
  while ((certificate = Next()) != nullptr) {
    if (SSL_CTX_add1_chain_cert(context_, certificate.get()) != 1) {
      return TlsError("certificate");
    }
  }
  if (!AtEnd()) return TlsError("certificate");
  ERR_clear_error();
  return absl::OkStatus();
}

absl::Status FileReader::UseKey(const std::string& path) {
  if (auto status = Open("key", path, true); !status.ok()) return status;
  const std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key(
      PEM_read_bio_PrivateKey(bio_.get(), nullptr, &RefusePassword, this),
      &EVP_PKEY_free);
  OPENSSL_cleanse(&content_[0], content_.size());
  if (key == nullptr) return TlsError("private key");
  if (SSL_CTX_use_PrivateKey(context_, key.get()) != 1 ||
      SSL_CTX_check_private_key(context_) != 1) {
    return Error(absl::StrCat("it isn't the key of remote_admin.certificate: ",
                              TakeTlsError()));
  }
  return absl::OkStatus();
}

absl::Status FileReader::UseClientCa(const std::string& path) {
  if (auto status = Open("client_ca", path); !status.ok()) return status;
  X509_STORE* const store = SSL_CTX_get_cert_store(context_);
  bool any = false;
  while (const Certificate certificate = Next()) {
    any = true;
    if (X509_STORE_add_cert(store, certificate.get()) != 1 ||
        SSL_CTX_add_client_CA(context_, certificate.get()) != 1) {
      return TlsError("certificate");
    }
  }
  if (!any || !AtEnd()) return TlsError("certificate");
  ERR_clear_error();
  return absl::OkStatus();
}

std::string ToString(const ASN1_STRING* text) {
  return std::string(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                     static_cast<size_t>(ASN1_STRING_length(text)));
}

void AddAlternativeNames(const X509* certificate,
                         std::vector<std::string>* names) {
  auto* const all = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  if (all == nullptr) return;
  for (int i = 0; i < sk_GENERAL_NAME_num(all); ++i) {
    int type;
    const void* const value =
        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(all, i), &type);
    if (type != GEN_DNS && type != GEN_URI) continue;
    names->push_back(
        absl::StrCat(type == GEN_DNS ? "DNS:" : "URI:",
                     ToString(static_cast<const ASN1_STRING*>(value))));
  }
  GENERAL_NAMES_free(all);
}

void AddCommonNames(const X509* certificate, std::vector<std::string>* names) {
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  int at = -1;
  while ((at = X509_NAME_get_index_by_NID(subject, NID_commonName, at)) >= 0) {
    unsigned char* utf8 = nullptr;
    const int size = ASN1_STRING_to_UTF8(
        &utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    if (size < 0) continue;
    names->push_back(absl::StrCat(
        "CN:", absl::string_view(reinterpret_cast<const char*>(utf8),
                                 static_cast<size_t>(size))));
    OPENSSL_free(utf8);
  }
}

}  // namespace

std::string TakeTlsError() {
  // The first one is the cause of the others.
  const unsigned long code = ERR_get_error();  // NOLINT(google-runtime-int)
  ERR_clear_error();
  if (code == 0) return "no reason given";
  if (ERR_SYSTEM_ERROR(code)) {
    return absl::ErrnoToStatus(ERR_GET_REASON(code), "open()").ToString();
  }
  const char* const reason = ERR_reason_error_string(code);
  return reason == nullptr ? absl::StrCat("OpenSSL's error ", code) : reason;
}

absl::StatusOr<TlsContext> LoadTlsContext(const TlsFiles& files) {
  ERR_clear_error();
  const TlsContext context(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free);
  if (context == nullptr) {
    return absl::InternalError(absl::StrCat("SSL_CTX_new(): ", TakeTlsError()));
  }
  SSL_CTX* const raw = context.get();
  SSL_CTX_set_min_proto_version(raw, TLS1_2_VERSION);
  // Each connection is looked at anew: none is resumed without its
  // certificate's being verified.
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(raw, 0);
  SSL_CTX_set_options(
      raw, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(raw, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                     nullptr);
  SSL_CTX_set_alpn_select_cb(raw, &SelectProtocol, nullptr);
  FileReader reader(raw);
  absl::Status status = reader.UseCertificate(files.certificate);
  if (status.ok()) status = reader.UseKey(files.key);
  if (status.ok()) status = reader.UseClientCa(files.client_ca);
  if (!status.ok()) return status;
  return context;
}

absl::Status CheckOwnCertificate(const TlsContext& context) {
  const X509* const own = SSL_CTX_get0_certificate(context.get());
  if (X509_cmp_current_time(X509_get0_notBefore(own)) > 0) {
    return absl::FailedPreconditionError("it is not valid yet");
  }
  if (X509_cmp_current_time(X509_get0_notAfter(own)) < 0) {
    return absl::FailedPreconditionError("it has expired");
  }
  return absl::OkStatus();
}

absl::Status VerifyClient(const ssl_st* ssl, const TlsContext& context) {
  const std::unique_ptr<X509_STORE_CTX, void (*)(X509_STORE_CTX*)> check(
      X509_STORE_CTX_new(), &X509_STORE_CTX_free);
  if (check == nullptr ||
      X509_STORE_CTX_init(check.get(), SSL_CTX_get_cert_store(context.get()),
                          SSL_get0_peer_certificate(ssl),
                          SSL_get_peer_cert_chain(ssl)) != 1 ||
      X509_STORE_CTX_set_default(check.get(), "ssl_client") != 1) {
    return absl::InternalError(TakeTlsError());
  }
  X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(check.get()),
                                   SSL_CTX_get_security_level(context.get()));
  const bool good = X509_verify_cert(check.get()) == 1;
  ERR_clear_error();
  if (good) return absl::OkStatus();
  return absl::UnauthenticatedError(
      X509_verify_cert_error_string(X509_STORE_CTX_get_error(check.get())));
}

absl::Duration TimeLeft(const ssl_st* ssl) {
  int days = 0;
  int seconds = 0;
  const X509* const certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr ||
      ASN1_TIME_diff(&days, &seconds, nullptr,
                     X509_get0_notAfter(certificate)) != 1) {
    return absl::Seconds(-1);
  }
  return absl::Hours(24) * days + absl::Seconds(seconds);
}

std::vector<std::string> CertificateNames(const ssl_st* ssl) {
  std::vector<std::string> names;
  const X509* const certificate = SSL_get0_peer_certificate(ssl);
  if (certificate == nullptr) return names;
  AddAlternativeNames(certificate, &names);
  AddCommonNames(certificate, &names);
  // The rest would be in nobody's list, but in texts.
  names.erase(std::remove_if(names.begin(), names.end(),
                             [](const std::string& name) {
                               return !IsCertificateName(name);
                             }),
              names.end());
  return names;
}

}  // namespace wspd
