#include "daemon/winsock/change_waits.h"

#include <errno.h>
#include <sys/socket.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "daemon/network/source_address.h"
#include "daemon/winsock/address_codec.h"
#include "daemon/winsock/network_event_recorder.h"

namespace wspd {
namespace {

// Winsock's numbers.
constexpr uint32_t kRoutingInterfaceChange = 0x88000015;
constexpr uint32_t kAddressListChange = 0x28000017;

// The source address; none without a route.
NetAddress SourceFor(const NetAddress& destination) {
  NetAddress source;
  (void)FindSourceAddress(destination, &source);
  return source;
}

}  // namespace

bool IsChangeIoctl(uint32_t code) {
  return code == kRoutingInterfaceChange || code == kAddressListChange;
}

ChangeWaits::ChangeWaits(std::shared_ptr<ChangeMonitor> monitor,
                         EventLoop* loop, int family,
                         std::function<void(uint32_t event)> on_event)
    : monitor_(std::move(monitor)),
      loop_(loop),
      family_(family),
      on_event_(std::move(on_event)) {}

ChangeWaits::~ChangeWaits() { monitor_->StopObserving(this); }

// ------------------------------------------------------------------- requests

WsaError ChangeWaits::MakeRequest(const SocketCall& call,
                                  const wsp::v1::IoctlRequest& request,
                                  Request* made) const {
  const bool ipv4 = family_ == AF_INET;
  made->from = call.from();
  made->call_id = call->call_id;
  made->overlapped = call->overlapped;
  if (request.code() == kAddressListChange) {
    made->event = kFdAddressListChange;
    made->changes = ipv4 ? kIpv4AddressesChanged : kIpv6AddressesChanged;
    return 0;
  }
  made->event = kFdRoutingInterfaceChange;
  made->changes = ipv4 ? kIpv4RoutesChanged : kIpv6RoutesChanged;
  if (!DecodeAddress(request.address(), &made->destination)) return kWsaInval;
  if (made->destination.family() != family_) return kWsaAfNoSupport;
  return made->destination.is_any() ? kWsaInval : 0;
}

void ChangeWaits::Begin(const SocketCall& call,
                        const wsp::v1::IoctlRequest& request, bool waits) {
  Request made{};
  WsaError error = MakeRequest(call, request, &made);
  if (!error.ok()) return call.Finish(error);
  if (!waits) made.from = nullptr;
  made.share = call.from()->sink()->ReserveChangeRequest();
  // Given back with no lock held, also the one of a request that isn't kept.
  std::shared_ptr<void> replaced, share;
  {
    absl::MutexLock lock(&mu_);
    if (call.from()->closed()) {
      error = kWsaNotSock;
    } else if (waits && WaitingLocked() >= kMostWaiting) {
      error = kWsaNoBufs;
    } else {
      const size_t before =
          waits ? requests_.size() : FindEventLocked(made.event);
      const bool replaces = before < requests_.size();
      // As the one before, where there is room for no more.
      if (replaces && made.share == nullptr) {
        made.share = requests_[before].share;
      }
      share = made.share;
      error = KeepLocked(std::move(made));
      if (error.ok() && replaces) {
        // The latest counts.
        replaced = std::move(requests_[before].share);
        requests_.erase(requests_.begin() + before);
      }
    }
  }
  share.reset();
  if (!error.ok()) return call.Finish(error);
  if (!waits) return call.Finish(WsaError(kWsaWouldBlock));
  if (call->report_pending) call.from()->sink()->ReportPending(call->call_id);
}

size_t ChangeWaits::FindEventLocked(uint32_t event) const {
  const auto found = std::find_if(
      requests_.begin(), requests_.end(), [event](const Request& request) {
        return request.from == nullptr && request.event == event;
      });
  return found - requests_.begin();
}

WsaError ChangeWaits::KeepLocked(Request request) {
  if (request.share == nullptr) return kWsaNoBufs;
  request.number = next_number_++;
  requests_.push_back(std::move(request));
  if (const int error = ObserveLocked(); error != 0) {
    requests_.pop_back();
    return WsaError::FromErrno(error);
  }
  Request& kept = requests_.back();
  // After the observing began, so that nothing comes between.
  if (!kept.destination.empty()) kept.source = SourceFor(kept.destination);
  return 0;
}

int ChangeWaits::ObserveLocked() {
  uint32_t changes = 0;
  for (const Request& request : requests_) changes |= request.changes;
  if (changes != 0) {
    return monitor_->Observe(shared_from_this(), changes, loop_);
  }
  monitor_->StopObserving(this);
  return 0;
}

template <typename Match>
std::vector<ChangeWaits::Request> ChangeWaits::Take(Match match) {
  std::vector<Request> taken;
  absl::MutexLock lock(&mu_);
  auto left = std::stable_partition(
      requests_.begin(), requests_.end(),
      [&match](const Request& request) { return !match(request); });
  std::move(left, requests_.end(), std::back_inserter(taken));
  requests_.erase(left, requests_.end());
  // Less than was observed before: nothing can be short.
  if (!taken.empty()) (void)ObserveLocked();
  return taken;
}

int ChangeWaits::waiting() const {
  absl::MutexLock lock(&mu_);
  return WaitingLocked();
}

int ChangeWaits::WaitingLocked() const {
  return static_cast<int>(std::count_if(
      requests_.begin(), requests_.end(),
      [](const Request& request) { return request.from != nullptr; }));
}

// --------------------------------------------------------------------- ending

void ChangeWaits::FinishCancelled(const Request& request) {
  request.from->sink()->Finish(
      request.call_id,
      CallResult(request.overlapped ? kWsaOperationAborted : kWsaIntr,
                 ECANCELED));
}

bool ChangeWaits::Cancel(const SocketDescriptor* from, uint64_t call_id) {
  const std::vector<Request> taken = Take([&](const Request& request) {
    return request.from.get() == from && request.call_id == call_id;
  });
  for (const Request& request : taken) FinishCancelled(request);
  return !taken.empty();
}

void ChangeWaits::Withdraw(const SocketDescriptor* from, bool last,
                           bool silently) {
  const std::vector<Request> taken = Take([&](const Request& request) {
    return last || request.from.get() == from;
  });
  if (silently) return;
  for (const Request& request : taken) {
    if (request.from != nullptr) FinishCancelled(request);
  }
}

// -------------------------------------------------------------------- changes

std::vector<ChangeWaits::Source> ChangeWaits::FindSources(
    uint32_t changes) const {
  std::vector<Source> sources;
  {
    absl::MutexLock lock(&mu_);
    for (const Request& request : requests_) {
      if ((request.changes & changes) == 0 || request.destination.empty()) {
        continue;
      }
      sources.push_back({request.number, request.destination, NetAddress()});
    }
  }
  for (auto source = sources.begin(); source != sources.end(); ++source) {
    const auto same =
        std::find_if(sources.begin(), source, [source](const Source& other) {
          return other.destination.SameEndpoint(source->destination);
        });
    source->address =
        same == source ? SourceFor(source->destination) : same->address;
  }
  return sources;
}

bool ChangeWaits::IsDue(const Request& request, uint32_t changes,
                        const std::vector<Source>& sources) {
  if ((request.changes & changes) == 0) return false;
  if (request.destination.empty()) return true;
  const auto found = std::find_if(sources.begin(), sources.end(),
                                  [&request](const Source& source) {
                                    return source.number == request.number;
                                  });
  if (found == sources.end()) return false;
  const NetAddress& now = found->address;
  return now.empty() != request.source.empty() ||
         (!now.empty() && !now.SameEndpoint(request.source));
}

void ChangeWaits::OnNetworkChange(uint32_t changes) {
  const std::vector<Source> sources = FindSources(changes);
  const std::vector<Request> due = Take(
      [&](const Request& request) { return IsDue(request, changes, sources); });
  std::vector<std::shared_ptr<CallSink>> sinks;
  uint32_t events = 0;
  for (const Request& request : due) {
    if (request.from == nullptr) {
      events |= request.event;
      continue;
    }
    const std::shared_ptr<CallSink>& sink = request.from->sink();
    sink->Finish(request.call_id, CallResult());
    if (std::count(sinks.begin(), sinks.end(), sink) == 0) {
      sinks.push_back(sink);
    }
  }
  for (const auto& sink : sinks) sink->FlushResults();
  for (uint32_t event : {kFdRoutingInterfaceChange, kFdAddressListChange}) {
    if ((events & event) != 0) on_event_(event);
  }
}

}  // namespace wspd
