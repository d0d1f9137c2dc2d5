#include "tests/bench/send_pump.h"

#include <algorithm>

namespace wspd::bench {

SendPump::SendPump(SpiStream* stream, int outstanding, size_t size)
    : stream_(stream),
      data_(size),
      operations_(static_cast<size_t>(outstanding)),
      thread_([this] { Run(); }) {}

SendPump::~SendPump() {
  stop_ = true;
  thread_.join();
}

// Sends of one stream complete in their order.
void SendPump::Run() {
  for (Operation& operation : operations_) {
    stream_->PostSend(&operation, data_.data(), data_.size());
  }
  size_t next = 0;
  while (!stop_) {
    Operation* const operation = &operations_[next];
    stream_->Wait(operation);
    ++completed_sends_;
    stream_->PostSend(operation, data_.data(), data_.size());
    next = (next + 1) % operations_.size();
  }
  for (Operation& operation : operations_) stream_->Wait(&operation);
}

void SendOverlapped(SpiStream* stream, int outstanding, size_t size,
                    uint64_t total) {
  const std::vector<char> data(size);
  const size_t sends = total / size;
  std::vector<Operation> operations(
      std::min(static_cast<size_t>(outstanding), sends));
  for (size_t i = 0; i < sends + operations.size(); ++i) {
    Operation* const operation = &operations[i % operations.size()];
    if (i >= operations.size()) stream->Wait(operation);
    if (i < sends) stream->PostSend(operation, data.data(), size);
  }
}

}  // namespace wspd::bench
