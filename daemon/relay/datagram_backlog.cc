#include "daemon/relay/datagram_backlog.h"

#include <atomic>

namespace wspd {
namespace {

std::atomic<size_t> bytes_together{0};

}  // namespace

bool DatagramBacklog::Push(const iovec* pieces, size_t count) {
  size_t bytes = 0;
  for (size_t i = 0; i < count; ++i) bytes += pieces[i].iov_len;
  if (bytes_ + bytes > kMostBytes) return false;
  const size_t together =
      bytes_together.fetch_add(bytes, std::memory_order_relaxed) + bytes;
  const size_t of_user =
      user_bytes_->fetch_add(bytes, std::memory_order_relaxed) + bytes;
  if (together + of_user > kMostBytesTogether) {
    Release(bytes);
    return false;
  }
  bytes_ += bytes;
  std::string& message = messages_.emplace_back();
  message.reserve(bytes);
  for (size_t i = 0; i < count; ++i) {
    message.append(static_cast<const char*>(pieces[i].iov_base),
                   pieces[i].iov_len);
  }
  return true;
}

bool DatagramBacklog::IsScarce() const {
  return bytes_together.load(std::memory_order_relaxed) +
             2 * user_bytes_->load(std::memory_order_relaxed) >
         kMostBytesTogether;
}

void DatagramBacklog::Release(size_t bytes) {
  bytes_together.fetch_sub(bytes, std::memory_order_relaxed);
  user_bytes_->fetch_sub(bytes, std::memory_order_relaxed);
}

void DatagramBacklog::Pop() {
  const size_t bytes = messages_[next_].size();
  bytes_ -= bytes;
  Release(bytes);
  messages_[next_] = std::string();
  if (++next_ == messages_.size()) Clear();
}

void DatagramBacklog::Clear() {
  Release(bytes_);
  bytes_ = 0;
  next_ = 0;
  // With its memory.
  std::vector<std::string>().swap(messages_);
}

}  // namespace wspd
