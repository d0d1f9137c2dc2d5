#include "daemon/relay/relay_turns.h"

#include <utility>

namespace wspd {

void RelayTurns::AddEvents(RelayHandler* handler, RelayEnd end,
                           uint32_t events) {
  auto& waiting = handler->events_;
  if (waiting[0] == 0 && waiting[1] == 0) handler->first_end_ = end;
  waiting[static_cast<size_t>(end)] |= events;
  Append(handler);
}

void RelayTurns::AddTurn(const std::shared_ptr<RelayHandler>& handler) {
  handler->turn_ = true;
  handler->kept_ = handler;
  Append(handler.get());
}

void RelayTurns::Append(RelayHandler* handler) {
  if (std::exchange(handler->waits_, true)) return;
  Line& line = lines_[handler->client_];
  if (line.first == nullptr) {
    line.first = handler;
    order_.push_back(handler->client_);
  } else {
    line.last->next_ = handler;
  }
  line.last = handler;
}

RelayHandler* RelayTurns::Take() {
  const void* const client = order_.front();
  order_.pop_front();
  const auto line = lines_.find(client);
  RelayHandler* const handler = line->second.first;
  line->second.first = std::exchange(handler->next_, nullptr);
  if (line->second.first == nullptr) {
    lines_.erase(line);
  } else {
    order_.push_back(client);
  }
  handler->waits_ = false;
  return handler;
}

void RelayTurns::RunNext() {
  RelayHandler* const handler = Take();
  // It may end by any of these.
  const std::shared_ptr<RelayHandler> kept = std::move(handler->kept_);
  const auto events = std::exchange(handler->events_, {});
  const bool turn = std::exchange(handler->turn_, false);
  const auto first = static_cast<size_t>(handler->first_end_);
  for (const size_t end : {first, 1 - first}) {
    if (events[end] == 0) continue;
    handler->OnEvents(static_cast<RelayEnd>(end), events[end]);
  }
  if (turn) handler->OnTurn();
}

void RelayTurns::Clear() {
  while (!empty()) {
    RelayHandler* const handler = Take();
    handler->events_ = {};
    handler->turn_ = false;
    handler->kept_.reset();
  }
}

}  // namespace wspd
