// Provider: operations from their results to their end.
#include <mswsock.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <new>
#include <utility>

#include "client_stub/spi/control_data.h"
#include "client_stub/spi/nt_status.h"
#include "client_stub/spi/provider.h"
#include "client_stub/spi/socket_addresses.h"
#include "proto/wire_fields.h"

namespace wsp {
namespace {

uint32_t CancelledError(const Operation& operation) {
  return operation.overlapped != nullptr ? WSA_OPERATION_ABORTED : WSAEINTR;
}

// Copies `data` to the buffers, `offset` bytes into them; what doesn't fit is
// dropped.
void Scatter(const std::vector<ByteView>& buffers, uint64_t offset,
             ByteView data) {
  for (const ByteView& buffer : buffers) {
    if (offset >= buffer.size) {
      offset -= buffer.size;
      continue;
    }
    const size_t size =
        std::min(data.size, static_cast<size_t>(buffer.size - offset));
    if (size > 0) {
      // The caller's buffer, which WSABUF has as writable memory.
      std::memcpy(const_cast<uint8_t*>(buffer.data) + offset, data.data, size);
    }
    data = {data.data + size, data.size - size};
    offset = 0;
    if (data.size == 0) return;
  }
}

}  // namespace

void Operation::OnResult(Call* answered, const Completion& completion) {
  provider->OnOperationResult(this, answered, completion);
}

void OperationSteps::OnSent(Operation* operation) {
  g_library.mutex.AssertHeld();
  operation->provider->Complete(operation, 0);
}

void Operation::OnPending(Call*) {
  pending = true;
  // Its thread wants to know, unless it is the one that reads.
  provider->OnOperationPending(this);
}

void Provider::OnOperationPending(Operation* operation) {
  g_library.mutex.AssertHeld();
  if (operation->waiter != nullptr && operation->waiter != reader_) {
    operation->waiter->Wake();
  }
}

Operation* Provider::NewOperation(Operation::Kind kind, StubSocket* socket) {
  Operation* operation;
  if (operation_pool_.empty()) {
    operation = new Operation;
  } else {
    operation = operation_pool_.back();
    operation_pool_.pop_back();
  }
  operation->provider = this;
  operation->kind = kind;
  operation->socket = socket;
  if (socket != nullptr) ++socket->references;
  operation->held = true;
  operation->job.owner = operation;
  operations_.PushBack(operation);
  return operation;
}

void Provider::LetGo(Operation* operation) {
  operation->held = false;
  FreeIfUnused(operation);
}

void Provider::FreeIfUnused(Operation* operation) {
  if (operation->held || operation->working || !operation->done) return;
  if (static_cast<ListNode<InIndications>*>(operation)->linked()) return;
  Free(operation);
}

void Provider::Free(Operation* operation) {
  static_cast<ListNode<InOperations>*>(operation)->Unlink();
  static_cast<ListNode<InIndications>*>(operation)->Unlink();
  static_cast<ListNode<InWork>*>(operation)->Unlink();
  static_cast<ListNode<InLane>*>(&operation->job)->Unlink();
  static_cast<ListNode<InHeldReceives>*>(operation)->Unlink();
  static_cast<ListNode<InNativeWaits>*>(operation)->Unlink();
  if (operation->kind == Operation::Kind::kWatch) --watchers_;
  if (operation->opened_thread) CloseThread(operation->thread);
  if (operation->enumerates_events) --operation->socket->enumerating;
  if (operation->overlapped != nullptr) EndTelling(operation->socket);
  Release(operation->socket);
  if (operation_pool_.size() >= kMostPooledOperations) {
    delete operation;
    return;
  }
  // Made anew in place; the vectors' memory is worth keeping.
  std::vector<ByteView> buffers = std::move(operation->buffers);
  buffers.clear();
  operation->~Operation();
  new (operation) Operation;
  operation->buffers = std::move(buffers);
  operation_pool_.push_back(operation);
}

// ------------------------------------------------------------------- results

void Provider::OnOperationResult(Operation* operation, Call* call,
                                 const Completion& completion) {
  g_library.mutex.AssertHeld();
  if (completion.wsa_error == WSAENETDOWN && operation->socket != nullptr) {
    // It is stopping: nothing begins any more.
    StopNativeTransfers(operation->socket);
  }
  switch (operation->kind) {
    case Operation::Kind::kSend:
      OnSendResult(operation, completion, call->payload_bytes);
      return;
    case Operation::Kind::kReceive:
      operation->call = nullptr;
      OnReceiveResult(operation, completion);
      return;
    default:
      if (call == operation->marker) {
        // The startup before it was dropped: nothing else is left.
        attachment_.DropCalls();
        operation->marker = operation->call = nullptr;
        Complete(operation, WSAEINTR);
        return;
      }
      if (operation->marker != nullptr) attachment_.Abandon(operation->marker);
      operation->marker = operation->call = nullptr;
      if (operation->counts_up) startup_counts_ = completion.wsa_error == 0;
      if (operation->steps != nullptr) {
        operation->steps->OnReply(operation, completion);
        FreeIfUnused(operation);
        return;
      }
      operation->reply = completion;
      operation->reply_data.assign(completion.data.data,
                                   completion.data.data + completion.data.size);
      operation->reply.data = {operation->reply_data.data(),
                               operation->reply_data.size()};
      if (operation->lends_to != 0) OnLent(*operation, call->id);
      if (call->makes_socket != 0 && operation->socket != nullptr &&
          completion.wsa_error == 0 && completion.offer_id == 0) {
        NewAccepted(operation, call->makes_socket);
      }
      // Cancelled was the waiting alone: with the daemon it is closed.
      if (operation->closes_socket && completion.wsa_error == WSAEINTR) {
        DropTargets(operation->socket);
        CancelUnbegun(operation->socket);
      }
      Complete(operation, completion.wsa_error);
      if (operation->closes_socket) BeginHeldReceives(operation->socket);
      if (completion.final) EndRegistration();
      // Of a shutdown nobody waits for the answer.
      FreeIfUnused(operation);
  }
}

void Provider::OnSendResult(Operation* operation, const Completion& completion,
                            uint32_t payload_bytes) {
  operation->bytes += completion.bytes_sent;
  const bool failed = completion.wsa_error != 0;
  if (!failed) operation->socket->bound = true;
  if (failed && operation->error == 0) operation->error = completion.wsa_error;
  if (failed || completion.bytes_sent < payload_bytes) {
    if (!operation->send_stopped) {
      operation->send_stopped = true;
      attachment_.CancelJob(&operation->socket->lane, &operation->job);
    }
  }
  NoteWork(operation);
  FinishSendIfDone(operation);
}

void Provider::FinishSendIfDone(Operation* operation) {
  const SendJob& job = operation->job;
  const bool over = job.all_handed_over() || operation->send_stopped;
  if (!job.outstanding.empty() || !over) return;
  if (operation->steps != nullptr && operation->error == 0) {
    return operation->steps->OnSent(operation);
  }
  Complete(operation, operation->error);
}

void Provider::OnReceiveResult(Operation* operation,
                               const Completion& completion) {
  uint32_t error = completion.wsa_error;
  if (completion.recalled) StopNativeReceives(operation->socket);
  if (operation->socket->datagrams) {
    NoteDatagramResult(operation->socket, error);
  }
  // A datagram of which this is the beginning; the rest is lost.
  const bool cut = error == WSAEMSGSIZE;
  if (error != 0 && !cut) {
    // What was received before counts; the error comes again.
    Complete(operation, operation->bytes > 0 ? 0 : error);
    BeginHeldReceives(operation->socket);
    return;
  }
  if (operation->overlapped != nullptr) operation->socket->has_received = true;
  ByteView data = completion.data;
  data.size = static_cast<size_t>(
      std::min<uint64_t>(data.size, operation->total - operation->bytes));
  StoreReceived(operation, data);
  operation->bytes += data.size;
  operation->result_flags |= completion.flags;
  operation->reply.peer = completion.peer;
  if (operation->message != nullptr && !KeepControl(operation, completion)) {
    operation->result_flags |= MSG_CTRUNC;
    error = WSAEMSGSIZE;
  }
  if (operation->wait_for_all && data.size > 0 &&
      operation->bytes < operation->total) {
    SubmitReceive(operation);
    return;
  }
  Complete(operation, error);
  BeginHeldReceives(operation->socket);
}

bool Provider::KeepControl(Operation* operation, const Completion& completion) {
  ByteBuffer* const items = &operation->reply_data;
  items->clear();
  if (!LayOutControl(completion.body, items)) items->clear();
  const size_t whole =
      WholeItems({items->data(), items->size()}, operation->control_room);
  const bool all = whole == items->size();
  items->resize(whole);
  return all;
}

void Provider::WriteMessage(Operation* operation) {
  LPWSAMSG const message = operation->message;
  const ByteBuffer& items = operation->reply_data;
  if (!items.empty()) {
    std::memcpy(message->Control.buf, items.data(), items.size());
  }
  message->Control.len = static_cast<u_long>(items.size());
  message->dwFlags = operation->result_flags;
}

void Provider::StoreReceived(Operation* operation, ByteView data) {
  if (operation->detached) {
    operation->set_aside.insert(operation->set_aside.end(), data.data,
                                data.data + data.size);
    return;
  }
  Scatter(operation->buffers, operation->bytes, data);
}

void Provider::Complete(Operation* operation, uint32_t error) {
  if (operation->done) return;
  const StubSocket* socket = operation->socket;
  // What was pending at the close was cancelled by it. A receive that has its
  // datagram, cut or not, had it before: only its result came later.
  const bool came = error == 0 || error == WSAEMSGSIZE;
  if (!came && socket != nullptr && socket->closed && !ended) {
    error = CancelledError(*operation);
  }
  operation->done = true;
  operation->error = error;
  EndNativeWait(operation);
  if (operation->kind == Operation::Kind::kReceive) LeaveReceives(operation);
  if (operation->closes_socket && error != 0) StayOpen(operation->socket);
  if (operation->closes_socket && error == 0) DropTargets(operation->socket);
  if (operation->registration != 0) SettleRegistration(operation);
  if (operation->enumerates_events && error == 0) SettleEnumeration(operation);
  if (operation->overlapped != nullptr) {
    WriteOverlapped(operation);
    if (operation->counted) CountOverlapped(-1);
    operation->counted = false;
    if (!operation->starting) indications_.PushBack(operation);
    if (watchers_ > 0) WakeWatchers(operation->overlapped);
  }
  if (operation->waiter != nullptr && operation->waiter != reader_) {
    operation->waiter->Wake();
  }
}

void Provider::WriteOverlapped(Operation* operation) {
  // As measured of AcceptEx and ConnectEx: a call that fails leaves "pending".
  const bool refused = operation->starting && operation->error != 0 && !ended;
  if (operation->steps != nullptr && refused) return;
  LPWSAOVERLAPPED overlapped = operation->overlapped;
  const Address& from = operation->reply.peer;
  if (operation->from != nullptr && from.family != Address::kNone) {
    WriteSocketAddress(from, operation->from, operation->from_length);
  }
  const bool came = operation->error == 0 || operation->error == WSAEMSGSIZE;
  if (operation->message != nullptr && came) WriteMessage(operation);
  overlapped->InternalHigh = operation->bytes;
  overlapped->Offset = operation->result_flags;
  overlapped->OffsetHigh = operation->error;
  // Last: whoever polls it may take all the rest, and the memory, afterwards.
  reinterpret_cast<std::atomic<ULONG_PTR>*>(&overlapped->Internal)
      ->store(operation->status != 0 ? operation->status
                                     : NtStatusFromWsaError(operation->error),
              std::memory_order_release);
}

// -------------------------------------------------------------------- ending

void Provider::Cancel(Operation* operation) {
  if (operation->done) return;
  bool gone = true;
  if (operation->kind == Operation::Kind::kSend) {
    operation->send_stopped = true;
    if (operation->job.handed_over < operation->job.total &&
        operation->error == 0) {
      operation->error = CancelledError(*operation);
    }
    gone = attachment_.CancelJob(&operation->socket->lane, &operation->job);
  } else if (operation->call != nullptr) {
    gone = attachment_.Cancel(operation->call);
  }
  if (!gone) return;
  Complete(operation, CancelledError(*operation));
  if (operation->kind == Operation::Kind::kReceive) {
    BeginHeldReceives(operation->socket);
  }
}

void Provider::TimeOutSend(Operation* operation) {
  // What the daemon has it ends by itself, about now.
  if (!operation->job.all_handed_over()) FailSend(operation, WSAETIMEDOUT);
}

void Provider::FailSend(Operation* operation, uint32_t error) {
  operation->send_stopped = true;
  if (operation->error == 0) operation->error = error;
  if (attachment_.CancelJob(&operation->socket->lane, &operation->job)) {
    Complete(operation, operation->error);
  }
}

void Provider::EndLookups(uint64_t lookup_id) {
  for (Operation* operation = operations_.front(); operation != nullptr;
       operation = operations_.Next(operation)) {
    if (operation->lookup_id == 0 || operation->done) continue;
    if (lookup_id != 0 && operation->lookup_id != lookup_id) continue;
    if (operation->call != nullptr) attachment_.Abandon(operation->call);
    operation->call = nullptr;
    // Its thread holds it.
    Complete(operation, WSAEINTR);
  }
}

void Provider::Abandon(Operation* operation) {
  EndNativeWait(operation);
  if (Waiter* waiter = std::exchange(operation->waiter, nullptr)) {
    baton_.EndWaiting(waiter);
    ReleaseWaiter(waiter);
  }
  if (operation->overlapped != nullptr) {
    // Nobody learns that it began; it goes on by itself.
    if (operation->starting) EndStarting(operation);
    LetGo(operation);
    WakeServiceIfDue();
    return;
  }
  // If the daemon closes it all the same, the next close finds that out.
  if (operation->closes_socket) {
    StayOpen(operation->socket);
    BeginHeldReceives(operation->socket);
  }
  if (operation->marker != nullptr) attachment_.Abandon(operation->marker);
  operation->marker = nullptr;
  if (!operation->done) {
    if (operation->kind == Operation::Kind::kSend) {
      attachment_.AbandonJob(&operation->socket->lane, &operation->job);
    } else if (operation->call != nullptr) {
      attachment_.Abandon(operation->call);
      operation->call = nullptr;
    }
    // What the result would have said is lost.
    if (operation->with_daemon) StopNativeReceives(operation->socket);
    operation->done = true;
    if (operation->kind == Operation::Kind::kReceive) {
      LeaveReceives(operation);
      BeginHeldReceives(operation->socket);
    }
  }
  if (operation->accepted_socket != 0) DropAccepted(operation->accepted_socket);
  LetGo(operation);
  WakeServiceIfDue();
}

void Provider::Detach(Operation* operation) {
  if (operation->overlapped != nullptr || operation->done) return;
  operation->detached = true;
  if (operation->kind != Operation::Kind::kSend) return;
  operation->job.paused = true;
  attachment_.UpdateLane(&operation->socket->lane);
  attachment_.CopyOutstanding(&operation->job);
}

void Provider::Reattach(Operation* operation) {
  if (!operation->detached) return;
  operation->detached = false;
  if (operation->kind == Operation::Kind::kSend) {
    operation->job.paused = false;
    attachment_.UpdateLane(&operation->socket->lane);
    return;
  }
  ByteBuffer& data = operation->set_aside;
  Scatter(operation->buffers, operation->bytes - data.size(),
          {data.data(), data.size()});
  data.clear();
}

// --------------------------------------------------------------------- work

void Provider::Work(Operation* operation) {
  operation->working = true;
  g_library.mutex.Unlock();
  operation->steps->Work();
  g_library.mutex.Lock();
  operation->working = false;
  if (!operation->done) {
    operation->steps->OnWorked(operation);
    if (operation->overlapped != nullptr) NoteWork(operation);
    Flush();
  }
  FreeIfUnused(operation);
}

void Provider::NoteWork(Operation* operation) {
  if (!HasWork(*operation)) return;
  if (operation->overlapped == nullptr) {
    if (operation->waiter != nullptr && operation->waiter != reader_) {
      operation->waiter->Wake();
    }
    return;
  }
  if (!static_cast<ListNode<InWork>*>(operation)->linked()) {
    work_.PushBack(operation);
  }
  if (service_.running()) service_.waiter()->Wake();
}

bool Provider::WorkForOverlapped() {
  while (Operation* operation = work_.PopFront()) {
    if (!HasWork(*operation)) continue;
    Work(operation);
    return true;
  }
  return false;
}

// ---------------------------------------------------------------- watching

const Operation* Provider::FindPending(LPWSAOVERLAPPED overlapped) const {
  for (Operation* operation = operations_.front(); operation != nullptr;
       operation = operations_.Next(operation)) {
    if (operation->overlapped == overlapped && !operation->done) {
      return operation;
    }
  }
  return nullptr;
}

Operation* Provider::Watch(LPWSAOVERLAPPED overlapped) {
  Operation* watch = NewOperation(Operation::Kind::kWatch, nullptr);
  watch->watched = overlapped;
  ++watchers_;
  return watch;
}

void Provider::WakeWatchers(LPWSAOVERLAPPED overlapped) {
  for (Operation* operation = operations_.front(); operation != nullptr;
       operation = operations_.Next(operation)) {
    if (operation->watched == overlapped) Complete(operation, 0);
  }
}

}  // namespace wsp
