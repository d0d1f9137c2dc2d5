#include "daemon/winsock/network_event_recorder.h"

#include <algorithm>
#include <cstddef>

namespace wspd {
namespace {

template <typename F>
void ForEachBit(uint32_t events, F&& f) {
  for (int bit = 0; bit < kNetworkEvents; ++bit) {
    if ((events & (1u << bit)) != 0) f(bit);
  }
}

}  // namespace

void NetworkEventRecorder::Select(Kind kind, uint32_t mask,
                                  uint64_t registration,
                                  const NetworkConditions& now) {
  if (kind != kind_) {
    recorded_ = 0;
    enabled_ = kAllNetworkEvents;
  }
  kind_ = kind;
  mask_ = mask;
  registration_ = registration;
  counts_.fill(0);
  last_count_ = 0;
  unwritten_ = 0;
  repeated_ = 0;
  if (kind == Kind::kWindow) {
    enabled_ = kAllNetworkEvents;
    // A connect that had ended before is no news to a window.
    enabled_ &= ~(now.holding & kFdConnect);
  }
  Observe(now);
  // Also what was recorded before.
  if (kind == Kind::kEventObject) unwritten_ |= recorded_ & mask_;
}

void NetworkEventRecorder::Observe(const NetworkConditions& now) {
  uint32_t events = now.holding & enabled_;
  if (kind_ == Kind::kWindow) events &= mask_;
  for (Input& input : inputs_) {
    input.holding = now.holding & input.events;
    input.came = (input.events & kFdOob) != 0 ? now.urgent : now.queued;
    if (kind_ == Kind::kWindow) continue;
    if ((recorded_ & input.events) != 0) {
      input.told = std::max(input.told, input.came);
    } else if (input.came > input.told) {
      events |= input.holding;
    }
  }
  RecordEvents(events, now);
}

void NetworkEventRecorder::RecordEvents(uint32_t events,
                                        const NetworkConditions& now) {
  if (events == 0) return;
  ForEachBit(events, [this](int bit) { errors_[bit] = 0; });
  if ((events & kFdConnect) != 0) errors_[4] = now.connect_error;
  if ((events & kFdClose) != 0) errors_[5] = now.close_error;
  for (Input& input : inputs_) {
    if ((events & input.events) != 0) input.told = input.came;
  }
  enabled_ &= ~events;
  unwritten_ |= events & mask_;
  if (kind_ == Kind::kEventObject) recorded_ |= events;
}

void NetworkEventRecorder::Enable(uint32_t events) {
  enabled_ |= events;
  recorded_ &= ~events;
}

void NetworkEventRecorder::Happened(uint32_t event, uint32_t error) {
  NetworkConditions now;
  now.connect_error = error;
  now.close_error = error;
  RecordEvents(kind_ == Kind::kWindow ? event & mask_ : event, now);
  ForEachBit(event, [&](int bit) { errors_[bit] = error; });
}

NetworkEventRecorder::Record NetworkEventRecorder::Enumerate(
    uint64_t up_to_count) {
  Record record;
  record.count = up_to_count != 0 ? std::min(up_to_count, count_) : count_;
  enumerated_count_ = std::max(enumerated_count_, record.count);
  ForEachBit(recorded_ & mask_, [&](int bit) {
    const uint32_t event = 1u << bit;
    const bool told = (unwritten_ & event) == 0 && counts_[bit] <= up_to_count;
    if (up_to_count != 0 && !told) return;
    record.network_events |= event;
    record.errors[bit] = errors_[bit];
  });
  recorded_ &= ~record.network_events;
  for (Input& input : inputs_) {
    if (up_to_count == 0 || (record.network_events & input.events) == 0) {
      continue;
    }
    // What has come after that notice is news.
    input.told = std::min(input.told, input.written);
    if (input.came > input.told) {
      RecordEvents(input.holding, NetworkConditions());
    }
  }
  if (kind_ == Kind::kEventObject) {
    unwritten_ &= recorded_;
    repeated_ &= recorded_;
  }
  return record;
}

NetworkNotice NetworkEventRecorder::MessageNotice(int bit) const {
  NetworkNotice notice;
  notice.registration = registration_;
  notice.network_events = 1u << bit;
  notice.wsa_error = errors_[bit];
  notice.count = counts_[bit];
  return notice;
}

NetworkNotice NetworkEventRecorder::RecordNotice(uint64_t count) const {
  NetworkNotice notice;
  notice.registration = registration_;
  notice.network_events = recorded_ & mask_;
  notice.count = count;
  notice.enumerated_count = enumerated_count_;
  ForEachBit(notice.network_events,
             [&](int bit) { notice.errors[bit] = errors_[bit]; });
  return notice;
}

void NetworkEventRecorder::TakeNotices(std::vector<NetworkNotice>* notices) {
  if (kind_ == Kind::kEventObject) {
    // A call may have made it all obsolete meanwhile.
    if ((recorded_ & mask_ & (unwritten_ | repeated_)) != 0) {
      if (unwritten_ != 0) last_count_ = ++count_;
      ForEachBit(unwritten_, [this](int bit) { counts_[bit] = count_; });
      for (Input& input : inputs_) {
        if ((unwritten_ & input.events) != 0) input.written = input.told;
      }
      notices->push_back(RecordNotice(last_count_));
    }
  } else {
    const auto first = static_cast<ptrdiff_t>(notices->size());
    ForEachBit(repeated_ & ~unwritten_,
               [&](int bit) { notices->push_back(MessageNotice(bit)); });
    std::sort(notices->begin() + first, notices->end(),
              [](const NetworkNotice& a, const NetworkNotice& b) {
                return a.count < b.count;
              });
    ForEachBit(unwritten_, [&](int bit) {
      counts_[bit] = last_count_ = ++count_;
      notices->push_back(MessageNotice(bit));
    });
  }
  unwritten_ = 0;
  repeated_ = 0;
}

void NetworkEventRecorder::RepeatNotices() {
  if (last_count_ == 0) return;
  if (kind_ == Kind::kEventObject) {
    repeated_ = recorded_ & mask_ & ~unwritten_;
    return;
  }
  for (int bit = 0; bit < kNetworkEvents; ++bit) {
    if (counts_[bit] != 0) repeated_ |= 1u << bit;
  }
}

}  // namespace wspd
