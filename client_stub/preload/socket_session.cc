#include "client_stub/preload/socket_session.h"

#include <errno.h>

#include <atomic>
#include <cstdint>

#include "client_stub/base/mutex.h"
#include "client_stub/base/random_number.h"
#include "client_stub/preload/credentials.h"
#include "client_stub/preload/descriptor_channel.h"
#include "client_stub/preload/descriptor_hints.h"
#include "client_stub/preload/kernel_calls.h"
#include "client_stub/preload/linux_attachment.h"
#include "client_stub/preload/means.h"
#include "client_stub/preload/relayed_name.h"
#include "client_stub/preload/session_state.h"
#include "client_stub/preload/shield.h"
#include "client_stub/preload/sockets_ahead.h"
#include "client_stub/transport/linux_requests.h"
#include "proto/wire_fields.h"

namespace wsp {
namespace {

// Of a socket, whatever its number here; 0: it is none.
uint64_t CookieOf(int fd) {
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  kernel::GetSocketOption(fd, SO_COOKIE, &cookie, &size);
  return cookie;
}

}  // namespace

// One attachment and its descriptor connection.
class SocketSession final : private LinuxAttachment::OtherResults {
 public:
  SocketSession(uint64_t first_id, uint32_t credentials)
      : credentials_(credentials),
        attachment_(first_id, this),
        next_socket_id_(first_id) {}

  // 0 or a negative errno, as DaemonConnection::Open().
  int Open(int64_t deadline_ms);

  // Whether it can be asked, as far as that is known.
  bool MayBeAsked() const {
    return credentials_ == CredentialsChanges() && IsIntact();
  }
  bool IsIntact() const {
    return attachment_.IsIntact() && descriptors_.IsIntact();
  }

  // Of those that the welcome has put in force.
  uint32_t ChoosePlane(Plane wanted) const;

  // A descriptor, a negative errno, or kLost.
  int AskForSocket(const LinuxSocketParams& params, bool close_on_exec,
                   int64_t deadline_ms);

  // 0, a negative errno, kLost or kUnknown.
  int AskAbout(int fd, const relay::Name& name, RelayedCall* call,
               int64_t deadline_ms);

  UnawaitedConnects::Outcome OutcomeOfConnect(uint64_t number);

  // Waits for the answers that nobody has waited for. False: it is lost, or
  // silent.
  bool AwaitUnanswered(int64_t deadline_ms) {
    return attachment_.AwaitOthers(&all_answered_, deadline_ms) ==
           LinuxAttachment::Answer::kResult;
  }
  // Of connects that aren't answered it isn't known whether they have begun,
  // and nobody will tell: their programs are to see that they have come to
  // nothing.
  void FailConnects();

  // Not an errno: the daemon is to be asked again on another connection.
  static constexpr int kLost = -4096;
  // Nor is this: the connection is lost, and what came of the call with it.
  static constexpr int kUnknown = -4097;

 private:
  // So many calls may be unanswered that nobody waits for.
  static constexpr uint32_t kMostUnanswered = UnawaitedConnects::kMost;
  static constexpr size_t kKnownNumbers = 256;

  uint64_t TakeSocketId();
  // A relayed socket that the attachment certainly has a right to, and the
  // program's end by which it has: anybody may give another one its name, but
  // not its cookie.
  struct Known {
    uint64_t number = 0;
    uint64_t cookie = 0;
  };
  Known& KnownOf(uint64_t number) { return known_[number % kKnownNumbers]; }
  // Of the call that was begun.
  LinuxAttachment::Answer AwaitAnswer(int64_t deadline_ms) {
    return attachment_.AwaitAnswer(deadline_ms, nullptr);
  }
  // Whether the call, about a socket that `is_known`, goes without waiting.
  bool GoesUnanswered(RelayedCall* call, bool is_known, int64_t now_ms);
  // 0, kLost or kUnknown.
  int SendUnanswered(const UnawaitedConnects::Socket& socket, Call* request,
                     const RelayedCall& call, int64_t deadline_ms);
  void CountUnanswered(int change);

  // A descriptor, a negative errno or kLost, for a call of its own.
  int AskForSocketNow(const LinuxSocketParams& params, bool close_on_exec,
                      int64_t deadline_ms);
  // The same of the oldest that was asked for ahead; kNone if there is none, or
  // what came of it isn't a socket: that may be true no more.
  int TakeSocketAhead(bool close_on_exec, int64_t deadline_ms);
  int TakeDescriptor(uint64_t call_id, uint64_t number, bool close_on_exec);
  // Asks for those that are due, with what is sent next.
  void SubmitAhead(int64_t now_ms);
  // Shows the daemon the descriptor. 0, a negative errno, ENETDOWN if it isn't
  // that socket's, or kLost.
  int Show(int fd, const relay::Name& name, int64_t deadline_ms);
  // Waits for the results of all that were asked for ahead and closes these
  // sockets. False: the connection is lost.
  bool DropSocketsAhead(int64_t deadline_ms);
  void OnOtherResult(uint64_t call_id, const Completion& result) override {
    if (ahead_.OnResult(call_id, result)) return;
    connects_.OnResult(call_id, result);
    CountUnanswered(-1);
  }

  static constexpr int kNone = -4098;

  // Those that the daemon has seen.
  const uint32_t credentials_;
  LinuxAttachment attachment_;
  DescriptorChannel descriptors_;
  uint64_t next_socket_id_;
  SocketsAhead ahead_;
  UnawaitedConnects connects_;
  Known known_[kKnownNumbers];
  uint32_t unanswered_ = 0;
  bool all_answered_ = true;
  // The daemon's, as the names of its sockets have it; 0: none was seen yet.
  uint64_t instance_ = 0;
};

namespace {

// Another session's, or none's: it is the session that ends, not the process.
void SetFarewellChannel(DescriptorChannel* channel) {
  MutexLock lock(&g_farewell.mutex);
  if (g_farewell.channel != nullptr && May(Means::kAsk)) {
    g_farewell.channel->SayFarewell(false);
  }
  g_farewell.channel = channel;
  // It was said on another one.
  if (channel != nullptr && g_farewell.departures.load() > 0) {
    channel->SayFarewell(false);
  }
}

}  // namespace

int SocketSession::Open(int64_t deadline_ms) {
  int error = attachment_.Open(deadline_ms);
  if (error == 0) error = descriptors_.Greet(attachment_.token(), deadline_ms);
  if (error != 0) return error;
  // From the greeting on the daemon waits for a farewell.
  if (attachment_.takes_farewell()) SetFarewellChannel(&descriptors_);
  return descriptors_.AwaitWelcome(deadline_ms);
}

uint64_t SocketSession::TakeSocketId() {
  // 0 is no socket's.
  if (next_socket_id_ == 0) ++next_socket_id_;
  return next_socket_id_++;
}

void SocketSession::CountUnanswered(int change) {
  unanswered_ += static_cast<uint32_t>(change);
  all_answered_ = unanswered_ == 0;
  g_socket_session.has_unanswered.store(!all_answered_,
                                        std::memory_order_relaxed);
  g_socket_session.has_unanswered_connects.store(!connects_.all_answered(),
                                                 std::memory_order_relaxed);
}

void SocketSession::FailConnects() {
  if (connects_.all_answered() || !May(Means::kAsk)) return;
  // What came before the end counts.
  if (IsIntact()) (void)attachment_.ReadWhatIsThere();
  connects_.VisitUnanswered([](const UnawaitedConnects::Socket& socket) {
    if (CookieOf(socket.fd) != socket.cookie) return;
    SetHint(socket.fd, Hint::kLostStream);
    if (May(Means::kShutDown)) {
      kernel::Call(SYS_shutdown, socket.fd, SHUT_RDWR);
    }
  });
}

bool SocketSession::GoesUnanswered(RelayedCall* call, bool is_known,
                                   int64_t now_ms) {
  const Address* const to = call->MayGoUnawaited();
  // In any case: it is one of a succession.
  const bool succeeds = to != nullptr && connects_.Want(*to, now_ms);
  // What the daemon won't take before others are answered isn't handed to it
  // before somebody waits.
  const bool may_go =
      is_known && unanswered_ < kMostUnanswered &&
      unanswered_ + SocketsAhead::kMost + 1 < attachment_.outstanding_calls();
  call->SetUnawaited(succeeds && may_go);
  return may_go && (succeeds || !call->NeedsAnswer());
}

int SocketSession::SendUnanswered(const UnawaitedConnects::Socket& socket,
                                  Call* request, const RelayedCall& call,
                                  int64_t deadline_ms) {
  if (call.MayGoUnawaited() != nullptr) connects_.Add(request->id, socket);
  CountUnanswered(1);
  if (attachment_.Send(request, deadline_ms)) return 0;
  // Its caller knows.
  if (call.MayGoUnawaited() != nullptr) connects_.Forget(socket.number);
  return call.MayBeRepeated() ? kLost : kUnknown;
}

UnawaitedConnects::Outcome SocketSession::OutcomeOfConnect(uint64_t number) {
  const UnawaitedConnects::Outcome outcome = connects_.Take(number);
  if (outcome != UnawaitedConnects::Outcome::kUnanswered ||
      !attachment_.ReadWhatIsThere()) {
    return outcome;
  }
  return connects_.Take(number);
}

uint32_t SocketSession::ChoosePlane(Plane wanted) const {
  switch (wanted) {
    case Plane::kLent:
      return wire::PLANE_LENT;
    case Plane::kRelayed:
      return wire::PLANE_RELAYED;
    case Plane::kAuto:
      break;
  }
  return attachment_.lends() ? wire::PLANE_LENT : wire::PLANE_RELAYED;
}

int SocketSession::AskForSocket(const LinuxSocketParams& params,
                                bool close_on_exec, int64_t deadline_ms) {
  const int64_t now_ms = kernel::NowMs();
  if (!ahead_.Want(params, now_ms) && !DropSocketsAhead(deadline_ms)) {
    return kLost;
  }
  int fd = TakeSocketAhead(close_on_exec, deadline_ms);
  if (fd == kNone) fd = AskForSocketNow(params, close_on_exec, deadline_ms);
  // A relayed socket's next call comes soon, and is waited for: not behind what
  // nobody waits for yet.
  const bool next_call_does =
      params.plane == wire::PLANE_RELAYED && !ahead_.empty();
  if (fd >= 0 && !next_call_does) {
    SubmitAhead(now_ms);
    attachment_.SendSubmitted();
  }
  return fd;
}

int SocketSession::TakeSocketAhead(bool close_on_exec, int64_t deadline_ms) {
  if (ahead_.empty()) return kNone;
  // Also where the result is there already: a daemon that has gone is noticed.
  if (!attachment_.ReadWhatIsThere() ||
      attachment_.AwaitOthers(&ahead_.oldest().answered, deadline_ms) !=
          LinuxAttachment::Answer::kResult) {
    return kLost;
  }
  const SocketsAhead::Asked asked = ahead_.TakeOldest();
  if (asked.succeeded) {
    return TakeDescriptor(asked.call_id, asked.number, close_on_exec);
  }
  // At a limit, probably, of which the others are a part.
  ahead_.EndSuccession();
  return DropSocketsAhead(deadline_ms) ? kNone : kLost;
}

void SocketSession::SubmitAhead(int64_t now_ms) {
  for (size_t due = ahead_.CountDue(now_ms); due > 0; --due) {
    Call* const call = attachment_.NewCall(TakeSocketId());
    AppendLinuxSocket(&call->bytes, ahead_.kind());
    ahead_.Add(call->id);
    attachment_.Submit(call);
  }
}

bool SocketSession::DropSocketsAhead(int64_t deadline_ms) {
  while (!ahead_.empty()) {
    if (attachment_.AwaitOthers(&ahead_.oldest().answered, deadline_ms) !=
        LinuxAttachment::Answer::kResult) {
      return false;
    }
    const SocketsAhead::Asked asked = ahead_.TakeOldest();
    if (asked.succeeded && !descriptors_.Drop(asked.call_id)) return false;
  }
  return true;
}

int SocketSession::AskForSocketNow(const LinuxSocketParams& params,
                                   bool close_on_exec, int64_t deadline_ms) {
  Call* call = attachment_.NewCall(TakeSocketId());
  AppendLinuxSocket(&call->bytes, params);
  attachment_.Begin(call);
  if (AwaitAnswer(deadline_ms) != LinuxAttachment::Answer::kResult) {
    return kLost;
  }
  const Completion& result = attachment_.result();
  // The descriptor connection is gone, which the daemon has seen first.
  if (result.linux_errno == ENOTCONN) return kLost;
  if (result.linux_errno != 0) return -static_cast<int>(result.linux_errno);
  if (result.wsa_error != 0) return -EOPNOTSUPP;
  return TakeDescriptor(attachment_.call_id(), result.linux_result.number,
                        close_on_exec);
}

int SocketSession::TakeDescriptor(uint64_t call_id, uint64_t number,
                                  bool close_on_exec) {
  const int fd = descriptors_.Take(call_id, close_on_exec);
  if (number != 0 && fd >= 0) KnownOf(number) = {number, CookieOf(fd)};
  relay::Name name;
  if (instance_ == 0 && fd >= 0 && GetRelayedName(fd, &name)) {
    instance_ = name.instance;
  }
  return fd == -EPIPE ? kLost : fd;
}

int SocketSession::Show(int fd, const relay::Name& name, int64_t deadline_ms) {
  // The answer is read past all descriptors.
  if (!DropSocketsAhead(deadline_ms)) return kLost;
  const int error = descriptors_.Adopt(name.number, fd, deadline_ms);
  if (error == -EPIPE) return kLost;
  if (error != 0) return error == -EBADF ? -ENETDOWN : error;
  instance_ = name.instance;
  return 0;
}

int SocketSession::AskAbout(int fd, const relay::Name& name, RelayedCall* call,
                            int64_t deadline_ms) {
  // Another daemon's: this one's of the same number is another socket.
  if (instance_ != 0 && name.instance != instance_) return -ENETDOWN;
  const int64_t now_ms = kernel::NowMs();
  if (ahead_.IsStale(now_ms) && !DropSocketsAhead(deadline_ms)) {
    return kLost;
  }
  const uint64_t number = name.number;
  const uint64_t cookie = CookieOf(fd);
  bool shown = false;
  for (;;) {
    const Known& known = KnownOf(number);
    const bool is_known = known.number == number && known.cookie == cookie;
    if (known.number == number && !is_known && !shown) {
      const int error = Show(fd, name, deadline_ms);
      if (error != 0) return error;
      shown = true;
      continue;
    }
    const bool unanswered = GoesUnanswered(call, is_known, now_ms);
    Call* const request = attachment_.NewCall(number);
    call->Append(&request->bytes);
    if (unanswered) {
      return SendUnanswered({fd, number, cookie}, request, *call, deadline_ms);
    }
    attachment_.Begin(request);
    SubmitAhead(now_ms);
    if (AwaitAnswer(deadline_ms) != LinuxAttachment::Answer::kResult) {
      if (!call->MayBeRepeated()) return kUnknown;
      call->OnAnswerLost();
      return kLost;
    }
    const Completion& result = attachment_.result();
    if (result.linux_errno == 0 && result.wsa_error == 0) {
      KnownOf(number) = {number, cookie};
      call->Take(result);
      return 0;
    }
    if (call->MayGoUnawaited() != nullptr) connects_.EndSuccession();
    if (result.linux_errno == 0) return -EOPNOTSUPP;
    if (result.linux_errno != EBADF) {
      return -static_cast<int>(result.linux_errno);
    }
    // Another attachment's, or another daemon's.
    if (shown) return -ENETDOWN;
    const int error = Show(fd, name, deadline_ms);
    if (error != 0) return error;
    shown = true;
  }
}

namespace {

// How often the daemon has said nothing for kDaemonPatienceMs.
std::atomic<uint32_t> g_silences{0};

void DropSession(SocketSessionState* state) WSP_REQUIRES(state->mutex) {
  if (state->session != nullptr) state->session->FailConnects();
  SetFarewellChannel(nullptr);
  delete state->session;
  state->session = nullptr;
  state->has_unanswered.store(false, std::memory_order_relaxed);
  state->has_unanswered_connects.store(false, std::memory_order_relaxed);
}

// Whoever else has the sockets, or who the process is from now on, is to find
// done what it has said before.
void AwaitUnanswered(SocketSessionState* state) WSP_REQUIRES(state->mutex) {
  if (state->session == nullptr || !state->session->IsIntact()) return;
  const int64_t deadline_ms = kernel::NowMs() + kDaemonPatienceMs;
  if (state->session->AwaitUnanswered(deadline_ms)) return;
  DropSession(state);
  if (kernel::NowMs() >= deadline_ms) g_silences.fetch_add(1);
}

// Before there is a child, another program or none, or a filter that forbids
// it.
void SettleUnanswered() {
  if (!HasToSettle() || !May(Means::kAsk)) return;
  Shield shield;
  if (shield.process() == ProcessKind::kVforked) return;
  const uint32_t silences = g_silences.load();
  // Who holds it may be this thread, which a fault has interrupted.
  if (!g_socket_session.mutex.TryLockFor(kDaemonPatienceMs)) return;
  // As AskShielded().
  if (g_silences.load() == silences) AwaitUnanswered(&g_socket_session);
  g_socket_session.mutex.Unlock();
}

void CountDeparture(bool stays) {
  std::atomic<uint32_t>* const departures = &g_farewell.departures;
  if (!stays) {
    departures->fetch_add(1);
    return;
  }
  // 0 in a child that was forked in the midst of one.
  uint32_t count = departures->load();
  while (count > 0 && !departures->compare_exchange_weak(count, count - 1)) {
  }
}

void SayFarewellShielded(bool stays) {
  if (!May(Means::kAsk)) return;
  Shield shield;
  if (shield.process() == ProcessKind::kVforked) return;
  // Before it is locked: whoever says that the process stays, says so before
  // this one says otherwise.
  CountDeparture(stays);
  // Far less than anybody notices, and far more than it takes to say it.
  constexpr int kPatienceMs = 50;
  if (!g_farewell.mutex.TryLockFor(kPatienceMs)) return;
  if (g_farewell.channel != nullptr &&
      !(stays && g_farewell.departures.load() > 0)) {
    g_farewell.channel->SayFarewell(stays);
  }
  g_farewell.mutex.Unlock();
}

int OpenSession(SocketSessionState* state, int64_t deadline_ms)
    WSP_REQUIRES(state->mutex) {
  if (!May(Means::kAttach)) return -ENETDOWN;
  uint64_t first_id;
  if (!GetRandomNumber(&first_id)) return -ENETDOWN;
  state->settle.store(&SettleUnanswered);
  g_farewell.say.store(&SayFarewellShielded);
  // Counted before the daemon looks at them.
  state->session = new SocketSession(first_id, CredentialsChanges());
  const int error = state->session->Open(deadline_ms);
  if (error != 0) DropSession(state);
  return error;
}

// Asks by `ask(SocketSession*)`, which may say kLost; on a new session, if
// there is none or it was lost.
template <typename Ask>
int AskDaemon(SocketSessionState* state, int64_t deadline_ms, Ask ask)
    WSP_REQUIRES(state->mutex) {
  for (;;) {
    if (state->session != nullptr && !state->session->MayBeAsked()) {
      AwaitUnanswered(state);
      DropSession(state);
    }
    const bool is_new = state->session == nullptr;
    if (is_new) {
      const int error = OpenSession(state, deadline_ms);
      if (error != 0) return error;
    }
    const int result = ask(state->session);
    const bool unknown = result == SocketSession::kUnknown;
    if (result != SocketSession::kLost && !unknown) return result;
    DropSession(state);
    // An older one may have been lost at any time before.
    if (unknown || is_new || kernel::NowMs() >= deadline_ms) return -ENETDOWN;
  }
}

// The same with all that it takes to do it, by `ask(SocketSession*,
// int64_t deadline_ms)`.
template <typename Ask>
int AskShielded(Ask ask) {
  if (!May(Means::kAsk)) return -ENETDOWN;
  Shield shield;
  if (shield.process() == ProcessKind::kVforked) return -ENETDOWN;
  const uint32_t silences = g_silences.load();
  MutexLock lock(&g_socket_session.mutex);
  // Somebody else has waited for the daemon while this thread waited for the
  // lock; one after the other would make it long.
  if (g_silences.load() != silences) return -ENETDOWN;
  const int64_t deadline_ms = kernel::NowMs() + kDaemonPatienceMs;
  const int result = AskDaemon(
      &g_socket_session, deadline_ms,
      [&](SocketSession* session) { return ask(session, deadline_ms); });
  if (result == -ENETDOWN && kernel::NowMs() >= deadline_ms) {
    g_silences.fetch_add(1);
  }
  return result;
}

LinuxSocketParams ParamsOf(int family, int type, int protocol) {
  using Field = wire::LinuxSocketRequest;
  LinuxSocketParams params;
  params.family = family == AF_INET ? Field::FAMILY_IPV4 : Field::FAMILY_IPV6;
  params.type = (type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC)) == SOCK_STREAM
                    ? Field::TYPE_STREAM
                    : Field::TYPE_DATAGRAM;
  params.protocol = static_cast<uint32_t>(protocol);
  params.nonblocking = (type & SOCK_NONBLOCK) != 0;
  return params;
}

}  // namespace

int MakeSocket(int family, int type, int protocol, Plane plane, bool* relayed) {
  LinuxSocketParams params = ParamsOf(family, type, protocol);
  const bool close_on_exec = (type & SOCK_CLOEXEC) != 0;
  const int fd = AskShielded([&](SocketSession* session, int64_t deadline_ms) {
    params.plane = session->ChoosePlane(plane);
    return session->AskForSocket(params, close_on_exec, deadline_ms);
  });
  *relayed = params.plane == wire::PLANE_RELAYED;
  return fd;
}

UnawaitedConnects::Outcome OutcomeOfConnect(const relay::Name& name) {
  if (!May(Means::kAsk)) return UnawaitedConnects::Outcome::kUnknown;
  Shield shield;
  if (shield.process() == ProcessKind::kVforked) {
    return UnawaitedConnects::Outcome::kUnknown;
  }
  MutexLock lock(&g_socket_session.mutex);
  SocketSession* const session = g_socket_session.session;
  if (session == nullptr || !session->MayBeAsked()) {
    return UnawaitedConnects::Outcome::kUnknown;
  }
  return session->OutcomeOfConnect(name.number);
}

int AskAboutSocket(int fd, const relay::Name& name, RelayedCall* call) {
  return AskShielded([&](SocketSession* session, int64_t deadline_ms) {
    return session->AskAbout(fd, name, call, deadline_ms);
  });
}

}  // namespace wsp
