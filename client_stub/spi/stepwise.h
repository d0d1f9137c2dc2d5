#ifndef WSPD_CLIENT_STUB_SPI_STEPWISE_H_
#define WSPD_CLIENT_STUB_SPI_STEPWISE_H_

#include <winsock2.h>

#include <cstdint>
#include <memory>

#include "client_stub/spi/overlapped.h"
#include "client_stub/spi/spi_call.h"

namespace wsp {

// The extension functions' operations: overlapped if the caller and the socket
// want that, else the call waits as long as it takes, whatever the socket's
// mode.

// What was given as the OVERLAPPED; null also on a socket that isn't for such.
// There is no routine.
Indication IndicationFor(const SpiCall& call, LPOVERLAPPED overlapped);

// The OVERLAPPED says that the operation is under way, as it does also if the
// call then fails for its arguments (reference, section 4.3).
void MarkPending(const Indication& indication);

// Does what has to come before the lock is taken: upcalls.
void PrepareSteps(SpiCall* call, const Indication& indication);

// Makes the operation that `steps` are the steps of, a kControl as yet. Returns
// 0, or why not. The caller begins the first step, and EndSteps() follows.
uint32_t BeginSteps(SpiCall* call, const Indication& indication,
                    std::unique_ptr<OperationSteps> steps,
                    Operation** operation) WSP_REQUIRES(g_library.mutex);

// Waits until the operation is done, or under way if it is overlapped, and
// returns what the function says: 0 with the bytes stored, WSA_IO_PENDING, or
// an error. `bytes` may be null.
uint32_t EndSteps(SpiCall* call, Operation* operation, LPDWORD bytes)
    WSP_REQUIRES(g_library.mutex);

// The header of a step's call, which the daemon takes for one that waits.
CallHeader StepHeader(const Operation& operation);

// What DisconnectEx, perhaps as the last step of another function, has done.
void NoteDisconnect(Operation* operation, bool reuse)
    WSP_REQUIRES(g_library.mutex);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_STEPWISE_H_
