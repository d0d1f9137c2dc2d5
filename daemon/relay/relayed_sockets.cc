#include "daemon/relay/relayed_sockets.h"

#include <errno.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/relay/relay_pair.h"
#include "daemon/relay/relayed_datagrams.h"
#include "daemon/relay/relayed_stream.h"
#include "proto/relay_name.h"

namespace wspd {
namespace {

using wsp::relay::Kind;

// Attempts at a name that nobody else has.
constexpr int kMostNames = 8;
// Bits of a number that can't be guessed: another program of the network
// namespace could have the names that come next.
constexpr int kRandomBits = 24;
// Sockets of a process that have a port, the newest ones, which are looked at
// for somebody who wants it; and those among them, shut down, that it takes
// some time to look at.
constexpr size_t kMostHolders = 64;
constexpr int kMostLooks = 4;
// Sockets of an owner that have large buffers.
constexpr uint32_t kLargeSockets = 64;

uint64_t RandomNumber() {
  uint64_t number = 0;
  if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number)) {
    number = static_cast<uint64_t>(absl::GetCurrentTimeNanos());
  }
  return number;
}

Kind KindOf(const RelayedSocketInfo& info) {
  if (info.kind.type == SOCK_DGRAM) return Kind::kDatagram;
  return info.listener != 0 ? Kind::kConnection : Kind::kStream;
}

}  // namespace

size_t RelayedSockets::Options::MostSockets() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  return limit.rlim_cur / 8 * 3;
}

absl::StatusOr<std::unique_ptr<RelayedSockets>> RelayedSockets::Create(
    const Options& options) {
  std::vector<std::unique_ptr<RelayLoop>> loops;
  for (int i = 0; i < options.loops; ++i) {
    auto loop = RelayLoop::Create(absl::StrCat("wspd-relay-", i));
    if (!loop.ok()) return loop.status();
    loops.push_back(*std::move(loop));
  }
  return std::unique_ptr<RelayedSockets>(
      new RelayedSockets(options, std::move(loops)));
}

RelayedSockets::RelayedSockets(const Options& options,
                               std::vector<std::unique_ptr<RelayLoop>> loops)
    : options_(options),
      sockets_per_owner_(options.sockets_per_owner),
      instance_(RandomNumber()),
      loops_(std::move(loops)) {}

RelayedSockets::~RelayedSockets() { Stop(); }

void RelayedSockets::Stop() {
  for (const auto& loop : loops_) loop->Stop();
  absl::flat_hash_map<uint64_t, std::shared_ptr<RelayedSocket>> ended;
  absl::MutexLock lock(&mu_);
  ended.swap(sockets_);
  for (const auto& [number, socket] : ended) {
    bytes_sent_ += socket->bytes_sent();
    bytes_received_ += socket->bytes_received();
    Uncount(socket->info());
  }
}

void RelayedSockets::Uncount(const RelayedSocketInfo& info) {
  info.owner->user->relayed.fetch_sub(1, std::memory_order_relaxed);
  info.owner->Uncount();
}

bool RelayedSockets::HasRoom(const SocketUser& user) const {
  return size() < options_.most_sockets &&
         (!user.is_limited() || user.relayed.load(std::memory_order_relaxed) <
                                    options_.most_sockets / 2);
}

RelayLoop* RelayedSockets::NextLoop() {
  return loops_[next_loop_.fetch_add(1, std::memory_order_relaxed) %
                loops_.size()]
      .get();
}

int RelayedSockets::Make(const wsp::v1::LinuxSocketRequest& request,
                         uint64_t socket_id, std::shared_ptr<SocketOwner> owner,
                         OwnedFd* program, std::shared_ptr<RelayedSocket>* made,
                         std::shared_ptr<const ClientAccess> access) {
  RelayedSocketInfo info;
  info.socket_id = socket_id;
  info.access = std::move(access);
  info.owner = std::move(owner);
  OwnedFd real;
  int error =
      OpenLinuxSocket(request, true, info.owner->uid, &real, &info.kind);
  if (error == 0) {
    return Add(std::move(info), request.nonblocking(), std::move(real), {},
               program, made);
  }
  info.owner->Uncount();
  return error;
}

int RelayedSockets::MakeAccepted(const RelayedSocketInfo& listener,
                                 OwnedFd real,
                                 const RelayedEndpoints& endpoints,
                                 OwnedFd* program,
                                 std::shared_ptr<RelayedSocket>* made) {
  RelayedSocketInfo info;
  info.listener = listener.number;
  info.kind = listener.kind;
  info.owner = listener.owner;
  info.access = listener.access;
  return Add(std::move(info), false, std::move(real), endpoints, program, made);
}

int RelayedSockets::MakePair(RelayedSocketInfo* info, bool nonblocking,
                             RelayPair* pair) {
  const bool large =
      info->owner->sockets.load(std::memory_order_relaxed) <= kLargeSockets;
  int error = 0;
  for (int i = 0; i < kMostNames; ++i) {
    info->number = next_number_.fetch_add(1, std::memory_order_relaxed)
                       << kRandomBits |
                   RandomNumber() >> (64 - kRandomBits);
    error = MakeRelayPair({instance_, info->number, KindOf(*info),
                           info->kind.family, info->kind.protocol},
                          nonblocking, large, pair);
    if (error != EADDRINUSE) return error;
  }
  return error;
}

int RelayedSockets::Add(RelayedSocketInfo info, bool nonblocking, OwnedFd real,
                        const RelayedEndpoints& endpoints, OwnedFd* program,
                        std::shared_ptr<RelayedSocket>* made) {
  const std::shared_ptr<SocketOwner> owner = info.owner;
  RelayLoop* const loop = NextLoop();
  info.opened_at_ns = absl::GetCurrentTimeNanos();
  RelayPair pair;
  int error =
      HasRoom(*owner->user) ? MakePair(&info, nonblocking, &pair) : ENFILE;
  if (error == 0) {
    info.cookie = pair.cookie;
    error = loop->WatchProgram(pair.program.get(), info.number);
  }
  if (error != 0) {
    owner->Uncount();
    return error;
  }
  owner->user->relayed.fetch_add(1, std::memory_order_relaxed);
  if (info.kind.type == SOCK_DGRAM) {
    *made = std::make_shared<RelayedDatagrams>(
        std::move(info), std::move(pair.daemon), std::move(real), loop, this);
  } else {
    *made = std::make_shared<RelayedStream>(
        std::move(info), std::move(pair.daemon), std::move(real), loop, this);
  }
  {
    absl::MutexLock lock(&mu_);
    const RelayedSocketInfo& entered = (*made)->info();
    sockets_.emplace(entered.number, *made);
    if (entered.listener != 0) {
      accepted_[entered.listener].insert(entered.number);
    }
  }
  (*made)->NoteOpened(endpoints);
  error = (*made)->Start();
  if (error != 0) {
    // Nothing has come of it: the loop doesn't know of it.
    (*made)->NoteClosed();
    (void)Remove(**made);
    return error;
  }
  *program = std::move(pair.program);
  return 0;
}

std::shared_ptr<RelayedSocket> RelayedSockets::Find(uint64_t number) const {
  absl::MutexLock lock(&mu_);
  auto found = sockets_.find(number);
  return found == sockets_.end() ? nullptr : found->second;
}

std::optional<bool> RelayedSockets::HasLeftUnread(uint64_t number) const {
  const auto socket = Find(number);
  return socket == nullptr ? false : socket->HasLeftUnread();
}

void RelayedSockets::TellAccepted(uint64_t number) const {
  absl::MutexLock lock(&mu_);
  auto found = accepted_.find(number);
  if (found == accepted_.end()) return;
  for (const uint64_t accepted : found->second) {
    sockets_.at(accepted)->OnListenerLeft();
  }
}

void RelayedSockets::EnterPort(const RelayedSocket& socket) {
  absl::MutexLock lock(&mu_);
  if (!sockets_.contains(socket.info().number)) return;
  ports_[{socket.info().owner.get(), socket.port()}].push_back(
      socket.info().number);
}

std::vector<std::shared_ptr<RelayedSocket>> RelayedSockets::List() const {
  std::vector<std::shared_ptr<RelayedSocket>> all;
  absl::MutexLock lock(&mu_);
  all.reserve(sockets_.size());
  for (const auto& [number, socket] : sockets_) all.push_back(socket);
  return all;
}

size_t RelayedSockets::size() const {
  absl::MutexLock lock(&mu_);
  return sockets_.size();
}

void RelayedSockets::CloseLeft(const SocketOwner& owner, uint16_t port) const {
  std::vector<std::shared_ptr<RelayedSocket>> holders;
  {
    absl::MutexLock lock(&mu_);
    auto found = ports_.find({&owner, port});
    if (found == ports_.end()) return;
    const std::vector<uint64_t>& numbers = found->second;
    for (auto it = numbers.rbegin();
         it != numbers.rend() && holders.size() < kMostHolders; ++it) {
      holders.push_back(sockets_.at(*it));
    }
  }
  int looks = kMostLooks;
  for (const auto& socket : holders) socket->CloseIfLeft(&looks);
}

std::shared_ptr<RelayedSocket> RelayedSockets::Remove(
    const RelayedSocket& socket) {
  absl::MutexLock lock(&mu_);
  auto found = sockets_.find(socket.info().number);
  if (found == sockets_.end()) return nullptr;
  std::shared_ptr<RelayedSocket> removed = std::move(found->second);
  sockets_.erase(found);
  TakeOffIndexesLocked(*removed);
  bytes_sent_ += removed->bytes_sent();
  bytes_received_ += removed->bytes_received();
  Uncount(removed->info());
  return removed;
}

void RelayedSockets::TakeOffIndexesLocked(const RelayedSocket& socket) {
  const RelayedSocketInfo& info = socket.info();
  if (info.listener != 0) {
    auto accepted = accepted_.find(info.listener);
    accepted->second.erase(info.number);
    if (accepted->second.empty()) accepted_.erase(accepted);
  }
  if (socket.port() == 0) return;
  auto holders = ports_.find({info.owner.get(), socket.port()});
  // It may be about to be entered, which it won't be any more.
  if (holders == ports_.end()) return;
  std::vector<uint64_t>& numbers = holders->second;
  numbers.erase(std::remove(numbers.begin(), numbers.end(), info.number),
                numbers.end());
  if (numbers.empty()) ports_.erase(holders);
}

void RelayedSockets::SumBytes(uint64_t* sent, uint64_t* received) const {
  absl::MutexLock lock(&mu_);
  *sent = bytes_sent_;
  *received = bytes_received_;
  for (const auto& [number, socket] : sockets_) {
    *sent += socket->bytes_sent();
    *received += socket->bytes_received();
  }
}

}  // namespace wspd
