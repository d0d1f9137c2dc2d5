#include "tests/stress/caller.h"

#include <chrono>

#include "client_stub/spi_client/blocking_hook.h"

namespace wspd::testing {
namespace {

constexpr int kHookTurns = 5;
constexpr std::chrono::milliseconds kHookTurn(1);

}  // namespace

void Caller::Begin(bool with_hook, SOCKET s, ConnectionRecord* record) {
  if (with_hook) {
    hook_turns_ = kHookTurns;
    spi_client::SetBlockingHook({Hook, reinterpret_cast<DWORD_PTR>(this)});
  }
  std::lock_guard<std::mutex> lock(mutex_);
  has_hook_ = with_hook;
  cancel_ = false;
  closed_ = false;
  socket_ = s;
  record_ = record;
}

bool Caller::End() {
  spi_client::SetBlockingHook({});
  std::lock_guard<std::mutex> lock(mutex_);
  has_hook_ = false;
  record_ = nullptr;
  return closed_;
}

bool Caller::Cancel() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (!has_hook_) return false;
  cancel_ = true;
  cancelled_.notify_all();
  return true;
}

// Under the mutex, so that the thread whose call this ends finds it done.
bool Caller::Close() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (record_ == nullptr || closed_) return false;
  record_->client_end = ClientEnd::kClosing;
  const WsaCode code = spi_->Close(socket_);
  if (!code.ok()) {
    // A final cleanup may be faster.
    if (code != WsaCode{WSAENOTSOCK} && code != WsaCode{WSANOTINITIALISED} &&
        code != WsaCode{WSAEINTR}) {
      ledger_->Fault(0, "WSPCloseSocket by another: " + ToString(code));
    }
    return false;
  }
  closed_ = true;
  ledger_->Add(Count::kClosedByOthers);
  return true;
}

BOOL CALLBACK Caller::Hook(DWORD_PTR context) {
  return reinterpret_cast<Caller*>(context)->RunHook();
}

// As long as it returns true it is called again, then the provider blocks by
// itself.
bool Caller::RunHook() {
  {
    std::unique_lock<std::mutex> lock(mutex_);
    cancelled_.wait_for(lock, kHookTurn, [this] { return cancel_ || closed_; });
    if (closed_ || !cancel_) return !closed_ && --hook_turns_ > 0;
    cancel_ = false;
    has_hook_ = false;
  }
  spi_->CancelBlocking();
  ledger_->Add(Count::kCancelled);
  return false;
}

}  // namespace wspd::testing
