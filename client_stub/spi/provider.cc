#include "client_stub/spi/provider.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "client_stub/base/random_number.h"

namespace wsp {

namespace {

Attachment::Options OptionsOf(bool lent) {
  Attachment::Options options;
  options.lent = lent;
  return options;
}

}  // namespace

const WSPUPCALLTABLE Provider::kNoUpcalls = {};

Provider::Provider(uint64_t random)
    : attachment_(random, this, OptionsOf(AsksForLentSockets())),
      next_socket_id_(~random | 1) {}

std::unique_ptr<Provider> Provider::Create() {
  uint64_t random;
  if (!GetRandomNumber(&random)) return nullptr;
  std::unique_ptr<Provider> provider(new Provider(random));
  Waiter* spare = provider->AcquireWaiter(false);
  if (spare == nullptr) return nullptr;
  provider->spare_waiter_ = spare;
  return provider;
}

Provider::~Provider() {
  g_library.mutex.AssertHeld();
  CloseConnection();
  attachment_.DropCalls();
  while (Operation* operation = operations_.front()) {
    operation->held = false;
    Free(operation);
  }
  TakeHandles();
  for (StubSocket* socket : sockets_.All()) {
    attachment_.RemoveLane(&socket->lane);
    delete socket;
  }
  for (Operation* operation : operation_pool_) delete operation;
  for (const std::unique_ptr<Waiter>& waiter : waiters_) {
    baton_.Remove(waiter.get());
  }
}

// ------------------------------------------------------------------ sockets

uint64_t Provider::NewSocketId() {
  if (next_socket_id_ == 0) ++next_socket_id_;
  return next_socket_id_++;
}

StubSocket* Provider::NewSocket(uint64_t id) {
  auto* socket = new StubSocket;
  socket->id = id;
  socket->lane.socket_id = socket->id;
  socket->references = 1;
  sockets_.Insert(socket);
  attachment_.AddLane(&socket->lane);
  return socket;
}

StubSocket* Provider::FindSocket(uint64_t id) {
  StubSocket* socket = sockets_.Find(id);
  if (socket != nullptr) ++socket->references;
  return socket;
}

void Provider::BeginClosing(StubSocket* socket) {
  socket->closing = true;
  socket->lane.paused = true;
  attachment_.UpdateLane(&socket->lane);
}

void Provider::StayOpen(StubSocket* socket) {
  socket->closing = false;
  socket->lane.paused = false;
  attachment_.UpdateLane(&socket->lane);
}

void Provider::RetireSocket(StubSocket* socket) {
  socket->closed = true;
  DropTargets(socket);
  sockets_.Erase(socket);
  if (socket->descriptor >= 0) by_handle_.Erase(&socket->by_handle);
  CancelUnbegun(socket);
  TakeBack(socket);
  Release(socket);
}

void Provider::CancelUnbegun(StubSocket* socket) {
  for (Operation* operation = operations_.front(); operation != nullptr;) {
    Operation* next = operations_.Next(operation);
    if (operation->socket == socket && !operation->done &&
        (operation->kind == Operation::Kind::kSend || IsHeld(operation) ||
         IsNative(operation) || operation->job.behind != nullptr)) {
      Cancel(operation);
      FreeIfUnused(operation);
    }
    operation = next;
  }
}

bool Provider::KeepHandle(StubSocket* socket) {
  if (socket->untold == 0) return false;
  ++socket->references;
  handles_kept_.PushBack(socket);
  return true;
}

void Provider::EndTelling(StubSocket* socket) {
  ListNode<InKeptHandles>* const kept = socket;
  if (--socket->untold > 0 || !kept->linked()) return;
  kept->Unlink();
  handles_due_.PushBack(socket);
}

std::vector<SocketHandle> Provider::TakeHandles() {
  std::vector<SocketHandle> handles;
  for (StubSocket* socket : sockets_.All()) {
    if (socket->handle == INVALID_SOCKET) continue;
    if (socket->descriptor >= 0) by_handle_.Erase(&socket->by_handle);
    handles.push_back({socket->handle, socket->descriptor});
  }
  handles_due_.TakeAll(&handles_kept_);
  while (StubSocket* socket = handles_due_.PopFront()) {
    handles.push_back({socket->handle, socket->descriptor});
    Release(socket);
  }
  return handles;
}

void Provider::SetHandle(StubSocket* socket, const SocketHandle& handle) {
  socket->handle = handle.value;
  socket->descriptor = handle.descriptor;
  if (handle.descriptor < 0) return;
  socket->by_handle.id = handle.value;
  socket->by_handle.socket = socket;
  by_handle_.Insert(&socket->by_handle);
}

void Provider::SetNonblocking(StubSocket* socket, bool nonblocking) {
  socket->nonblocking = nonblocking;
  if (socket->lent) {
    KernelHandles::SetNonblocking(socket->descriptor, nonblocking);
  }
}

void Provider::Release(StubSocket* socket) {
  if (socket == nullptr || --socket->references > 0) return;
  attachment_.RemoveLane(&socket->lane);
  delete socket;
}

void Provider::LoseSockets() {
  for (StubSocket* socket : sockets_.All()) socket->lost = true;
}

// -------------------------------------------------------------- registration

void Provider::SetUpcalls(const WSPUPCALLTABLE& upcalls) {
  for (const auto& table : upcall_tables_) {
    if (std::memcmp(table.get(), &upcalls, sizeof upcalls) == 0) {
      upcalls_.store(table.get(), std::memory_order_release);
      return;
    }
  }
  upcall_tables_.push_back(std::make_unique<const WSPUPCALLTABLE>(upcalls));
  upcalls_.store(upcall_tables_.back().get(), std::memory_order_release);
}

Operation* Provider::FindCountingCall() {
  for (Operation* operation = operations_.front(); operation != nullptr;
       operation = operations_.Next(operation)) {
    const bool counts = operation->counts_up || operation->counts_down;
    if (counts && operation->call != nullptr) return operation;
  }
  return nullptr;
}

void Provider::EndRegistration() {
  startup_counts_ = false;
  Operation* counting = attached() ? FindCountingCall() : nullptr;
  // The next registration has ended, too, and perhaps taken the marker along.
  if (ended && (counting == nullptr || counting->marker == nullptr)) return;
  const bool others =
      attachment_.unanswered() > (counting != nullptr ? 1u : 0u);
  attachment_.DropCalls(counting != nullptr ? counting->call : nullptr);
  if (counting != nullptr && counting->counts_up) {
    // It may have reached the daemon before the cleanup, which dropped it, or
    // afterwards, when it counts.
    counting->marker = attachment_.NewCall(counting, CallHeader());
    AppendNothing(&counting->marker->bytes);
    attachment_.Submit(counting->marker);
  } else if (others && attached()) {
    // Calls that reached the daemon after the cleanup are answered, and these
    // answers want to be acknowledged. They come before that of this one.
    Call* last = attachment_.NewCall(nullptr, CallHeader());
    AppendNothing(&last->bytes);
    attachment_.Submit(last);
  }
  if (std::exchange(ended, true)) return;
  lost = false;
  startups = 0;
  owed_cleanups = 0;
  LoseSockets();
  // Nobody is told of network events any more.
  for (StubSocket* socket : sockets_.All()) DropTargets(socket);
  notifications_.ForgetAll();
  for (Operation* operation = operations_.front(); operation != nullptr;) {
    Operation* next = operations_.Next(operation);
    if (!operation->done && operation != counting) {
      // No event, no routine: nobody hears of it but the OVERLAPPED.
      const bool overlapped = operation->overlapped != nullptr;
      if (overlapped) operation->starting = true;
      Complete(operation, overlapped ? WSA_OPERATION_ABORTED : WSAEINTR);
      FreeIfUnused(operation);
    }
    operation = next;
  }
}

bool Provider::Revive() {
  if (sockets_.size() > 0 || !attached()) return false;
  ended = false;
  return true;
}

// ------------------------------------------------------------------- waiting

Waiter* Provider::AcquireWaiter(bool spare) {
  if (!idle_waiters_.empty()) {
    Waiter* waiter = idle_waiters_.back();
    idle_waiters_.pop_back();
    return waiter;
  }
  std::unique_ptr<Waiter> waiter = Waiter::Create();
  if (waiter == nullptr) {
    if (!spare) return nullptr;
    Waiter* last = spare_waiter_;
    spare_waiter_ = nullptr;
    return last;
  }
  baton_.Add(waiter.get());
  waiters_.push_back(std::move(waiter));
  return waiters_.back().get();
}

void Provider::ReleaseWaiter(Waiter* waiter) {
  if (spare_waiter_ == nullptr) {
    spare_waiter_ = waiter;
    return;
  }
  if (idle_waiters_.size() < kMostIdleWaiters || waiter == baton_.holder()) {
    idle_waiters_.push_back(waiter);
    return;
  }
  baton_.Remove(waiter);
  const auto place = std::find_if(
      waiters_.begin(), waiters_.end(),
      [waiter](const auto& owned) { return owned.get() == waiter; });
  waiters_.erase(place);
}

bool Provider::EnsureService() {
  if (service_.running()) return true;
  Waiter* waiter = AcquireWaiter(false);
  if (waiter == nullptr) return false;
  if (!service_.Start(waiter)) {
    ReleaseWaiter(waiter);
    return false;
  }
  baton_.SetService(waiter);
  return true;
}

}  // namespace wsp
