#include "client_stub/preload/credentials.h"

#include <atomic>

#include "client_stub/preload/process.h"

namespace wsp {
namespace {

std::atomic<uint32_t> g_changes{0};

}  // namespace

uint32_t CredentialsChanges() { return g_changes.load(); }

void CountCredentialsChange() {
  if (InOwnProcess()) g_changes.fetch_add(1);
}

}  // namespace wsp
