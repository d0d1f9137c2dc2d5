#include "client_stub/spi/notifications.h"

namespace wsp {

uint64_t Notifications::Append(const Item& item) {
  queue_.push_back(item);
  return ++asked_;
}

bool Notifications::WillBeSet(WSAEVENT event) const {
  for (size_t i = queue_.size(); i > next_; --i) {
    const Item& item = queue_[i - 1];
    if (item.event != event) continue;
    if (item.kind == Kind::kReset) return false;
    if (item.kind == Kind::kSet) return true;
  }
  return false;
}

void Notifications::Set(const Source& source, WSAEVENT event) {
  if (queue_.size() - next_ > kMergeAbove && WillBeSet(event)) return;
  Item item;
  item.kind = Kind::kSet;
  item.source = source;
  item.event = event;
  Append(item);
}

uint64_t Notifications::Reset(WSAEVENT event) {
  Item item;
  item.kind = Kind::kReset;
  item.event = event;
  return Append(item);
}

void Notifications::Post(const Source& source, HWND window, UINT message,
                         WPARAM wparam, LPARAM lparam) {
  if (messages_ >= kMostMessages) return;
  ++messages_;
  Item item;
  item.kind = Kind::kPost;
  item.source = source;
  item.window = window;
  item.message = message;
  item.wparam = wparam;
  item.lparam = lparam;
  Append(item);
}

void Notifications::Forget(uint64_t socket_id, uint64_t before) {
  for (size_t i = next_; i < queue_.size(); ++i) {
    Item& item = queue_[i];
    if (item.source.socket_id != socket_id ||
        item.source.registration >= before) {
      continue;
    }
    if (item.kind == Kind::kPost) --messages_;
    item.kind = Kind::kForgotten;
  }
}

void Notifications::ForgetAll() {
  messages_ = 0;
  for (size_t i = next_; i < queue_.size(); ++i) {
    queue_[i].kind = Kind::kForgotten;
  }
}

void Notifications::Run(const WSPUPCALLTABLE& table, uint64_t last) {
  if (running_) return;
  running_ = true;
  runner_ = &t_thread;
  const uint64_t generation = g_library.generation;
  while (next_ < queue_.size() && over_ < last) {
    RunOne(table);
    // In a child that an upcall has forked.
    if (g_library.generation != generation) return;
    if (next_ >= kCompactAbove && next_ > queue_.size() / 2) {
      queue_.erase(queue_.begin(),
                   queue_.begin() + static_cast<ptrdiff_t>(next_));
      next_ = 0;
    }
  }
  if (next_ == queue_.size()) {
    queue_.clear();
    next_ = 0;
  }
  running_ = false;
  runner_ = nullptr;
}

void Notifications::RunOne(const WSPUPCALLTABLE& table) {
  const Item item = queue_[next_++];
  const uint64_t ticket = over_ + 1;
  if (item.kind == Kind::kPost) --messages_;
  if (item.kind != Kind::kForgotten) {
    running_for_ = item.source.socket_id;
    g_library.mutex.Unlock();
    BOOL done = FALSE;
    {
      const UpcallScope scope;
      int error = 0;
      if (item.kind == Kind::kSet) {
        done = table.lpWPUSetEvent(item.event, &error);
      } else if (item.kind == Kind::kReset) {
        done = table.lpWPUResetEvent(item.event, &error);
      } else {
        // Full, or gone: then nobody hears of it.
        done = table.lpWPUPostMessage(item.window, item.message, item.wparam,
                                      item.lparam);
      }
    }
    g_library.mutex.Lock();
    running_for_ = 0;
    if (!done) failed_[ticket % kRememberedFailures] = ticket;
  }
  over_ = ticket;
  g_library.changed.SignalAll();
}

void Notifications::AwaitTicket(const WSPUPCALLTABLE& table, uint64_t ticket) {
  if (running_ && IsRunner()) return;
  while (over_ < ticket) {
    if (running_) {
      g_library.changed.Wait(&g_library.mutex);
    } else {
      Run(table, ticket);
    }
  }
}

void Notifications::AwaitSocket(uint64_t socket_id) {
  if (running_ && IsRunner()) return;
  while (running_ && running_for_ == socket_id) {
    g_library.changed.Wait(&g_library.mutex);
  }
}

}  // namespace wsp
