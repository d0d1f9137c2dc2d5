#include "daemon/resolver/resolver.h"

#include <ares.h>

#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/notification.h"
#include "daemon/resolver/own_host.h"

namespace wspd {
namespace {

bool IsWanted(const NetAddress& address, int family) {
  return family == AF_UNSPEC || family == address.family();
}

// RFC 6761, section 6.3: these names never leave the host.
bool IsLocalhost(absl::string_view name) {
  absl::ConsumeSuffix(&name, ".");
  return absl::EqualsIgnoreCase(name, "localhost") ||
         absl::EndsWithIgnoreCase(name, ".localhost");
}

void AddAddress(const NetAddress& address, LookupAnswer* answer) {
  answer->addresses.emplace_back();
  answer->addresses.back().address = address;
}

LookupAnswer AnswerOf(HostTable::Host host) {
  LookupAnswer answer;
  answer.canonical_name = std::move(host.canonical_name);
  answer.aliases = std::move(host.aliases);
  if (answer.aliases.size() > kMostLookupAliases) {
    answer.aliases.resize(kMostLookupAliases);
  }
  if (host.addresses.size() > kMostLookupAddresses) {
    host.addresses.resize(kMostLookupAddresses);
  }
  for (const NetAddress& address : host.addresses) AddAddress(address, &answer);
  return answer;
}

// Every address once for each service, in the order of the addresses.
void AddPorts(const std::vector<LookupService>& services,
              LookupAnswer* answer) {
  std::vector<LookupAnswer::Address> plain = std::move(answer->addresses);
  answer->addresses.clear();
  for (const LookupAnswer::Address& each : plain) {
    for (const LookupService& service : services) {
      if (answer->addresses.size() == kMostLookupAddresses) return;
      LookupAnswer::Address entry;
      entry.address = each.address.WithPort(service.port);
      entry.type = service.type;
      answer->addresses.push_back(entry);
    }
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Resolver>> Resolver::Create(
    const Options& options) {
  if (const int status = ares_library_init(ARES_LIB_INIT_ALL);
      status != ARES_SUCCESS) {
    return absl::InternalError(
        absl::StrCat("ares_library_init(): ", ares_strerror(status)));
  }
  auto loop = EventLoop::Create("wspd-resolver");
  if (!loop.ok()) {
    ares_library_cleanup();
    return loop.status();
  }
  return std::unique_ptr<Resolver>(new Resolver(options, *std::move(loop)));
}

Resolver::Resolver(const Options& options, std::unique_ptr<EventLoop> loop)
    : options_(options),
      max_lookups_(options.max_lookups),
      hosts_(options.hosts_file),
      services_(options.services_file),
      resolv_conf_(options.dns.resolv_conf),
      loop_(std::move(loop)) {}

Resolver::~Resolver() {
  absl::Notification ended;
  loop_->Post([this, &ended] {
    running_.clear();
    ended.Notify();
  });
  ended.WaitForNotification();
  loop_.reset();
  ares_library_cleanup();
}

Resolver::LookupId Resolver::Start(LookupQuestion question, Callback callback) {
  if (under_way_.fetch_add(1, std::memory_order_relaxed) >=
      max_lookups_.load(std::memory_order_relaxed)) {
    under_way_.fetch_sub(1, std::memory_order_relaxed);
    return 0;
  }
  LookupId id;
  {
    absl::MutexLock lock(&mu_);
    id = next_id_++;
    callbacks_.emplace(id, std::move(callback));
  }
  loop_->Post([this, id, question = std::move(question)]() mutable {
    Run(id, std::move(question));
  });
  return id;
}

bool Resolver::Cancel(LookupId id) {
  Callback callback;
  {
    absl::MutexLock lock(&mu_);
    const auto found = callbacks_.find(id);
    if (found == callbacks_.end()) return false;
    callback = std::move(found->second);
    callbacks_.erase(found);
  }
  loop_->Post([this, id] { Forget(id); });
  return true;
}

bool Resolver::Forget(LookupId id) {
  const auto found = running_.find(id);
  if (found == running_.end()) return false;
  if (found->second->timer != 0) loop_->CancelTimer(found->second->timer);
  running_.erase(found);
  under_way_.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

void Resolver::Run(LookupId id, LookupQuestion question) {
  bool cancelled;
  {
    absl::MutexLock lock(&mu_);
    cancelled = !callbacks_.contains(id);
  }
  if (cancelled) {
    under_way_.fetch_sub(1, std::memory_order_relaxed);
    return;
  }
  std::vector<LookupService> services;
  if (!question.service.empty()) {
    services = services_.Get().Find(question.service, question.type);
    if (services.empty()) {
      return Finish(id, question, services, LookupError::kServiceNotFound);
    }
  }
  LookupAnswer answer;
  if (AnswerLocally(question, &answer)) {
    return Finish(id, question, services, std::move(answer));
  }
  AskDns(id, std::move(question), std::move(services));
}

bool Resolver::AnswerLocally(const LookupQuestion& question,
                             LookupAnswer* answer) {
  switch (question.kind) {
    case LookupQuestion::Kind::kService:
      return true;
    case LookupQuestion::Kind::kOwnHost:
      *answer = DescribeOwnHost(question.family);
      return true;
    case LookupQuestion::Kind::kHost:
      return AnswerHostLocally(question, answer);
    default:
      HostTable::Host host;
      if (!hosts_.Get().FindAddress(question.address, &host)) return false;
      *answer = AnswerOf(std::move(host));
      return true;
  }
}

bool Resolver::AnswerHostLocally(const LookupQuestion& question,
                                 LookupAnswer* answer) {
  const NetAddress numeric = ParseNumericAddress(question.name);
  if (!numeric.empty()) {
    *answer =
        LookupAnswer(IsWanted(numeric, question.family) ? LookupError::kNone
                                                        : LookupError::kNoData);
    if (answer->error != LookupError::kNone) return true;
    answer->canonical_name = question.name;
    AddAddress(numeric, answer);
    return true;
  }
  HostTable::Host host;
  if (hosts_.Get().FindName(question.name, question.family, &host)) {
    *answer = AnswerOf(std::move(host));
    return true;
  }
  if (!IsLocalhost(question.name)) return false;
  answer->canonical_name = question.name;
  for (const char* each : {"127.0.0.1", "::1"}) {
    const NetAddress address = ParseNumericAddress(each);
    if (IsWanted(address, question.family)) AddAddress(address, answer);
  }
  return true;
}

void Resolver::AskDns(LookupId id, LookupQuestion question,
                      std::vector<LookupService> services) {
  auto running = std::make_unique<Running>();
  running->question = std::move(question);
  running->services = std::move(services);
  Running* raw = running.get();
  raw->query = std::make_unique<DnsQuery>(
      loop_.get(), [this, id, raw](LookupAnswer answer) {
        Finish(id, raw->question, raw->services, std::move(answer));
      });
  running_.emplace(id, std::move(running));
  if (raw->question.time_limit != absl::InfiniteDuration()) {
    raw->timer = loop_->RunAfter(raw->question.time_limit, [this, id, raw] {
      Finish(id, raw->question, raw->services, LookupError::kTimedOut);
    });
  }
  const ResolvConf& times = resolv_conf_.Get();
  if (raw->question.kind == LookupQuestion::Kind::kAddress) {
    raw->query->FindName(options_.dns, times, raw->question.address);
  } else {
    raw->query->FindHost(options_.dns, times, raw->question.name,
                         raw->question.family);
  }
}

void Resolver::Finish(LookupId id, const LookupQuestion& question,
                      const std::vector<LookupService>& services,
                      LookupAnswer answer) {
  const bool no_host = answer.error == LookupError::kNone &&
                       question.kind == LookupQuestion::Kind::kHost &&
                       answer.addresses.empty();
  if (no_host) answer = LookupError::kNoData;
  if (answer.error != LookupError::kNone) {
    answer = LookupAnswer(answer.error);
  } else if (question.kind == LookupQuestion::Kind::kService) {
    answer.services = services;
  } else if (!services.empty()) {
    AddPorts(services, &answer);
  }
  if (!question.want_aliases) {
    answer.aliases.clear();
    for (LookupService& service : answer.services) service.aliases.clear();
  }
  Callback callback;
  {
    absl::MutexLock lock(&mu_);
    const auto found = callbacks_.find(id);
    if (found != callbacks_.end()) {
      callback = std::move(found->second);
      callbacks_.erase(found);
    }
  }
  // `question` and `services` may go with it.
  if (!Forget(id)) under_way_.fetch_sub(1, std::memory_order_relaxed);
  if (callback != nullptr) callback(std::move(answer));
}

}  // namespace wspd
