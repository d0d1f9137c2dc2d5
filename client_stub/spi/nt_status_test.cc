#include "client_stub/spi/nt_status.h"

#include <gtest/gtest.h>
#include <winsock2.h>

#include <cstdint>

namespace wsp {
namespace {

// Every row of the reference, section 5.3, with the numbers of ntstatus.h.
// Those marked are what an operation that fails with the code writes.
struct Row {
  uint32_t status;
  uint32_t wsa_error;
  bool written = false;
};
constexpr Row kRows[] = {
    {0x00000000, 0, true},                      // SUCCESS
    {0x00000103, WSA_IO_INCOMPLETE, true},      // PENDING
    {0x80000005, WSAEMSGSIZE, true},            // BUFFER_OVERFLOW
    {0xC0000005, WSAEFAULT, true},              // ACCESS_VIOLATION
    {0xC0000023, WSAEFAULT},                    // BUFFER_TOO_SMALL
    {0xC00002C5, WSAEFAULT},                    // DATATYPE_MISALIGNMENT_ERROR
    {0xC0000008, WSAENOTSOCK, true},            // INVALID_HANDLE
    {0xC0000024, WSAENOTSOCK},                  // OBJECT_TYPE_MISMATCH
    {0xC0000022, WSAEACCES, true},              // ACCESS_DENIED
    {0xC0000043, WSAEADDRINUSE},                // SHARING_VIOLATION
    {0xC000020A, WSAEADDRINUSE, true},          // ADDRESS_ALREADY_EXISTS
    {0xC00000A3, WSAEWOULDBLOCK, true},         // DEVICE_NOT_READY
    {0xC00000D0, WSAEWOULDBLOCK},               // REQUEST_NOT_ACCEPTED
    {0xC00000B0, WSAESHUTDOWN, true},           // PIPE_DISCONNECTED
    {0xC00000B5, WSAETIMEDOUT, true},           // IO_TIMEOUT
    {0xC000013F, WSAETIMEDOUT},                 // LINK_TIMEOUT
    {0xC00000BB, WSAEOPNOTSUPP, true},          // NOT_SUPPORTED
    {0xC0000002, WSAEOPNOTSUPP},                // NOT_IMPLEMENTED
    {0xC0000120, WSA_OPERATION_ABORTED, true},  // CANCELLED
    {0xC000013B, WSAECONNABORTED},              // LOCAL_DISCONNECT
    {0xC0000241, WSAECONNABORTED, true},        // CONNECTION_ABORTED
    {0xC000020F, WSAECONNABORTED},              // TRANSACTION_ABORTED
    {0xC000013C, WSAECONNRESET},                // REMOTE_DISCONNECT
    {0xC000020D, WSAECONNRESET, true},          // CONNECTION_RESET
    {0xC000020C, WSAECONNRESET},                // CONNECTION_DISCONNECTED
    {0xC000013E, WSAECONNRESET},                // LINK_FAILED
    {0xC000023F, WSAECONNRESET},                // PORT_UNREACHABLE
    {0xC0000140, WSAENOTCONN, true},            // INVALID_CONNECTION
    {0xC0000141, WSAEADDRNOTAVAIL, true},       // INVALID_ADDRESS
    {0xC0000207, WSAEADDRNOTAVAIL},             // INVALID_ADDRESS_COMPONENT
    {0xC0000236, WSAECONNREFUSED, true},        // CONNECTION_REFUSED
    {0xC00000BC, WSAECONNREFUSED},              // REMOTE_NOT_LISTENING
    {0xC0000237, WSAEDISCON, true},             // GRACEFUL_DISCONNECT
    {0xC000023B, WSAEISCONN, true},             // CONNECTION_ACTIVE
    {0xC000023C, WSAENETUNREACH, true},         // NETWORK_UNREACHABLE
    {0xC000023E, WSAENETUNREACH},               // PROTOCOL_UNREACHABLE
    {0xC00000BE, WSAENETUNREACH},               // BAD_NETWORK_PATH
    {0xC000023D, WSAEHOSTUNREACH, true},        // HOST_UNREACHABLE
    {0xC0000350, WSAEHOSTDOWN, true},           // HOST_DOWN
    {0xC0000240, WSAEINTR, true},               // REQUEST_ABORTED
    {0xC0000017, WSAENOBUFS},                   // NO_MEMORY
    {0xC0000044, WSAENOBUFS},                   // QUOTA_EXCEEDED
    {0xC0000007, WSAENOBUFS},                   // PAGEFILE_QUOTA
    {0xC00000A1, WSAENOBUFS},                   // WORKING_SET_QUOTA
    {0xC000012D, WSAENOBUFS},                   // COMMITMENT_LIMIT
    {0xC0000097, WSAENOBUFS},                   // TOO_MANY_PAGING_FILES
    {0xC000009A, WSAENOBUFS, true},             // INSUFFICIENT_RESOURCES
    {0xC0000209, WSAENOBUFS},                   // TOO_MANY_ADDRESSES
    {0xC000013D, WSAENOBUFS},                   // REMOTE_RESOURCES
    {0xC00000BF, WSAENETDOWN},                  // NETWORK_BUSY
    {0xC000000E, WSAENETDOWN},                  // NO_SUCH_DEVICE
    {0xC00000C4, WSAENETDOWN, true},            // UNEXPECTED_NETWORK_ERROR
    {0xC0000206, WSAEMSGSIZE},                  // INVALID_BUFFER_SIZE
    {0xC000000D, WSAEINVAL, true},              // INVALID_PARAMETER
};

TEST(NtStatusTest, EveryRowOfTheReference) {
  for (const Row& row : kRows) {
    EXPECT_EQ(WsaErrorFromNtStatus(row.status), row.wsa_error)
        << std::hex << row.status;
  }
}

TEST(NtStatusTest, WhatIsWrittenReadsBackAsTheSameCode) {
  for (const Row& row : kRows) {
    const uint32_t status = NtStatusFromWsaError(row.wsa_error);
    EXPECT_EQ(WsaErrorFromNtStatus(status), row.wsa_error);
    if (row.written) {
      EXPECT_EQ(status, row.status) << row.wsa_error;
    }
  }
}

TEST(NtStatusTest, OtherFailuresAreInvalidAndOtherSuccessesSuccess) {
  EXPECT_EQ(WsaErrorFromNtStatus(0xC0000001), uint32_t{WSAEINVAL});
  EXPECT_EQ(WsaErrorFromNtStatus(0x80000001), uint32_t{WSAEINVAL});
  EXPECT_EQ(WsaErrorFromNtStatus(0x40000000), 0u);
  EXPECT_EQ(NtStatusFromWsaError(WSAEPROCLIM), 0xC000000Du);
}

}  // namespace
}  // namespace wsp
