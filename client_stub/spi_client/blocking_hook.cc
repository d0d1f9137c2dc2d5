#include "client_stub/spi_client/blocking_hook.h"

namespace wspd::spi_client {
namespace {

thread_local BlockingHook current_hook;

}  // namespace

void SetBlockingHook(const BlockingHook& hook) { current_hook = hook; }

BlockingHook CurrentBlockingHook() { return current_hook; }

}  // namespace wspd::spi_client
