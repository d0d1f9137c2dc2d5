#ifndef WSPD_CLIENT_STUB_SPI_CLIENT_COMPLETION_PORT_H_
#define WSPD_CLIENT_STUB_SPI_CLIENT_COMPLETION_PORT_H_

#include <winsock2.h>

#include <memory>

namespace wspd::spi_client {

// The end of an overlapped operation, as a completion port tells of it.
struct CompletionPacket {
  // Of the socket, as Bind had it.
  ULONG_PTR key = 0;
  LPWSAOVERLAPPED overlapped = nullptr;
  // The WSA error code, or 0, and the bytes transferred.
  DWORD error = 0;
  DWORD bytes = 0;
};

// Of one port.
struct CompletionQueue;

// What a completion port is on Windows, where the system has them for handles
// (CreateIoCompletionPort, GetQueuedCompletionStatus): here for the handles
// that this library gives to providers. Any thread may call.
//
// It holds as many packets as operations have ended that nobody took.
class CompletionPort {
 public:
  CompletionPort();
  // Its sockets are bound to none afterwards.
  ~CompletionPort();
  CompletionPort(const CompletionPort&) = delete;
  CompletionPort& operator=(const CompletionPort&) = delete;

  // For as long as the socket lives. False if `s` is no handle of this
  // library's, or is bound already.
  bool Bind(SOCKET s, ULONG_PTR key);

  // The next packet in the order in which they were posted. False if none comes
  // within `timeout_ms`, or WSA_INFINITE.
  bool Take(CompletionPacket* packet, DWORD timeout_ms);

 private:
  const std::shared_ptr<CompletionQueue> queue_;
};

// Whether the socket is bound to a port. Takes no lock as long as none is.
bool HasCompletionPort(SOCKET s);

// Posts a packet to the socket's port; false if it has none. Doesn't look at
// `overlapped`.
bool PostCompletion(SOCKET s, LPWSAOVERLAPPED overlapped, DWORD error,
                    DWORD bytes);

// To be called when the handle is closed.
void UnbindCompletionPort(SOCKET s);

}  // namespace wspd::spi_client

#endif  // WSPD_CLIENT_STUB_SPI_CLIENT_COMPLETION_PORT_H_
