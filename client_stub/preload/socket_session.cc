#include "client_stub/preload/socket_session.h"

#include <errno.h>

#include <atomic>
#include <cstdint>

#include "client_stub/base/mutex.h"
#include "client_stub/base/random_number.h"
#include "client_stub/preload/credentials.h"
#include "client_stub/preload/descriptor_channel.h"
#include "client_stub/preload/kernel_calls.h"
#include "client_stub/preload/linux_attachment.h"
#include "client_stub/preload/session_state.h"
#include "client_stub/preload/shield.h"
#include "client_stub/transport/requests.h"
#include "proto/wire_fields.h"

namespace wsp {
// One attachment and its descriptor connection.
class SocketSession {
 public:
  SocketSession(uint64_t first_id, uint32_t credentials)
      : credentials_(credentials),
        attachment_(first_id),
        next_socket_id_(first_id) {}

  // 0 or a negative errno, as DaemonConnection::Open().
  int Open(int64_t deadline_ms);

  // Whether it can be asked, as far as that is known.
  bool MayBeAsked() const {
    return credentials_ == CredentialsChanges() && attachment_.IsIntact() &&
           descriptors_.IsIntact();
  }

  // A descriptor, a negative errno, or kLost.
  int AskForSocket(const LinuxSocketParams& params, bool close_on_exec,
                   int64_t deadline_ms);

  // Not an errno: the daemon is to be asked again on another connection.
  static constexpr int kLost = -4096;

 private:
  uint64_t TakeSocketId();

  // Those that the daemon has seen.
  const uint32_t credentials_;
  LinuxAttachment attachment_;
  DescriptorChannel descriptors_;
  uint64_t next_socket_id_;
};

int SocketSession::Open(int64_t deadline_ms) {
  const int error = attachment_.Open(deadline_ms);
  if (error != 0) return error;
  return descriptors_.Open(attachment_.token(), deadline_ms);
}

uint64_t SocketSession::TakeSocketId() {
  // 0 is no socket's.
  if (next_socket_id_ == 0) ++next_socket_id_;
  return next_socket_id_++;
}

int SocketSession::AskForSocket(const LinuxSocketParams& params,
                                bool close_on_exec, int64_t deadline_ms) {
  Call* call = attachment_.NewCall(TakeSocketId());
  AppendLinuxSocket(&call->bytes, params);
  if (attachment_.Ask(call, deadline_ms, nullptr) !=
      LinuxAttachment::Answer::kResult) {
    return kLost;
  }
  const Completion& result = attachment_.result();
  // The descriptor connection is gone, which the daemon has seen first.
  if (result.linux_errno == ENOTCONN) return kLost;
  if (result.linux_errno != 0) return -static_cast<int>(result.linux_errno);
  if (result.wsa_error != 0) return -EOPNOTSUPP;
  const int fd = descriptors_.Take(attachment_.call_id(), close_on_exec);
  return fd == -EPIPE ? kLost : fd;
}

namespace {

// How often the daemon has said nothing for kDaemonPatienceMs.
std::atomic<uint32_t> g_silences{0};

void DropSession(SocketSessionState* state) WSP_REQUIRES(state->mutex) {
  delete state->session;
  state->session = nullptr;
}

int OpenSession(SocketSessionState* state, int64_t deadline_ms)
    WSP_REQUIRES(state->mutex) {
  uint64_t first_id;
  if (!GetRandomNumber(&first_id)) return -ENETDOWN;
  // Counted before the daemon looks at them.
  state->session = new SocketSession(first_id, CredentialsChanges());
  const int error = state->session->Open(deadline_ms);
  if (error != 0) DropSession(state);
  return error;
}

struct Wanted {
  LinuxSocketParams params;
  bool close_on_exec;
};

int AskDaemon(SocketSessionState* state, const Wanted& wanted,
              int64_t deadline_ms) WSP_REQUIRES(state->mutex) {
  for (;;) {
    if (state->session != nullptr && !state->session->MayBeAsked()) {
      DropSession(state);
    }
    const bool is_new = state->session == nullptr;
    if (is_new) {
      const int error = OpenSession(state, deadline_ms);
      if (error != 0) return error;
    }
    const int result = state->session->AskForSocket(
        wanted.params, wanted.close_on_exec, deadline_ms);
    if (result != SocketSession::kLost) return result;
    DropSession(state);
    // An older one may have been lost at any time before.
    if (is_new || kernel::NowMs() >= deadline_ms) return -ENETDOWN;
  }
}

Wanted WantedSocket(int family, int type, int protocol) {
  using Field = wire::LinuxSocketRequest;
  Wanted wanted;
  wanted.params.family =
      family == AF_INET ? Field::FAMILY_IPV4 : Field::FAMILY_IPV6;
  wanted.params.type = (type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == SOCK_STREAM
                           ? Field::TYPE_STREAM
                           : Field::TYPE_DATAGRAM;
  wanted.params.protocol = static_cast<uint32_t>(protocol);
  wanted.params.nonblocking = (type & SOCK_NONBLOCK) != 0;
  wanted.close_on_exec = (type & SOCK_CLOEXEC) != 0;
  return wanted;
}

}  // namespace

int MakeLentSocket(int family, int type, int protocol) {
  const Wanted wanted = WantedSocket(family, type, protocol);
  Shield shield;
  if (shield.process() == ProcessKind::kVforked) return -ENETDOWN;
  const uint32_t silences = g_silences.load();
  MutexLock lock(&g_socket_session.mutex);
  // Somebody else has waited for the daemon while this thread waited for the
  // lock; one after the other would make it long.
  if (g_silences.load() != silences) return -ENETDOWN;
  const int64_t deadline_ms = kernel::NowMs() + kDaemonPatienceMs;
  const int result = AskDaemon(&g_socket_session, wanted, deadline_ms);
  if (result == -ENETDOWN && kernel::NowMs() >= deadline_ms) {
    g_silences.fetch_add(1);
  }
  return result;
}

}  // namespace wsp
