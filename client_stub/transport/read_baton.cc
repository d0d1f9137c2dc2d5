#include "client_stub/transport/read_baton.h"

namespace wsp {

void ReadBaton::Remove(Waiter* waiter) {
  static_cast<ListNode<InWaiters>*>(waiter)->Unlink();
  static_cast<ListNode<InWaiting>*>(waiter)->Unlink();
  if (service_ == waiter) service_ = nullptr;
  if (holder_ == waiter) {
    holder_ = nullptr;
    PassOn();
  }
}

void ReadBaton::GiveTo(Waiter* waiter) {
  if (connection_ >= 0) {
    if (holder_ != nullptr && holder_ != waiter) holder_->IgnoreConnection();
    if (waiter != nullptr) waiter->WatchConnection(connection_, want_write_);
  }
  holder_ = waiter;
}

void ReadBaton::PassOn() {
  if (Waiter* next = waiting_.back()) {
    GiveTo(next);
  } else if (want_service_ && service_ != nullptr) {
    GiveTo(service_);
  }
}

void ReadBaton::SetConnection(int fd) {
  connection_ = fd;
  GiveTo(holder_);
  if (holder_ == nullptr) PassOn();
}

void ReadBaton::DropConnection() {
  for (Waiter* waiter = waiters_.front(); waiter != nullptr;
       waiter = waiters_.Next(waiter)) {
    waiter->ForgetConnection();
  }
  connection_ = -1;
}

void ReadBaton::BeginWaiting(Waiter* waiter) {
  if (!static_cast<ListNode<InWaiting>*>(waiter)->linked()) {
    waiting_.PushBack(waiter);
  }
  GiveTo(waiter);
}

void ReadBaton::EndWaiting(Waiter* waiter) {
  static_cast<ListNode<InWaiting>*>(waiter)->Unlink();
  if (holder_ == waiter) PassOn();
}

void ReadBaton::WantService(bool wanted) {
  want_service_ = wanted;
  if (wanted && waiting_.empty() && service_ != nullptr) GiveTo(service_);
  if (!wanted && holder_ == service_) GiveTo(nullptr);
}

void ReadBaton::WantWrite(bool wanted) {
  if (want_write_ == wanted) return;
  want_write_ = wanted;
  GiveTo(holder_);
}

void ReadBaton::WakeAll() {
  for (Waiter* waiter = waiting_.front(); waiter != nullptr;
       waiter = waiting_.Next(waiter)) {
    waiter->Wake();
  }
  if (service_ != nullptr) service_->Wake();
}

}  // namespace wsp
