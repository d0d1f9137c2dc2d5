#ifndef WSPD_CLIENT_STUB_SPI_KERNEL_HANDLE_H_
#define WSPD_CLIENT_STUB_SPI_KERNEL_HANDLE_H_

#include <cstddef>
#include <cstdint>

#include "client_stub/transport/server_frame.h"
#include "client_stub/transport/wire_writer.h"

namespace wsp {

// Socket handles that are the system's own (XP1_IFS_HANDLES), and what is done
// with the kernel's socket behind one. A handle is there before its socket:
// until then, and when the socket is taken away, it stands for a socket that
// never was connected.
//
// None of these waits. Under the session lock.
class KernelHandles {
 public:
  KernelHandles() = default;
  ~KernelHandles() { Close(); }
  KernelHandles(const KernelHandles&) = delete;
  KernelHandles& operator=(const KernelHandles&) = delete;

  // To be called first; false if descriptors are short.
  bool Prepare();
  void Close();

  // A new handle without a socket; -1 if descriptors are short.
  int Open();
  // Puts `socket`, which is taken over, behind the handle. False if it can't.
  static bool Put(int handle, int socket, bool nonblocking);
  // Takes the socket away from behind the handle.
  void Vacate(int handle);

  static void CloseHandle(int handle);
  static void SetNonblocking(int handle, bool nonblocking);

 private:
  // What empty handles stand for; -1: not prepared.
  int nothing_ = -1;
};

// What the kernel's socket did.
struct NativeTransfer {
  enum class End {
    // It has moved some bytes.
    kDone,
    // It would have to wait.
    kBlocked,
    // Something else, which is for the daemon to find out: the end of the
    // stream, an error, urgent data.
    kOther,
  };
  End end = End::kOther;
  size_t bytes = 0;
  // The errno that the kernel has told; 0 for none.
  uint32_t error = 0;
  // There is urgent data.
  bool urgent = false;
  // A datagram that was longer than the buffers; the rest is lost.
  bool cut = false;
};

// What one call takes of pieces at most; of more, datagrams can't be made.
constexpr size_t kMostNativePieces = 64;

// Receives into the buffers, which are writable memory.
NativeTransfer ReceiveNatively(int handle, const ByteView* buffers,
                               size_t count);
NativeTransfer SendNatively(int handle, const ByteView* buffers, size_t count);

// The same for one datagram, which may be empty, and for where it came from.
NativeTransfer ReceiveDatagramNatively(int handle, const ByteView* buffers,
                                       size_t count, Address* from);
// To the peer if `to` has no family.
NativeTransfer SendDatagramNatively(int handle, const ByteView* buffers,
                                    size_t count, const Address& to);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_SPI_KERNEL_HANDLE_H_
