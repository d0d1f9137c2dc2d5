#include "client_stub/spi/startup_cleanup.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "client_stub/spi/apc.h"
#include "client_stub/spi/event_objects.h"
#include "client_stub/spi/handles.h"
#include "client_stub/spi/provider.h"
#include "client_stub/spi/spi_call.h"
#include "client_stub/spi/version.h"

namespace wsp {
namespace {

// The only version of the interface that is spoken here.
constexpr WORD kSpiVersion = MAKEWORD(2, 2);
// What a thread may take that runs a signal handler in the middle of a wait;
// after that it has jumped out and is not coming back.
constexpr int64_t kExposedMs = 250;
// What may pass between the beginning of a startup or cleanup and that of the
// connection that it makes.
constexpr int64_t kAttachSlackMs = 500;
// gRPC's RESOURCE_EXHAUSTED: the daemon's limit of clients or attachments.
constexpr int kGrpcResourceExhausted = 8;
// How often a startup begins that another attachment's final cleanup overtakes.
constexpr int kStartupAttempts = 3;

// ------------------------------------------------------------- taking down

// Waits until all other threads have left the provider. Calls of this thread
// that this cleanup was made from are under way, and will touch nothing more.
void AwaitOthers(Provider* provider) WSP_REQUIRES(g_library.mutex) {
  int64_t deadline = INT64_MAX;
  while (provider->inside > t_thread.inside ||
         provider->exposed > t_thread.exposed) {
    if (provider->inside > t_thread.inside) {
      deadline = INT64_MAX;
      g_library.changed.Wait(&g_library.mutex);
      continue;
    }
    const int64_t now = NowMs();
    if (deadline == INT64_MAX) deadline = now + kExposedMs;
    if (now >= deadline) break;
    g_library.changed.WaitFor(&g_library.mutex, deadline - now);
  }
  // They said that they leave; have they?
  const std::vector<LeavingThread> leavers = std::move(provider->leavers);
  g_library.mutex.Unlock();
  for (const LeavingThread& leaver : leavers) leaver.AwaitOutside();
  g_library.mutex.Lock();
}

void ReleaseHandles(Provider* provider) WSP_REQUIRES(g_library.mutex) {
  const std::vector<SocketHandle> handles = provider->TakeHandles();
  const WSPUPCALLTABLE upcalls = provider->upcalls();
  g_library.mutex.Unlock();
  for (const SocketHandle& handle : handles) CloseHandle(upcalls, handle);
  g_library.mutex.Lock();
}

}  // namespace

void TakeDown() {
  Provider* provider = g_library.provider;
  if (!provider->ended) provider->EndRegistration();
  provider->ending = true;
  g_library.tearing_down = true;
  g_library.changed.SignalAll();
  provider->Indicate();
  AwaitOthers(provider);
  provider->service().Stop();
  provider->HangUp();
  ReleaseHandles(provider);
  PinForQueuedApcs();
  g_library.provider = nullptr;
  ++g_library.generation;
  g_library.tearing_down = false;
  delete provider;
  if (g_library.name_space == nullptr) LowerForkGuard();
}

namespace {

// ----------------------------------------------------------------- startup

enum class Attach { kReady, kUnreachable };

// Has the attachment ready by `deadline`.
Attach AwaitAttachment(SpiCall* call, int64_t deadline)
    WSP_REQUIRES(g_library.mutex) {
  Provider* provider = call->provider();
  if (provider->EnsureConnected() != 0) return Attach::kUnreachable;
  if (provider->attached()) return Attach::kReady;
  Operation* operation =
      provider->NewOperation(Operation::Kind::kAttach, nullptr);
  if (call->PrepareToWait(operation) != 0) return Attach::kUnreachable;
  // A connection that was made for this has its own time, which began a moment
  // later. It comes first, so that the connection is given up and the next call
  // makes another, instead of failing with this one.
  const uint32_t error =
      call->FinishControl(operation, deadline + kAttachSlackMs, nullptr);
  return error == 0 ? Attach::kReady : Attach::kUnreachable;
}

// Error codes of startups that didn't reach the daemon.
uint32_t UnreachableAtStartup(const Provider& provider) {
  return provider.refusal() == kGrpcResourceExhausted ? WSAEPROCLIM
                                                      : WSASYSNOTREADY;
}

// One cleanup of the daemon's count.
uint32_t TakeOneOff(SpiCall* call, int64_t deadline, Reply* reply)
    WSP_REQUIRES(g_library.mutex) {
  Provider* provider = call->provider();
  Operation* operation =
      provider->NewOperation(Operation::Kind::kControl, nullptr);
  if (const uint32_t error = call->PrepareToWait(operation)) return error;
  operation->counts_down = true;
  Call* request = provider->NewCall(operation, CallHeader());
  AppendCleanup(&request->bytes);
  provider->attachment().Submit(request);
  return call->FinishControl(operation, deadline, reply);
}

uint32_t TryRegister(SpiCall* call, WORD version, DWORD catalog_entry_id,
                     int64_t deadline, Reply* reply)
    WSP_REQUIRES(g_library.mutex) {
  Provider* provider = call->provider();
  if (AwaitAttachment(call, deadline) != Attach::kReady) {
    return UnreachableAtStartup(*provider);
  }
  // What the process had with a daemon that is gone counts again, unless
  // another attachment has seen to it.
  const uint64_t owed = provider->lost && provider->startups_at_attach() == 0
                            ? provider->startups
                            : 0;
  Operation* operation =
      provider->NewOperation(Operation::Kind::kControl, nullptr);
  if (const uint32_t error = call->PrepareToWait(operation)) return error;
  operation->counts_up = true;
  Call* request = provider->NewCall(operation, CallHeader());
  AppendStartup(&request->bytes, version, owed, catalog_entry_id);
  provider->attachment().Submit(request);
  const uint32_t error = call->FinishControl(operation, deadline, reply);
  if (error == WSAETIMEDOUT || error == WSAENETDOWN) return WSASYSNOTREADY;
  if (provider->ended) {
    // Not if that, too, ended before this thread heard of it.
    const bool counts = error == 0 && provider->startup_counts();
    if (!provider->Revive()) {
      // It counts on a provider that can't be used.
      if (counts) TakeOneOff(call, deadline, reply);
      return WSAEINTR;
    }
    if (error == 0 && !counts) return WSAEINTR;
  }
  if (error != 0) return error;
  if (provider->lost) provider->owed_cleanups = 0;
  provider->lost = false;
  provider->SetStartups(reply->startups, provider->startups + 1);
  return 0;
}

uint32_t Register(SpiCall* call, WORD version, DWORD catalog_entry_id,
                  Reply* reply) WSP_REQUIRES(g_library.mutex) {
  Provider* provider = call->provider();
  const int64_t deadline = NowMs() + Provider::kAnswerMs;
  const uint32_t error =
      TryRegister(call, version, catalog_entry_id, deadline, reply);
  if (error == 0 || !call->StillThere() || !provider->lost) return error;
  // This may be what showed that the old registration is gone, and its stream
  // with it.
  provider->Disconnect();
  return TryRegister(call, version, catalog_entry_id, deadline, reply);
}

// Nothing else goes on in the provider's lifecycle meanwhile. Without the
// connection bytes travel in the stream.
void ConnectForDescriptors(SpiCall* call) WSP_REQUIRES(g_library.mutex) {
  Provider* provider = call->provider();
  const ByteView token = provider->attachment().token();
  const ByteBuffer own_token(token.data, token.data + token.size);
  g_library.mutex.Unlock();
  const ByteView named = {own_token.data(), own_token.size()};
  const int connection = DescriptorConnection::Open(
      ProviderSocketPath(), named, static_cast<int>(Provider::kAnswerMs));
  g_library.mutex.Lock();
  if (connection < 0) return;
  if (!call->StillThere()) return CloseUnixSocket(connection);
  provider->UseDescriptors(connection, named);
}

void Describe(const Reply& reply, WORD negotiated, LPWSPDATA data) {
  std::memset(data, 0, sizeof *data);
  data->wVersion = negotiated;
  data->wHighVersion = kSpiVersion;
  const size_t size = std::min<size_t>(reply.data.size, WSPDESCRIPTION_LEN);
  for (size_t i = 0; i < size; ++i) data->szDescription[i] = reply.bytes[i];
}

}  // namespace

bool EnsureProvider() {
  if (g_library.provider != nullptr && g_library.provider->ended) TakeDown();
  if (g_library.provider != nullptr) return true;
  std::unique_ptr<Provider> provider = Provider::Create();
  if (provider == nullptr || !RaiseForkGuard()) return false;
  g_library.provider = provider.release();
  return true;
}

uint32_t StartUp(WORD version, DWORD catalog_entry_id,
                 const WSPUPCALLTABLE& upcalls, LPWSPDATA data) {
  const WORD negotiated = NegotiateVersion(version, kSpiVersion, kSpiVersion);
  if (negotiated == 0) return WSAVERNOTSUPPORTED;
  SpiCall call(nullptr);
  if (call.shield().process() == ProcessKind::kVforked) return WSASYSNOTREADY;
  if (t_thread.upcalls > 0) return WSAEINPROGRESS;
  FindEventFunctions();
  Reply reply;
  {
    MutexLock lock(&g_library.mutex);
    if (!call.TakeLifecycle()) return WSAEINPROGRESS;
    uint32_t error = 0;
    for (int attempt = 0; attempt < kStartupAttempts; ++attempt) {
      call.Leave();
      if (!EnsureProvider()) return WSAENOBUFS;
      call.Enter();
      error = Register(&call, version, catalog_entry_id, &reply);
      if (!call.StillThere()) return WSASYSNOTREADY;
      // Else another attachment's final cleanup overtook it.
      if (error != WSAEINTR) break;
      error = WSASYSNOTREADY;
    }
    Provider* provider = call.provider();
    if (error != 0) {
      // Nothing is counted, and what was only made for this goes again.
      if (provider->startups == 0 && g_library.name_space == nullptr &&
          t_thread.inside == 1 && t_thread.exposed == 0) {
        TakeDown();
      }
      return error;
    }
    provider->SetUpcalls(upcalls);
    provider->catalog_entry_id = catalog_entry_id;
    if (provider->NeedsDescriptors()) ConnectForDescriptors(&call);
  }
  Describe(reply, negotiated, data);
  return 0;
}

// ----------------------------------------------------------------- cleanup

namespace {

enum class Deregistration {
  // The daemon took one off.
  kDone,
  kUnreachable,
  // The daemon answers, and doesn't know of this registration.
  kUnmanaged,
  // Another attachment of this process has just cleaned up for good.
  kEndedBefore,
};

// Makes up for cleanups that the daemon didn't hear of: the application has
// done as many as it should. Stops where its count would go below ours, which
// was `count` before this cleanup: some may have arrived after all.
void SendOwedCleanups(SpiCall* call, int64_t deadline, uint64_t count,
                      Reply* reply) WSP_REQUIRES(g_library.mutex) {
  Provider* provider = call->provider();
  while (provider->owed_cleanups > 0 && reply->startups >= count &&
         !provider->ended) {
    if (TakeOneOff(call, deadline, reply) != 0) return;
    --provider->owed_cleanups;
  }
  provider->owed_cleanups = 0;
}

Deregistration Deregister(SpiCall* call) WSP_REQUIRES(g_library.mutex) {
  Provider* provider = call->provider();
  const int64_t deadline = NowMs() + Provider::kAnswerMs;
  provider->CatchUp();
  if (AwaitAttachment(call, deadline) != Attach::kReady) {
    return Deregistration::kUnreachable;
  }
  if (provider->ended) return Deregistration::kEndedBefore;
  if (provider->lost) return Deregistration::kUnmanaged;
  const uint64_t count = provider->startups;
  Reply reply;
  const uint32_t error = TakeOneOff(call, deadline, &reply);
  if (error == 0) {
    SendOwedCleanups(call, deadline, count, &reply);
    provider->SetStartups(provider->ended ? 0 : reply.startups, count - 1);
    return Deregistration::kDone;
  }
  if (provider->ended) return Deregistration::kEndedBefore;
  if (provider->lost || error == WSANOTINITIALISED) {
    return Deregistration::kUnmanaged;
  }
  return Deregistration::kUnreachable;
}

uint32_t CleanUp(SpiCall* call) WSP_REQUIRES(g_library.mutex) {
  if (!call->TakeLifecycle()) {
    return g_library.tearing_down ? WSANOTINITIALISED : WSAEINPROGRESS;
  }
  Provider* provider = g_library.provider;
  if (provider == nullptr) return WSANOTINITIALISED;
  if (provider->ended || provider->startups == 0) {
    // Ended by another attachment of this process: there is nothing to clean
    // up, but a lot to take down. One that was never started up is there for
    // the name space.
    if (provider->ended || g_library.name_space == nullptr) TakeDown();
    return WSANOTINITIALISED;
  }
  call->Enter();
  provider->ending = provider->startups == 1;
  const Deregistration outcome = Deregister(call);
  if (!call->StillThere()) return WSANOTINITIALISED;
  if (outcome != Deregistration::kDone && provider->startups > 0) {
    --provider->startups;
    if (outcome == Deregistration::kUnreachable) ++provider->owed_cleanups;
  }
  const bool last = provider->ended || provider->startups == 0;
  if (last) {
    TakeDown();
  } else {
    provider->ending = false;
    provider->leavers.clear();
  }
  switch (outcome) {
    case Deregistration::kDone:
      return 0;
    case Deregistration::kUnmanaged:
      return last ? WSAEINVAL : WSAENETDOWN;
    case Deregistration::kEndedBefore:
      return WSANOTINITIALISED;
    default:
      return WSAENETDOWN;
  }
}

}  // namespace

int WSPAPI SpiCleanup(LPINT error) {
  SpiCall call(error);
  if (call.shield().process() == ProcessKind::kVforked) {
    return call.Result(WSAENETDOWN);
  }
  if (t_thread.upcalls > 0) return call.Result(WSAEINPROGRESS);
  uint32_t result;
  {
    MutexLock lock(&g_library.mutex);
    result = CleanUp(&call);
  }
  return call.Result(result);
}

}  // namespace wsp
