#include "daemon/session/registry.h"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "daemon/base/log.h"
#include "daemon/linux/lent_listing.h"
#include "daemon/relay/relayed_listing.h"
#include "daemon/session/startup.h"
#include "daemon/winsock/address_codec.h"

namespace wspd {
namespace {

// Tokens and the instance id can't be guessed by another process of the uid.
std::string RandomBytes() {
  std::string bytes(16, '\0');
  size_t got = 0;
  while (got < bytes.size()) {
    const ssize_t part = getrandom(&bytes[got], bytes.size() - got, 0);
    if (part > 0) got += part;
  }
  return bytes;
}

constexpr absl::string_view kNoFarewell =
    "killed, or ended past the C library's exit()";

bool Matches(const InventoryFilter& filter, const Client& client) {
  const PeerIdentity& identity = client.identity();
  return filter.Matches(identity.pid, identity.uid, client.id());
}

// The highest number of the first `count` names above `after`, which is the
// answer if there are none.
uint64_t LastOfFirst(size_t count,
                     const std::vector<std::shared_ptr<Client>>& clients,
                     uint64_t after) {
  std::vector<uint64_t> numbers;
  for (const auto& client : clients) {
    client->names()->AddNumbers(after, &numbers);
  }
  if (numbers.empty()) return after;
  if (numbers.size() <= count) return *absl::c_max_element(numbers);
  const auto last = numbers.begin() + static_cast<ptrdiff_t>(count) - 1;
  std::nth_element(numbers.begin(), last, numbers.end());
  return *last;
}

void FillLimits(const SessionLimits& limits, wsp::v1::Limits* out) {
  out->set_frame_bytes(kFrameBytes);
  out->set_chunk_bytes(kChunkBytes);
  out->set_socket_send_credit_bytes(kSocketSendCreditBytes);
  out->set_client_send_credit_bytes(limits.queued_bytes_per_client);
  out->set_kept_result_bytes(limits.kept_bytes_per_client);
  out->set_outstanding_calls(limits.calls_per_client);
  out->set_sockets(limits.sockets_per_client);
  out->set_attachments(limits.attachments_per_process);
}

}  // namespace

// Hears of a process's end by its pidfd.
class Registry::DeathWatch : public EventHandler {
 public:
  DeathWatch(Registry* registry, std::weak_ptr<Client> client)
      : registry_(registry), client_(std::move(client)) {}

  void OnEvents(uint32_t /*events*/) override {
    if (auto client = client_.lock()) registry_->OnProcessEnded(client);
  }

 private:
  Registry* const registry_;
  const std::weak_ptr<Client> client_;
};

Registry::Registry(const Options& options, EventLoop* control,
                   SessionEnvironment* environment, Lingerer* lingerer)
    : options_(options),
      limits_(std::make_shared<LimitsInForce>(options.limits)),
      control_(control),
      environment_(environment),
      lingerer_(lingerer),
      instance_(RandomBytes()),
      started_at_(absl::Now()),
      departures_(
          control, options.limits.grace,
          [this](const Client& client, bool died) { NoteEnd(client, died); }) {}

Registry::~Registry() {
  // Of clients that came after the last EndAll().
  EndAll();
  // What the control loop had begun is through when this runs.
  absl::Notification idle;
  control_->Post([&idle] { idle.Notify(); });
  idle.WaitForNotification();
}

void Registry::SetLimits(const SessionLimits& limits) {
  const uint64_t kept_before = limits_->get().kept_bytes_per_client;
  SessionLimits next = limits;
  next.grace = options_.limits.grace;
  limits_->Set(next);
  if (next.kept_bytes_per_client <= kept_before) return;
  // Else receives that were held back would be until the client takes results.
  for (const auto& client : clients()) client->ResumeReceives();
}

// ---------------------------------------------------------------- attach

absl::StatusOr<std::shared_ptr<Attachment>> Registry::Attach(
    Peer peer, const wsp::v1::Hello& hello, uint64_t ack_sequence,
    std::shared_ptr<FrameStream> stream) {
  if (absl::Status status = CheckHello(hello); !status.ok()) return status;
  // A Linux attachment is never there any more.
  if (!hello.resume_token().empty() &&
      hello.personality() == wsp::v1::PERSONALITY_WINSOCK) {
    auto resumed = Resume(peer.identity, hello, ack_sequence, stream);
    if (!resumed.ok() || *resumed != nullptr) return resumed;
  }
  auto attachment = AttachNew(std::move(peer), hello, RandomBytes());
  if (!attachment.ok()) return attachment;
  static LogLimit limit(100);
  if (auto suppressed = limit.Admit()) {
    const PeerIdentity& identity = (*attachment)->client()->identity();
    Log(LogLevel::kInfo, "client attached",
        {{"client", (*attachment)->client_id()},
         {"pid", identity.pid},
         {"uid", identity.uid},
         {"name", (*attachment)->client_name()}},
        *suppressed);
  }
  if (absl::Status status = (*attachment)
                                ->Bind(std::move(stream), 0,
                                       MakeWelcome(**attachment, hello, false));
      !status.ok()) {
    return status;
  }
  return attachment;
}

absl::StatusOr<std::shared_ptr<Attachment>> Registry::Resume(
    const PeerIdentity& identity, const wsp::v1::Hello& hello,
    uint64_t ack_sequence, const std::shared_ptr<FrameStream>& stream) {
  std::shared_ptr<Attachment> attachment;
  {
    absl::MutexLock lock(&mu_);
    auto found = attachments_.find(hello.resume_token());
    if (found == attachments_.end()) return nullptr;
    attachment = found->second.attachment;
    if (attachment->is_linux()) return nullptr;
    if (!IsOwn(identity, *attachment)) {
      return absl::PermissionDeniedError(
          "the resume token belongs to another process");
    }
    StopGraceLocked(&found->second);
  }
  absl::Status status = attachment->Bind(stream, ack_sequence,
                                         MakeWelcome(*attachment, hello, true));
  // It ended just now.
  if (absl::IsNotFound(status)) return nullptr;
  if (!status.ok()) {
    EndForMisuse(attachment, status);
    return status;
  }
  {
    // The stream before may have been seen to end while this was under way.
    absl::MutexLock lock(&mu_);
    auto found = attachments_.find(hello.resume_token());
    if (found != attachments_.end()) StopGraceLocked(&found->second);
  }
  Log(LogLevel::kDebug, "client resumed",
      {{"client", attachment->client_id()}, {"pid", identity.pid}});
  return attachment;
}

bool Registry::IsOwn(const PeerIdentity& identity,
                     const Attachment& attachment) {
  const Client& client = *attachment.client();
  // Of a process that the kernel can't name the token itself is the key.
  return ProcessKey::NeedsToken(identity)
             ? ProcessKey::NeedsToken(client.identity()) &&
                   identity.uid == client.identity().uid
             : ProcessKey::Of(identity, "") == client.key();
}

absl::StatusOr<std::shared_ptr<Attachment>> Registry::FindForDescriptors(
    const PeerIdentity& identity, const std::string& token) const {
  absl::MutexLock lock(&mu_);
  auto found = attachments_.find(token);
  if (found == attachments_.end()) {
    return absl::NotFoundError("no attachment has this token");
  }
  const std::shared_ptr<Attachment>& attachment = found->second.attachment;
  if (!IsOwn(identity, *attachment)) {
    return absl::PermissionDeniedError("the token belongs to another process");
  }
  if (!attachment->lends() && !attachment->relays()) {
    return absl::FailedPreconditionError(
        "neither CAPABILITY_RELAYED nor CAPABILITY_LENT is in force on the "
        "attachment");
  }
  return attachment;
}

absl::StatusOr<std::shared_ptr<Attachment>> Registry::AttachNew(
    Peer peer, const wsp::v1::Hello& hello, const std::string& token) {
  // Of each attachment anew: the process may have become another user's since
  // the last one.
  const ProcessKey key = ProcessKey::Of(peer.identity, token);
  std::shared_ptr<SocketOwner> owner =
      environment_->owners()->Of(key, peer.identity);
  std::shared_ptr<const ClientAccess> access =
      environment_->AccessOf(peer.identity, key, owner);
  absl::MutexLock lock(&mu_);
  auto found = clients_.find(key);
  if (found == clients_.end()) {
    if (environment_->draining()) {
      return absl::UnavailableError(
          "the daemon is draining: it takes no new clients");
    }
    if (clients_.size() >= limits_->get().clients) {
      return absl::ResourceExhaustedError(absl::StrCat(
          "the daemon's limit of ", limits_->get().clients, " clients"));
    }
    std::unique_ptr<ClientNames> names =
        environment_->names()->Of(peer.identity.uid);
    found = clients_.emplace(key, ClientEntry()).first;
    found->second.client = std::make_shared<Client>(
        next_client_++, key, std::move(peer), limits_, std::move(owner),
        events(), environment_->metrics(), std::move(names));
    found->second.client->Note(wsp::v1::JournalEvent::KIND_CLIENT_ATTACHED);
    WatchLocked(&found->second);
    // Its connections had broken, and it lives.
    control_->Post([this, key] { departures_.TellOfReturn(key); });
  }
  auto attachment = std::make_shared<Attachment>(
      found->second.client, token, hello, environment_, std::move(access));
  if (!found->second.client->AddAttachment(attachment)) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the limit of ", limits_->get().attachments_per_process,
                     " attachments of a process"));
  }
  ++found->second.attachments;
  attachments_[token].attachment = attachment;
  return attachment;
}

void Registry::WatchLocked(ClientEntry* entry) {
  if (entry->client->pidfd() < 0) return;
  auto watch =
      control_->Watch(entry->client->pidfd(), EPOLLIN | EPOLLONESHOT,
                      std::make_shared<DeathWatch>(this, entry->client));
  if (!watch.ok()) {
    // Its death is still seen by the end of its stream and the grace time.
    Log(LogLevel::kWarning, "process not watched",
        {{"client", entry->client->id()}, {"cause", watch.status().message()}});
    return;
  }
  entry->watch = *watch;
  entry->watched = true;
}

wsp::v1::Welcome Registry::MakeWelcome(const Attachment& attachment,
                                       const wsp::v1::Hello& hello,
                                       bool resumed) const {
  wsp::v1::Welcome welcome;
  *welcome.mutable_version() = NegotiateVersion(hello.version());
  for (const wsp::v1::Capability capability : NegotiateCapabilities(
           hello,
           {attachment.relays(), attachment.lends() &&
                                     attachment.access().is_unrestricted() &&
                                     !attachment.client()->has_rates()})) {
    welcome.add_capabilities(capability);
  }
  const SessionLimits& limits = limits_->get();
  attachment.client()->Tell(limits);
  FillLimits(limits, welcome.mutable_limits());
  welcome.set_attachment_token(attachment.token());
  welcome.set_resumed(resumed);
  welcome.set_startups(attachment.client()->startups());
  welcome.set_daemon_instance(instance_);
  welcome.set_daemon_version(absl::StrCat("wspd ", options_.version));
  return welcome;
}

// ------------------------------------------------------------------ ends

void Registry::OnStreamEnded(const std::shared_ptr<Attachment>& attachment,
                             const FrameStream* stream) {
  if (!attachment->Unbind(stream)) return;
  if (!attachment->worth_keeping()) return Remove(attachment);
  absl::MutexLock lock(&mu_);
  auto found = attachments_.find(attachment->token());
  if (found == attachments_.end() || attachment->bound()) return;
  StopGraceLocked(&found->second);
  found->second.grace = control_->RunAfter(
      options_.limits.grace,
      [this, token = attachment->token(), round = found->second.grace_round] {
        OnGraceOver(token, round);
      });
  Log(LogLevel::kDebug, "stream broken",
      {{"client", attachment->client_id()},
       {"pid", attachment->client()->identity().pid}});
}

void Registry::StopGraceLocked(AttachmentEntry* entry) {
  if (entry->grace != 0) control_->CancelTimer(entry->grace);
  entry->grace = 0;
  ++entry->grace_round;
}

void Registry::OnGraceOver(const std::string& token, uint64_t round) {
  std::shared_ptr<Attachment> attachment;
  bool was_last = false;
  {
    absl::MutexLock lock(&mu_);
    auto found = attachments_.find(token);
    if (found == attachments_.end() || found->second.grace_round != round) {
      return;
    }
    found->second.grace = 0;
    attachment = found->second.attachment;
    if (attachment->bound()) return;
    // From now on nobody can resume it.
    UnlistLocked(*attachment, &was_last);
  }
  Log(LogLevel::kInfo, "client cleaned up",
      {{"client", attachment->client_id()},
       {"pid", attachment->client()->identity().pid},
       {"cause", "stream broken, grace over"}});
  Retire(attachment, was_last);
}

void Registry::Remove(const std::shared_ptr<Attachment>& attachment) {
  // Before the attachment is off the books: who looks at what is left of the
  // client, on the loop, does so behind it.
  if (attachment->client()->owes_farewell()) PostReading(attachment);
  bool was_last = false;
  {
    absl::MutexLock lock(&mu_);
    if (!UnlistLocked(*attachment, &was_last)) return;
  }
  Retire(attachment, was_last);
}

void Registry::PostReading(const std::shared_ptr<Attachment>& attachment) {
  control_->Post([attachment, unread = attachment->descriptors()] {
    if (unread != nullptr) unread->ReadOn();
  });
}

void Registry::Retire(const std::shared_ptr<Attachment>& attachment,
                      bool was_last) {
  Client* const client = attachment->client();
  client->RemoveAttachment(attachment.get());
  if (!was_last) return;
  if (!client->owes_farewell()) return NoteEnd(*client, false);
  control_->Post(
      [this, departed = attachment->shared_client()] { Depart(departed); });
}

void Registry::Depart(const std::shared_ptr<Client>& client) {
  bool lives;
  {
    absl::MutexLock lock(&mu_);
    // It is one again.
    lives = clients_.contains(client->key());
  }
  if (lives || !client->owes_farewell()) return NoteEnd(*client, false);
  // Of what was a client, and one again meanwhile, the last end alone tells.
  departures_.TellOfReturn(client->key());
  departures_.Add(client);
}

void Registry::NoteEnd(const Client& client, bool died) {
  if (!died) return client.Note(wsp::v1::JournalEvent::KIND_CLIENT_GONE);
  {
    absl::MutexLock lock(&mu_);
    ++linux_died_;
  }
  client.Note(wsp::v1::JournalEvent::KIND_CLIENT_DIED, kNoFarewell);
  static LogLimit limit(100);
  if (auto suppressed = limit.Admit()) {
    Log(LogLevel::kInfo, "client died",
        {{"client", client.id()},
         {"pid", client.identity().pid},
         {"uid", client.identity().uid},
         {"cause", kNoFarewell}},
        *suppressed);
  }
}

bool Registry::UnlistLocked(const Attachment& attachment, bool* was_last) {
  auto entry = attachments_.find(attachment.token());
  if (entry == attachments_.end()) return false;
  StopGraceLocked(&entry->second);
  attachments_.erase(entry);
  const Client* const client = attachment.client();
  auto found = clients_.find(client->key());
  if (found != clients_.end() && found->second.client.get() == client &&
      --found->second.attachments == 0) {
    if (found->second.watched) {
      control_->Unwatch(found->second.watch, client->pidfd());
    }
    found->second.client->LeaveSockets();
    clients_.erase(found);
    *was_last = true;
  }
  return true;
}

bool Registry::Unlist(const std::shared_ptr<Client>& client,
                      std::vector<std::shared_ptr<Attachment>>* attachments) {
  absl::MutexLock lock(&mu_);
  auto found = clients_.find(client->key());
  if (found == clients_.end() || found->second.client != client) return false;
  *attachments = client->attachments();
  for (const auto& attachment : *attachments) {
    auto entry = attachments_.find(attachment->token());
    if (entry == attachments_.end()) continue;
    StopGraceLocked(&entry->second);
    attachments_.erase(entry);
  }
  if (found->second.watched) {
    control_->Unwatch(found->second.watch, client->pidfd());
  }
  client->LeaveSockets();
  clients_.erase(found);
  return true;
}

bool Registry::EndClient(const std::shared_ptr<Client>& client,
                         wsp::v1::RegistrationEnded::Reason reason,
                         const absl::Status& status, absl::string_view event) {
  const absl::Time begin = absl::Now();
  std::vector<std::shared_ptr<Attachment>> attachments;
  if (!Unlist(client, &attachments)) return false;
  const bool registered = client->startups() > 0;
  const bool died = reason == wsp::v1::RegistrationEnded::REASON_UNSPECIFIED &&
                    (registered || client->owes_farewell());
  if (died) {
    absl::MutexLock lock(&mu_);
    ++(registered ? died_ : linux_died_);
  }
  const uint32_t sockets = client->usage().sockets.load();
  client->EndRegistration(reason);
  for (const auto& attachment : attachments) {
    attachment->EndStream(status);
    client->RemoveAttachment(attachment.get());
  }
  using JournalEvent = wsp::v1::JournalEvent;
  if (died) {
    client->Note(JournalEvent::KIND_CLIENT_DIED, status.message());
  } else {
    if (registered) {
      client->Note(JournalEvent::KIND_CLIENT_CLEANED_UP, status.message());
    }
    client->Note(JournalEvent::KIND_CLIENT_GONE, status.message());
  }
  static LogLimit limit(100);
  if (auto suppressed = limit.Admit()) {
    Log(LogLevel::kInfo, event,
        {{"client", client->id()},
         {"pid", client->identity().pid},
         {"uid", client->identity().uid},
         {"sockets", sockets},
         {"us", absl::ToInt64Microseconds(absl::Now() - begin)},
         {"cause", status.message()}},
        *suppressed);
  }
  return true;
}

void Registry::OnProcessEnded(const std::shared_ptr<Client>& client) {
  if (!client->owes_farewell()) return EndDead(client);
  // It may be there unread. Of attachments that are gone already it is read by
  // what was posted before.
  for (const auto& attachment : client->attachments()) PostReading(attachment);
  control_->Post([this, client] { EndDead(client); });
}

void Registry::EndDead(const std::shared_ptr<Client>& client) {
  if (client->startups() > 0) {
    EndClient(client, wsp::v1::RegistrationEnded::REASON_UNSPECIFIED,
              absl::AbortedError("died without its last WSPCleanup"),
              "client died");
    return;
  }
  const bool died = client->owes_farewell();
  EndClient(client, wsp::v1::RegistrationEnded::REASON_UNSPECIFIED,
            absl::AbortedError(died ? kNoFarewell : "exited"),
            died ? "client died" : "client gone");
}

void Registry::EndForMisuse(const std::shared_ptr<Attachment>& attachment,
                            const absl::Status& why) {
  const Client* client = attachment->client();
  std::shared_ptr<Client> shared;
  {
    absl::MutexLock lock(&mu_);
    auto found = clients_.find(client->key());
    if (found != clients_.end()) shared = found->second.client;
  }
  // Off the books first: else the stream's end could be seen before, and be an
  // end like any other.
  if (shared.get() == client &&
      EndClient(shared, wsp::v1::RegistrationEnded::REASON_DISCONNECTED, why,
                "client ended for misuse")) {
    return;
  }
  attachment->EndStream(why);
}

void Registry::EndAll() {
  for (const auto& client : clients()) {
    EndClient(client, wsp::v1::RegistrationEnded::REASON_STOPPING,
              absl::UnavailableError("the daemon is stopping"), "client ended");
  }
  departures_.EndAll();
}

// -------------------------------------------------------------- listings

std::vector<std::shared_ptr<Client>> Registry::clients() const {
  absl::MutexLock lock(&mu_);
  std::vector<std::shared_ptr<Client>> all;
  all.reserve(clients_.size());
  for (const auto& [key, entry] : clients_) all.push_back(entry.client);
  return all;
}

std::vector<wsp::v1::Client> Registry::ListClients(
    const InventoryFilter& filter) const {
  std::vector<wsp::v1::Client> out;
  for (const auto& client : clients()) {
    if (!Matches(filter, *client)) continue;
    wsp::v1::Client entry;
    client->Describe(&entry);
    out.push_back(std::move(entry));
  }
  return out;
}

std::vector<wsp::v1::Socket> Registry::ListSockets(
    const InventoryFilter& filter) const {
  std::vector<wsp::v1::Socket> out;
  for (const auto& client : clients()) {
    if (!Matches(filter, *client)) continue;
    for (const auto& attachment : client->attachments()) {
      attachment->DescribeSockets(filter.with_tcp, &out);
    }
  }
  for (const Lingerer::Entry& entry : lingerer_->List()) {
    const Lingerer::Owner& owner = entry.owner;
    if (!filter.Matches(owner.pid, owner.uid, owner.client_id)) continue;
    wsp::v1::Socket& socket = out.emplace_back();
    socket.set_client_id(owner.client_id);
    socket.set_pid(owner.pid);
    socket.set_uid(owner.uid);
    socket.set_socket_id(owner.socket_id);
    socket.set_plane(owner.plane());
    socket.set_cookie(owner.lent_cookie);
    socket.set_protocol(IPPROTO_TCP);
    socket.set_state(wsp::v1::SOCKET_STATE_LINGERING);
    EncodeAddress(entry.local, socket.mutable_local());
    EncodeAddress(entry.peer, socket.mutable_peer());
  }
  if (const LentSockets* const lent = environment_->lent_sockets()) {
    DescribeLentSockets(*lent, filter, &out);
  }
  if (const RelayedSockets* const relayed = environment_->relayed_sockets()) {
    DescribeRelayedSockets(*relayed, filter, &out);
  }
  return out;
}

std::vector<wsp::v1::LookedUpName> Registry::ListNames(
    const InventoryFilter& filter) const {
  std::vector<std::shared_ptr<Client>> wanted = clients();
  wanted.erase(std::remove_if(wanted.begin(), wanted.end(),
                              [&filter](const std::shared_ptr<Client>& client) {
                                return client->names() == nullptr ||
                                       !Matches(filter, *client);
                              }),
               wanted.end());
  std::vector<wsp::v1::LookedUpName> out;
  uint64_t after = filter.after_number;
  if (filter.most_names == 0) {
    for (const auto& client : wanted) {
      client->DescribeNames(after, UINT64_MAX, &out);
    }
    return out;
  }
  // Again if some of the first were forgotten before they were described.
  while (out.size() < filter.most_names) {
    const uint64_t last =
        LastOfFirst(filter.most_names - out.size(), wanted, after);
    if (last == after) break;
    for (const auto& client : wanted) client->DescribeNames(after, last, &out);
    after = last;
  }
  return out;
}

size_t Registry::client_count() const {
  absl::MutexLock lock(&mu_);
  return clients_.size();
}

void Registry::FillServerInfo(wsp::v1::GetServerInfoResponse* info) const {
  info->set_version(options_.version);
  info->set_pid(getpid());
  info->set_started_at_ns(absl::ToUnixNanos(started_at_));
  *info->mutable_protocol() = OwnVersion();
  info->set_provider_socket(options_.provider_socket);
  info->set_admin_socket(options_.admin_socket);
  info->set_instance(instance_);
  FillLimits(limits_->get(), info->mutable_limits());
  const DaemonTotals totals = Totals();
  info->set_bytes_sent_total(totals.forwarded.sent + totals.lent.sent +
                             totals.relayed.sent);
  info->set_bytes_received_total(totals.forwarded.received +
                                 totals.lent.received +
                                 totals.relayed.received);
  info->set_calls_total(totals.calls);
  info->set_connections_total(environment_->events()->connections());
  info->set_draining_since_ns(environment_->draining_since_ns());
  info->set_lingering_sockets(static_cast<uint32_t>(totals.lingering_sockets));
  info->set_sockets(static_cast<uint32_t>(
      totals.winsock_sockets + totals.lent_sockets + totals.relayed_sockets));
  info->set_clients(totals.clients);
  info->set_clients_attached_total(totals.clients_attached);
  info->set_clients_died_total(totals.clients_died + totals.linux_clients_died);
}

DaemonTotals Registry::Totals() const {
  DaemonTotals totals;
  const WinsockSocket::Environment& sums = *environment_->sockets();
  totals.forwarded = {sums.bytes_sent.load(std::memory_order_relaxed),
                      sums.bytes_received.load(std::memory_order_relaxed)};
  if (const LentSockets* const lent = environment_->lent_sockets()) {
    totals.lent = {lent->bytes_sent(), lent->bytes_received()};
    totals.lent_sockets = lent->size();
  }
  if (const RelayedSockets* const relayed = environment_->relayed_sockets()) {
    relayed->SumBytes(&totals.relayed.sent, &totals.relayed.received);
    totals.relayed_sockets = relayed->size();
  }
  totals.lingering_sockets = lingerer_->size();
  totals.calls = environment_->calls();
  totals.draining = environment_->draining();
  totals.max_clients = limits_->get().clients;
  for (const auto& client : clients()) {
    const Client::Usage& usage = client->usage();
    constexpr auto kRelaxed = std::memory_order_relaxed;
    totals.winsock_sockets += usage.sockets.load(kRelaxed);
    totals.calls_outstanding += usage.calls.load(kRelaxed);
    totals.lookups += usage.lookups.load(kRelaxed);
    totals.tickets += usage.tickets.load(kRelaxed);
    totals.change_requests += usage.change_requests.load(kRelaxed);
    totals.queued_bytes += usage.queued_bytes.load(kRelaxed);
    totals.kept_bytes += usage.kept_bytes.load(kRelaxed);
  }
  absl::MutexLock lock(&mu_);
  totals.clients = static_cast<uint32_t>(clients_.size());
  totals.clients_attached = next_client_ - 1;
  totals.clients_died = died_;
  totals.linux_clients_died = linux_died_;
  return totals;
}

}  // namespace wspd
