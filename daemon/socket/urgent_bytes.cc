#include "daemon/socket/urgent_bytes.h"

#include <algorithm>
#include <cstring>

namespace wspd {

void UrgentBytes::Add(char byte, size_t place) {
  ++count_;
  const bool waits = waiting_.size() < kMostWaiting;
  if (waits) waiting_.push_back(byte);
  places_.push_back({place, waits});
}

size_t UrgentBytes::CountPassed() const {
  const auto ahead =
      std::count_if(places_.begin(), places_.end(),
                    [](const Place& place) { return place.waits; });
  return waiting_.size() - static_cast<size_t>(ahead);
}

void UrgentBytes::TakeOldest() {
  const size_t passed = CountPassed();
  if (passed > 0) {
    just_passed_ = std::min(just_passed_, passed - 1);
  } else {
    std::find_if(places_.begin(), places_.end(), [](const Place& place) {
      return place.waits;
    })->waits = false;
  }
  waiting_.erase(0, 1);
}

size_t UrgentBytes::CountAmong(size_t bytes) const {
  const auto end = std::partition_point(
      places_.begin(), places_.end(),
      [bytes](const Place& place) { return place.offset < bytes; });
  return static_cast<size_t>(end - places_.begin());
}

size_t UrgentBytes::LeaveOut(char* data, size_t size) const {
  size_t from = 0;
  size_t kept = 0;
  const auto keep_until = [&](size_t end) {
    if (kept != from) memmove(data + kept, data + from, end - from);
    kept += end - from;
  };
  const size_t among = CountAmong(size);
  for (size_t i = 0; i < among; ++i) {
    keep_until(places_[i].offset);
    from = places_[i].offset + 1;
  }
  keep_until(size);
  return kept;
}

void UrgentBytes::Advance(size_t bytes) {
  const size_t passed = CountAmong(bytes);
  // Where the stretch without anything else ends.
  size_t next = 0;
  for (size_t i = 0; i < passed; ++i) {
    if (places_[i].offset != next) just_passed_ = 0;
    next = places_[i].offset + 1;
    if (places_[i].waits) ++just_passed_;
  }
  if (next != bytes) just_passed_ = 0;
  places_.erase(places_.begin(),
                places_.begin() + static_cast<ptrdiff_t>(passed));
  for (Place& place : places_) place.offset -= bytes;
}

void UrgentBytes::PutBack() {
  waiting_.resize(CountPassed());
  places_.erase(std::remove_if(places_.begin(), places_.end(),
                               [](const Place& place) { return place.waits; }),
                places_.end());
}

size_t UrgentBytes::TakePassed(char* data, size_t size, bool peeks) {
  const size_t count = std::min(size, just_passed_);
  const size_t first = CountPassed() - just_passed_;
  memcpy(data, waiting_.data() + first, count);
  if (!peeks) {
    waiting_.erase(first, count);
    just_passed_ -= count;
  }
  return count;
}

}  // namespace wspd
