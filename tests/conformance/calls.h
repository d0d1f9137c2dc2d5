#ifndef WSPD_TESTS_CONFORMANCE_CALLS_H_
#define WSPD_TESTS_CONFORMANCE_CALLS_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <string>
#include <vector>

#include "tests/conformance/sock_addr.h"
#include "tests/testing/spi.h"

namespace wspd::conformance {

using testing::kNoErrorGiven;
using testing::kOk;
using testing::kPending;
using testing::WsaCode;

// What the calls below have in common for overlapped I/O: an OVERLAPPED, with
// its event or a routine, null for a synchronous call.
struct Overlap {
  LPWSAOVERLAPPED overlapped = nullptr;
  LPWSAOVERLAPPED_COMPLETION_ROUTINE routine = nullptr;
};

// The provider's functions with C++ results: each makes one call, passes on
// every argument, null ones too, and gives the error code. A failure that
// leaves *lpErrno alone is kNoErrorGiven.
class Calls {
 public:
  const WSPPROC_TABLE& table() const { return *table_; }

  WsaCode Cleanup();

  WsaCode Socket(SOCKET* s, int family, int type, int protocol,
                 DWORD flags = WSA_FLAG_OVERLAPPED,
                 LPWSAPROTOCOL_INFOW info = nullptr, GROUP group = 0);
  WsaCode Close(SOCKET s);

  WsaCode Bind(SOCKET s, const SockAddr& name);
  WsaCode Bind(SOCKET s, const sockaddr* name, int length);
  WsaCode Listen(SOCKET s, int backlog = 16);
  WsaCode Accept(SOCKET s, SOCKET* accepted, SockAddr* peer = nullptr,
                 LPCONDITIONPROC condition = nullptr, DWORD_PTR context = 0);
  WsaCode AcceptRaw(SOCKET s, SOCKET* accepted, sockaddr* name, int* length,
                    LPCONDITIONPROC condition = nullptr, DWORD_PTR context = 0);
  WsaCode Connect(SOCKET s, const SockAddr& name);
  WsaCode Connect(SOCKET s, const sockaddr* name, int length);
  WsaCode Shutdown(SOCKET s, int how);
  WsaCode SendDisconnect(SOCKET s, LPWSABUF data = nullptr);
  WsaCode RecvDisconnect(SOCKET s, LPWSABUF data = nullptr);
  WsaCode CancelBlockingCall();

  WsaCode GetSockName(SOCKET s, SockAddr* name);
  WsaCode GetSockName(SOCKET s, sockaddr* name, int* length);
  WsaCode GetPeerName(SOCKET s, SockAddr* name);
  WsaCode GetPeerName(SOCKET s, sockaddr* name, int* length);

  WsaCode GetOption(SOCKET s, int level, int name, void* value, int* length);
  WsaCode SetOption(SOCKET s, int level, int name, const void* value,
                    int length);
  // Options of four bytes.
  WsaCode GetInt(SOCKET s, int level, int name, int* value);
  WsaCode SetInt(SOCKET s, int level, int name, int value);

  WsaCode Ioctl(SOCKET s, DWORD code, void* in, DWORD in_size, void* out,
                DWORD out_size, DWORD* returned, const Overlap& overlap = {});
  WsaCode SetNonBlocking(SOCKET s, bool on = true);
  WsaCode BytesReadable(SOCKET s, u_long* bytes);
  // The extension function with this GUID, or null.
  void* FindExtension(SOCKET s, GUID guid, WsaCode* code = nullptr);

  WsaCode Send(SOCKET s, WSABUF* buffers, DWORD count, DWORD* sent,
               DWORD flags = 0, const Overlap& overlap = {});
  WsaCode Recv(SOCKET s, WSABUF* buffers, DWORD count, DWORD* received,
               DWORD* flags, const Overlap& overlap = {});
  WsaCode SendTo(SOCKET s, WSABUF* buffers, DWORD count, DWORD* sent,
                 DWORD flags, const sockaddr* to, int to_length,
                 const Overlap& overlap = {});
  WsaCode RecvFrom(SOCKET s, WSABUF* buffers, DWORD count, DWORD* received,
                   DWORD* flags, sockaddr* from, int* from_length,
                   const Overlap& overlap = {});
  WsaCode GetOverlappedResult(SOCKET s, LPWSAOVERLAPPED overlapped,
                              DWORD* bytes, bool wait, DWORD* flags);

  // One buffer, synchronously. Recv cuts `data` to what came.
  WsaCode SendText(SOCKET s, const std::string& data, DWORD flags = 0,
                   DWORD* sent = nullptr);
  WsaCode RecvText(SOCKET s, size_t size, std::string* data, DWORD flags = 0);
  // As many calls as it takes; less only at the connection's end.
  WsaCode RecvExactly(SOCKET s, size_t size, std::string* data);

  WsaCode Select(fd_set* read, fd_set* write, fd_set* except,
                 const TIMEVAL* timeout, int* ready);
  WsaCode EventSelect(SOCKET s, WSAEVENT event, LONG events);
  WsaCode EnumNetworkEvents(SOCKET s, WSAEVENT event, WSANETWORKEVENTS* events);
  WsaCode AsyncSelect(SOCKET s, HWND window, unsigned message, LONG events);
  WsaCode DuplicateSocket(SOCKET s, DWORD process, LPWSAPROTOCOL_INFOW info);
  WsaCode JoinLeaf(SOCKET s, SOCKET* joined, const sockaddr* name, int length,
                   DWORD flags);
  WsaCode GetQosByName(SOCKET s, LPWSABUF name, LPQOS qos);
  WsaCode AddressToString(sockaddr* address, DWORD address_length,
                          LPWSAPROTOCOL_INFOW info, WCHAR* text,
                          DWORD* text_length);
  WsaCode StringToAddress(WCHAR* text, int family, LPWSAPROTOCOL_INFOW info,
                          sockaddr* address, int* address_length);

 protected:
  // The table lasts as long as this is used.
  void UseTable(const WSPPROC_TABLE* table) { table_ = table; }

 private:
  const WSPPROC_TABLE* table_ = nullptr;
};

}  // namespace wspd::conformance

#endif  // WSPD_TESTS_CONFORMANCE_CALLS_H_
