#ifndef WSPD_CLIENT_STUB_SPI_NAME_SPACE_CALL_H_
#define WSPD_CLIENT_STUB_SPI_NAME_SPACE_CALL_H_

#include <cstdint>

#include "client_stub/spi/name_space.h"
#include "client_stub/spi/spi_call.h"

namespace wsp {

// One call of the name-space provider, from entry to exit. Its thread counts as
// inside the library, so that the last NSPCleanup waits for it; once it takes
// part in the provider, the cleanups wait for it as for calls of the SPI.
class NameSpaceCall {
 public:
  // Enters, if the name space was started up.
  NameSpaceCall();
  ~NameSpaceCall();

  NameSpaceCall(const NameSpaceCall&) = delete;
  NameSpaceCall& operator=(const NameSpaceCall&) = delete;

  // 0, or why it can't go on.
  uint32_t error() const { return error_; }
  SpiCall* spi() { return &call_; }

  // Takes part in the provider, and makes one if there is none. Unlocks where
  // that has to wait. 0, or an error.
  uint32_t JoinProvider() WSP_REQUIRES(g_library.mutex);
  // The same if there is one and nobody is taking it down. False if not.
  bool JoinPresentProvider() WSP_REQUIRES(g_library.mutex);

  // The result of the function: tells the SPI client the code, and returns
  // SOCKET_ERROR; 0 for 0.
  int Return(uint32_t error) WSP_EXCLUDES(g_library.mutex);

 private:
  void Join() WSP_REQUIRES(g_library.mutex);

  SpiCall call_;
  uint32_t error_ = 0;
  // In g_library.name_space_inside.
  bool counted_ = false;
  SetLastErrorFunction set_last_error_ = nullptr;
};

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_NAME_SPACE_CALL_H_
