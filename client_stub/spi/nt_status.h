#ifndef WSPD_CLIENT_STUB_SPI_NT_STATUS_H_
#define WSPD_CLIENT_STUB_SPI_NT_STATUS_H_

#include <cstdint>

namespace wsp {

constexpr uint32_t kStatusSuccess = 0;
constexpr uint32_t kStatusPending = 0x00000103;
constexpr uint32_t kStatusCancelled = 0xC0000120;
// What AcceptEx says without room for the addresses; WSAEFAULT.
constexpr uint32_t kStatusBufferTooSmall = 0xC0000023;

// The NTSTATUS that OVERLAPPED.Internal holds after an operation ended with a
// Winsock code, and the other way round (reference, section 5.3).
uint32_t NtStatusFromWsaError(uint32_t wsa_error);
uint32_t WsaErrorFromNtStatus(uint32_t status);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_NT_STATUS_H_
