#include "daemon/quota/rate_quota.h"

#include <time.h>

#include <algorithm>
#include <utility>

namespace wspd {
namespace {

// Until the next look.
constexpr absl::Duration kMostWait = absl::Seconds(1);

uint64_t ConnectionBurstOf(uint64_t per_second) {
  return std::max<uint64_t>(per_second, 1);
}

uint64_t OperationBurstOf(uint64_t per_second) {
  return std::max<uint64_t>(per_second / 10, 1);
}

uint64_t TurnBytesOf(const RateBuckets* holder) {
  return holder == nullptr ? UINT64_MAX : holder->turn_bytes();
}

// Takes one connection; true as well where none are counted.
bool TakeOne(RateBuckets* holder, int64_t now_ns) {
  return holder == nullptr || holder->connections.TakeUpTo(1, now_ns) == 1;
}

void GiveBackOne(RateBuckets* holder) {
  if (holder != nullptr) holder->connections.GiveBack(1);
}

// How long until there is one again, at least.
absl::Duration OneIsOff(const RateBuckets& holder, int64_t now_ns) {
  return absl::Nanoseconds(
      std::max<int64_t>(1, holder.connections.WaitFor(1, now_ns)));
}

bool IsFull(const TokenBucket& bucket, int64_t now_ns) {
  return bucket.WaitFor(UINT64_MAX, now_ns) == 0;
}

}  // namespace

RateBuckets::RateBuckets(const Rates& rates)
    : sent(rates.bytes, ByteBurstOf(rates.bytes)),
      received(rates.bytes, ByteBurstOf(rates.bytes)),
      connections(rates.connections, ConnectionBurstOf(rates.connections)),
      calls(rates.operations, OperationBurstOf(rates.operations)),
      sends(rates.operations, OperationBurstOf(rates.operations)),
      receives(rates.operations, OperationBurstOf(rates.operations)) {}

void RateBuckets::Set(const Rates& rates, int64_t now_ns) {
  sent.SetRate(rates.bytes, ByteBurstOf(rates.bytes), now_ns);
  received.SetRate(rates.bytes, ByteBurstOf(rates.bytes), now_ns);
  connections.SetRate(rates.connections, ConnectionBurstOf(rates.connections),
                      now_ns);
  for (TokenBucket* const bucket : {&calls, &sends, &receives}) {
    bucket->SetRate(rates.operations, OperationBurstOf(rates.operations),
                    now_ns);
  }
}

uint64_t RateBuckets::ByteBurstOf(uint64_t per_second) {
  return std::max<uint64_t>(per_second / 10, 16 << 10);
}

bool RateBuckets::full(int64_t now_ns) const {
  return IsFull(sent, now_ns) && IsFull(received, now_ns) &&
         IsFull(connections, now_ns) && IsFull(calls, now_ns) &&
         IsFull(sends, now_ns) && IsFull(receives, now_ns);
}

std::shared_ptr<RateQuota> RateQuota::Create(
    const Rates& own, std::shared_ptr<RateBuckets> user,
    std::shared_ptr<WaitSpreader> waits) {
  return Of(own.any() ? std::make_shared<RateBuckets>(own) : nullptr,
            std::move(user), std::move(waits));
}

std::shared_ptr<RateQuota> RateQuota::Of(std::shared_ptr<RateBuckets> own,
                                         std::shared_ptr<RateBuckets> user,
                                         std::shared_ptr<WaitSpreader> waits) {
  if (own == nullptr && user == nullptr) return nullptr;
  if (waits == nullptr) waits = std::make_shared<WaitSpreader>();
  return std::shared_ptr<RateQuota>(
      new RateQuota(std::move(own), std::move(user), std::move(waits)));
}

RateQuota::RateQuota(std::shared_ptr<RateBuckets> own,
                     std::shared_ptr<RateBuckets> user,
                     std::shared_ptr<WaitSpreader> waits)
    : own_(std::move(own)), user_(std::move(user)), waits_(std::move(waits)) {}

uint64_t RateQuota::turn_bytes() const {
  return std::min(TurnBytesOf(own_.get()), TurnBytesOf(user_.get()));
}

absl::Duration RateQuota::BeginWait(absl::Duration wait) {
  wait = std::min(wait, kMostWait);
  return absl::Nanoseconds(waits_->Enter(absl::ToInt64Nanoseconds(wait)));
}

int64_t RateQuota::NowNs() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{1000000000} * now.tv_sec + now.tv_nsec;
}

absl::Duration RateQuota::WaitFor(Bucket bucket) const {
  if (!applies()) return absl::ZeroDuration();
  int64_t wait = 0;
  const int64_t now = NowNs();
  const RateBuckets* const holders[] = {own_.get(), user_.get()};
  for (const RateBuckets* const holder : holders) {
    if (holder == nullptr) continue;
    wait = std::max(wait, (holder->*bucket).WaitFor(1, now));
  }
  return absl::Nanoseconds(wait);
}

void RateQuota::Count(Bucket bucket, uint64_t used) {
  if (used == 0 || !applies()) return;
  const int64_t now = NowNs();
  for (RateBuckets* const holder : {own_.get(), user_.get()}) {
    if (holder != nullptr) (holder->*bucket).TakeUsed(used, now);
  }
}

absl::Duration RateQuota::SendWait() const {
  return WaitFor(&RateBuckets::sent);
}

absl::Duration RateQuota::ReceiveWait() const {
  return WaitFor(&RateBuckets::received);
}

absl::Duration RateQuota::ConnectionWait() const {
  return WaitFor(&RateBuckets::connections);
}

absl::Duration RateQuota::CallWait() const {
  return WaitFor(&RateBuckets::calls);
}

absl::Duration RateQuota::RelayedSendWait() const {
  return std::max(SendWait(), WaitFor(&RateBuckets::sends));
}

absl::Duration RateQuota::RelayedReceiveWait() const {
  return std::max(ReceiveWait(), WaitFor(&RateBuckets::receives));
}

void RateQuota::CountCalls(uint64_t count) {
  Count(&RateBuckets::calls, count);
}

void RateQuota::CountRelayedSends(uint64_t count) {
  Count(&RateBuckets::sends, count);
}

void RateQuota::CountRelayedReceives(uint64_t count) {
  Count(&RateBuckets::receives, count);
}

void RateQuota::CountSent(uint64_t bytes) { Count(&RateBuckets::sent, bytes); }

void RateQuota::CountReceived(uint64_t bytes) {
  Count(&RateBuckets::received, bytes);
}

absl::Duration RateQuota::TakeConnection() {
  if (!applies()) return absl::ZeroDuration();
  const int64_t now = NowNs();
  if (!TakeOne(own_.get(), now)) return OneIsOff(*own_, now);
  if (TakeOne(user_.get(), now)) return absl::ZeroDuration();
  GiveBackOne(own_.get());
  return OneIsOff(*user_, now);
}

void RateQuota::GiveBackConnection() {
  GiveBackOne(own_.get());
  GiveBackOne(user_.get());
}

}  // namespace wspd
