#ifndef WSPD_CLIENT_STUB_SPI_SPI_CALL_H_
#define WSPD_CLIENT_STUB_SPI_SPI_CALL_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <cstdint>
#include <cstring>

#include "client_stub/spi/library.h"
#include "client_stub/spi/provider.h"
#include "client_stub/spi/spi_functions.h"
#include "client_stub/spi/thread_shield.h"

namespace wsp {

// A daemon's reply, in the caller's own memory.
struct Reply : Completion {
  static constexpr size_t kMostData = 512;
  uint8_t bytes[kMostData];
  // If not null: where data of any length goes instead.
  ByteBuffer* whole = nullptr;
};

// One call of the SPI, from entry to exit: its checks, its thread's protection,
// and its waiting. Lives on the stack of the thread that made the call.
//
// No destructor runs in a thread that is cancelled or exits in the middle of a
// wait; cleanup handlers do the leaving then.
class SpiCall {
 public:
  enum class WaitEnd {
    kDone,
    kTimedOut,
    // The operation is gone, perhaps the provider too: touch nothing, the call
    // ends with WSAEINTR.
    kGone,
  };

  // Enters: the startup, the hook and the socket are checked, in this order,
  // then whether the function is there at all. `s` is ignored if the function
  // is on no socket. `error` may be null.
  SpiCall(SpiFunction function, SOCKET s, LPINT error);
  // For WSPStartup and WSPCleanup, which enter by themselves.
  explicit SpiCall(LPINT error);
  ~SpiCall();

  SpiCall(const SpiCall&) = delete;
  SpiCall& operator=(const SpiCall&) = delete;

  // If not, the error is stored already.
  bool ok() const { return ok_; }
  // Stores the code and returns SOCKET_ERROR; for 0 stores nothing and returns
  // 0.
  int Result(uint32_t error);

  const ThreadShield& shield() const { return shield_; }
  Provider* provider() const { return provider_; }
  StubSocket* socket() const { return socket_; }
  // As they were when the call began.
  const WSPUPCALLTABLE& upcalls() const { return *upcalls_; }
  DWORD catalog_entry_id() const { return catalog_entry_id_; }
  bool nonblocking() const { return nonblocking_; }
  // Whether others may change the socket; see StubSocket::shared.
  bool shared() const { return shared_; }
  // Whether the daemon may take the call for one that waits.
  bool may_block() const { return !nonblocking_ || shared_; }
  bool lost() const { return lost_; }
  // Whether sockets' handles are the system's own.
  bool kernel_handles() const { return kernel_handles_; }
  // The daemon's name for the socket of a handle, which may be closed by now;
  // false if there is none. May be an upcall.
  bool QueryHandle(SOCKET s, uint64_t* id) WSP_EXCLUDES(g_library.mutex);

  // Whether a call that would block calls a hook meanwhile. To be asked for
  // before the operation begins; an upcall.
  void QueryHook();
  bool has_hook() const { return hook_ != nullptr; }

  // Makes one call to the daemon and waits for its reply. `append` gets the
  // Call and writes the request. Returns the daemon's code, or one of ours.
  template <typename Append>
  uint32_t Invoke(CallHeader header, Append append, Reply* reply)
      WSP_EXCLUDES(g_library.mutex) {
    MutexLock lock(&g_library.mutex);
    if (const uint32_t error = Reach()) return error;
    Operation* operation =
        provider_->NewOperation(Operation::Kind::kControl, socket_);
    if (const uint32_t error = PrepareToWait(operation)) return error;
    Call* call = provider_->NewCall(operation, header);
    append(call);
    provider_->attachment().Submit(call);
    return FinishControl(operation, INT64_MAX, reply);
  }

  // 0 if the daemon can be talked to, else WSAENETDOWN.
  uint32_t Reach() WSP_REQUIRES(g_library.mutex);

  // To be called before the operation begins, so that no begun one is left
  // without something to wait with. 0, or WSAENOBUFS: then it is gone.
  uint32_t PrepareToWait(Operation* operation) WSP_REQUIRES(g_library.mutex);
  // Waits until the operation is done, or for an overlapped one pending, or
  // until `deadline` in NowMs(); after that it may be waited for again. Unlocks
  // meanwhile.
  WaitEnd Await(Operation* operation, int64_t deadline)
      WSP_REQUIRES(g_library.mutex);
  // Waits for a kControl, copies its reply, and lets it go. WSAETIMEDOUT when
  // `deadline` passes.
  uint32_t FinishControl(Operation* operation, int64_t deadline, Reply* reply)
      WSP_REQUIRES(g_library.mutex);

  // The call is refused here, and enables these network events again if it is
  // on a socket that is registered for any (reference, section 4.5).
  void ReenableEvents(uint32_t events) WSP_EXCLUDES(g_library.mutex);

  // Runs application code in the middle of a call, without the lock and with
  // signals and cancellation as the caller had them. `run(argument)`. If the
  // thread vanishes in it, the offer of an accept, if not 0, is deferred.
  struct Callback {
    void (*run)(void* argument);
    void* argument;
    uint64_t offer_id;
    uint64_t offered_socket;
  };
  void RunCallback(const Callback& callback) WSP_EXCLUDES(g_library.mutex);

  // Whether the provider of this call is still there.
  bool StillThere() const WSP_REQUIRES(g_library.mutex) {
    return g_library.generation == generation_;
  }

  // ---- for startup and cleanup

  // Takes part in the provider that there is.
  void Enter() WSP_REQUIRES(g_library.mutex);
  // Leaves it, once. Afterwards the provider isn't touched any more.
  void Leave() WSP_REQUIRES(g_library.mutex);
  // Waits until no other startup or cleanup is under way. False if waiting
  // would be for ever: in application code that such a one waits for. For a
  // call of the name space also as soon as that is cleaned up.
  enum class Lifecycle { kOfAny, kOfNameSpace };
  bool TakeLifecycle(Lifecycle lifecycle = Lifecycle::kOfAny)
      WSP_REQUIRES(g_library.mutex);
  void PassLifecycle() WSP_REQUIRES(g_library.mutex);

 private:
  struct WaitFrame {
    SpiCall* call;
    Operation* operation;
    int timeout_ms;
    unsigned seen;
  };
  struct CallbackFrame {
    SpiCall* call;
    const Callback* callback;
  };
  struct HookRun {
    LPBLOCKINGCALLBACK callback;
    DWORD_PTR context;
    BOOL again;
  };

  static void VanishInWait(void* frame);
  static void VanishInHandler(void* frame);
  static void VanishInCallback(void* callback_frame);
  // Waits, and if the thread is cancelled in that, VanishInWait sees it off.
  static void WaitCancellably(WaitFrame* frame);

  SignalMask SignalsToWatch() const;
  uint32_t Check(SpiFunction function, SOCKET s) WSP_EXCLUDES(g_library.mutex);
  uint32_t FindSocket(SpiFunction function, SOCKET s)
      WSP_EXCLUDES(g_library.mutex);
  // False if the operation is gone.
  bool Expose(WaitFrame* frame) WSP_REQUIRES(g_library.mutex);
  bool RunHook(Operation* operation, bool* declined)
      WSP_REQUIRES(g_library.mutex);
  // Counts this thread among those that may run application code for long.
  void BeginExposure() WSP_REQUIRES(g_library.mutex);
  void EndExposure() WSP_REQUIRES(g_library.mutex);
  // Leaves, in a thread that doesn't come back.
  void Vanish() WSP_REQUIRES(g_library.mutex);
  void LeaveWatched() WSP_EXCLUDES(g_library.mutex);

  ThreadShield shield_;
  LPINT error_;
  int no_error_ = 0;
  bool ok_ = false;
  bool entered_ = false;
  bool has_lifecycle_ = false;
  uint64_t generation_ = 0;
  Provider* provider_ = nullptr;
  StubSocket* socket_ = nullptr;
  const WSPUPCALLTABLE* upcalls_ = nullptr;
  DWORD catalog_entry_id_ = 0;
  bool kernel_handles_ = false;
  bool nonblocking_ = false;
  bool shared_ = false;
  bool lost_ = false;
  LPBLOCKINGCALLBACK hook_ = nullptr;
  DWORD_PTR hook_context_ = 0;
  // While this call waits: that of the call that it was made from the middle
  // of.
  Operation* outer_blocking_ = nullptr;
  // What waits while a hook runs.
  Operation* hooked_ = nullptr;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_SPI_CALL_H_
