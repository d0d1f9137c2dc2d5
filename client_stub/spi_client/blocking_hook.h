#ifndef WSPD_CLIENT_STUB_SPI_CLIENT_BLOCKING_HOOK_H_
#define WSPD_CLIENT_STUB_SPI_CLIENT_BLOCKING_HOOK_H_

#include <winsock2.h>
#include <ws2spi.h>

namespace wspd::spi_client {

// What WPUQueryBlockingCallback answers in a thread: null means that the
// provider blocks by itself.
struct BlockingHook {
  LPBLOCKINGCALLBACK callback = nullptr;
  DWORD_PTR context = 0;
};

// The calling thread's hook; every thread begins without.
void SetBlockingHook(const BlockingHook& hook);
BlockingHook CurrentBlockingHook();

}  // namespace wspd::spi_client

#endif  // WSPD_CLIENT_STUB_SPI_CLIENT_BLOCKING_HOOK_H_
