#ifndef WSPD_CLIENT_STUB_SPI_EXTENSION_CALL_H_
#define WSPD_CLIENT_STUB_SPI_EXTENSION_CALL_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <cstdint>

#include "client_stub/spi/overlapped.h"
#include "client_stub/spi/spi_call.h"

namespace wsp {

// One call of an extension function (reference, section 4.9): as a SpiCall, but
// the error goes to the calling thread's WSASetLastError.
class ExtensionCall {
 public:
  explicit ExtensionCall(SOCKET s);

  ExtensionCall(const ExtensionCall&) = delete;
  ExtensionCall& operator=(const ExtensionCall&) = delete;

  // If not, all that is left is Return(SOCKET_ERROR).
  bool ok() const { return call_.ok(); }
  SpiCall& call() { return call_; }
  // Who opens the ids of threads that completion routines are queued with,
  // which the caller of an extension function doesn't give.
  uint32_t OpenThread(Indication* indication);

  // What the function returns: `result` is what SpiCall::Result() gave.
  int Return(int result);
  BOOL ReturnBool(int result) { return Return(result) == 0 ? TRUE : FALSE; }
  // The same of a code, 0 for success.
  BOOL Finish(uint32_t error) { return ReturnBool(call_.Result(error)); }

 private:
  // Closes the id if no operation has taken it over.
  struct OpenedThread {
    explicit OpenedThread(const SpiCall& its_call) : call(its_call) {}
    ~OpenedThread();

    const SpiCall& call;
    WSATHREADID id = {};
    bool is_open = false;
    bool passed_on = false;
  };

  int error_ = 0;
  SpiCall call_;
  OpenedThread thread_;
};

// Looks for the SPI client's WSASetLastError. To be called before an extension
// function is handed out; any thread.
void FindLastError();
// Calls it, on behalf of an extension function.
void ReportLastError(int error);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_EXTENSION_CALL_H_
