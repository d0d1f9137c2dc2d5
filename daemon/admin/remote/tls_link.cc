#include "daemon/admin/remote/tls_link.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"

namespace wspd {
namespace {

// The most that one TLS record carries.
constexpr size_t kRecordBytes = 16384;
// Before others have their turn.
constexpr int kRounds = 16;

}  // namespace

class TlsLink::Side : public EventHandler {
 public:
  Side(std::weak_ptr<TlsLink> link, void (TlsLink::*handle)(uint32_t))
      : link_(std::move(link)), handle_(handle) {}

  void OnEvents(uint32_t events) override {
    if (auto link = link_.lock()) ((*link).*handle_)(events);
  }

 private:
  const std::weak_ptr<TlsLink> link_;
  void (TlsLink::*const handle_)(uint32_t);
};

TlsLink::TlsLink(TlsContext context, OwnedFd tcp, EventLoop* loop, Sink sink)
    : context_(std::move(context)),
      loop_(loop),
      sink_(std::move(sink)),
      tcp_(std::move(tcp)),
      ssl_(SSL_new(context_.get()), &SSL_free) {}

TlsLink::~TlsLink() = default;

std::shared_ptr<TlsLink> TlsLink::Start(TlsContext context, OwnedFd tcp,
                                        EventLoop* loop, Sink sink) {
  std::shared_ptr<TlsLink> link(
      new TlsLink(std::move(context), std::move(tcp), loop, std::move(sink)));
  if (link->ssl_ == nullptr ||
      SSL_set_fd(link->ssl_.get(), link->tcp_.get()) != 1) {
    link->End(absl::InternalError(TakeTlsError()));
    return link;
  }
  auto watch = loop->Watch(link->tcp_.get(), EPOLLIN,
                           std::make_shared<Side>(link, &TlsLink::OnTcp));
  if (!watch.ok()) {
    link->End(watch.status());
    return link;
  }
  link->tcp_watch_ = *watch;
  return link;
}

void TlsLink::End(const absl::Status& status) {
  if (std::exchange(ended_, true)) return;
  loop_->Unwatch(tcp_watch_, tcp_.get());
  loop_->Unwatch(plain_watch_, plain_.get());
  tcp_.Reset();
  plain_.Reset();
  const Sink sink = std::move(sink_);
  sink.on_end(status);
}

void TlsLink::OnTcp(uint32_t events) {
  if (ended_) return;
  // Both directions are gone: what is on its way has nobody to go to.
  if (ready_ && (events & (EPOLLHUP | EPOLLERR)) != 0) {
    return End(absl::OkStatus());
  }
  Step();
}

void TlsLink::OnPlain(uint32_t events) {
  if (ended_) return;
  if ((events & (EPOLLHUP | EPOLLERR)) != 0 && !plain_closed_) {
    // It would be told again and again until all is read.
    plain_closed_ = true;
    loop_->Unwatch(std::exchange(plain_watch_, 0), plain_.get());
  }
  Step();
}

void TlsLink::Step() {
  // on_end may let go of the last one.
  const std::shared_ptr<TlsLink> self = shared_from_this();
  wants_write_ = false;
  if (!ready_ && !Handshake()) {
    if (!ended_) Rearm();
    return;
  }
  bool moved = true;
  for (int i = 0; i < kRounds && moved; ++i) {
    moved = PullTls();
    moved = (!ended_ && PushPlain()) || moved;
    moved = (!ended_ && PullPlain()) || moved;
    moved = (!ended_ && PushTls()) || moved;
    if (ended_) return;
  }
  Rearm();
  if (!moved) return;
  // What is inside OpenSSL makes no event.
  loop_->Post([self] {
    if (!self->ended_) self->Step();
  });
}

bool TlsLink::NoteWait(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return true;
    case SSL_ERROR_WANT_WRITE:
      wants_write_ = true;
      return true;
    default:
      return false;
  }
}

bool TlsLink::Handshake() {
  ERR_clear_error();
  const int result = SSL_accept(ssl_.get());
  if (result != 1) {
    const int error = errno;
    if (NoteWait(result)) return false;
    // Asked before the errors are taken, which it looks at.
    const bool by_system =
        SSL_get_error(ssl_.get(), result) == SSL_ERROR_SYSCALL;
    const auto verified = SSL_get_verify_result(ssl_.get());
    std::string cause = TakeTlsError();
    if (verified != X509_V_OK) {
      absl::StrAppend(&cause, " (", X509_verify_cert_error_string(verified),
                      ")");
    } else if (by_system) {
      cause = error == 0 ? "the client hung up"
                         : absl::ErrnoToStatus(error, "read()").ToString();
    }
    End(absl::UnauthenticatedError(cause));
    return false;
  }
  return MakePlain();
}

bool TlsLink::MakePlain() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0,
                 ends) != 0) {
    End(absl::ErrnoToStatus(errno, "socketpair()"));
    return false;
  }
  plain_.Reset(ends[0]);
  OwnedFd other(ends[1]);
  auto watch =
      loop_->Watch(plain_.get(), EPOLLIN,
                   std::make_shared<Side>(weak_from_this(), &TlsLink::OnPlain));
  if (!watch.ok()) {
    End(watch.status());
    return false;
  }
  plain_watch_ = *watch;
  ready_ = true;
  // It may end the link, and that lets go of the sink.
  const auto on_ready = std::move(sink_.on_ready);
  on_ready(CertificateNames(ssl_.get()), std::move(other));
  return !ended_;
}

bool TlsLink::PullTls() {
  if (!in_.empty()) return false;
  ERR_clear_error();
  in_.bytes.resize(kRecordBytes);
  const int size = SSL_read(ssl_.get(), &in_.bytes[0], kRecordBytes);
  in_.bytes.resize(size > 0 ? size : 0);
  in_.gone = 0;
  if (size > 0) return true;
  if (!NoteWait(size)) End(absl::OkStatus());
  return false;
}

bool TlsLink::PushPlain() {
  if (in_.empty()) return false;
  const absl::string_view rest = in_.rest();
  const ssize_t sent =
      send(plain_.get(), rest.data(), rest.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  if (sent > 0) {
    in_.gone += sent;
    return true;
  }
  // Nobody is there any more; what it has written is still to go out.
  if (errno == EPIPE || errno == ECONNRESET) {
    in_ = Buffer();
  } else if (errno != EAGAIN && errno != EINTR) {
    End(absl::OkStatus());
  }
  return false;
}

bool TlsLink::PullPlain() {
  if (!out_.empty()) return false;
  out_.bytes.resize(kRecordBytes);
  const ssize_t size =
      recv(plain_.get(), &out_.bytes[0], kRecordBytes, MSG_DONTWAIT);
  const int error = errno;
  out_.bytes.resize(size > 0 ? size : 0);
  out_.gone = 0;
  if (size > 0) return true;
  if (size < 0 && (error == EAGAIN || error == EINTR)) return false;
  // Says goodbye, if the kernel takes that.
  SSL_shutdown(ssl_.get());
  End(absl::OkStatus());
  return false;
}

bool TlsLink::PushTls() {
  if (out_.empty()) return false;
  ERR_clear_error();
  const absl::string_view rest = out_.rest();
  const int sent =
      SSL_write(ssl_.get(), rest.data(), static_cast<int>(rest.size()));
  if (sent > 0) {
    out_.gone += sent;
    return true;
  }
  if (!NoteWait(sent)) End(absl::OkStatus());
  return false;
}

void TlsLink::Rearm() {
  const uint32_t tcp =
      (in_.empty() ? EPOLLIN : 0u) | (wants_write_ ? EPOLLOUT : 0u);
  absl::Status status = loop_->Rearm(tcp_watch_, tcp_.get(), tcp);
  if (status.ok() && plain_watch_ != 0) {
    const uint32_t plain =
        (out_.empty() ? EPOLLIN : 0u) | (in_.empty() ? 0u : EPOLLOUT);
    status = loop_->Rearm(plain_watch_, plain_.get(), plain);
  }
  if (!status.ok()) End(status);
}

}  // namespace wspd
