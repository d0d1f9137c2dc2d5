#ifndef WSPD_TESTS_TESTING_SPI_H_
#define WSPD_TESTS_TESTING_SPI_H_

#include <winsock2.h>
#include <ws2spi.h>

#include <memory>
#include <ostream>
#include <string>

#include "client_stub/spi_client/spi_client.h"
#include "tests/testing/endpoint.h"

namespace wspd::testing {

// The provider under test, from the folder that tests start in.
extern const char kProviderPath[];

// What a function of the provider says: 0 or its error. Prints as a name.
struct WsaCode {
  int code = 0;
  bool ok() const { return code == 0; }
  bool operator==(WsaCode other) const { return code == other.code; }
  bool operator!=(WsaCode other) const { return code != other.code; }
};
std::ostream& operator<<(std::ostream& out, WsaCode code);
std::string ToString(WsaCode code);

constexpr WsaCode kOk{0};
constexpr WsaCode kPending{WSA_IO_PENDING};
// A call that failed without saying why.
constexpr WsaCode kNoErrorGiven{-1};

// The bytes that an overlapped call transfers, with the OVERLAPPED first, so
// that a completion routine finds the whole from it.
struct Operation {
  WSAOVERLAPPED overlapped = {};
  std::string buffer;
  WSABUF wsabuf = {};
  DWORD flags = 0;

  static Operation* Of(LPWSAOVERLAPPED overlapped) {
    return reinterpret_cast<Operation*>(overlapped);
  }
  // The status fields, as another thread may look at them.
  ULONG_PTR status() const {
    return __atomic_load_n(&overlapped.Internal, __ATOMIC_ACQUIRE);
  }
  bool is_pending() const { return status() == WSS_OPERATION_IN_PROGRESS; }
  DWORD error() const { return overlapped.OffsetHigh; }
};

// STATUS_CANCELLED, what Internal says of a cancelled operation.
constexpr ULONG_PTR kStatusCancelled = 0xC0000120;

// A loaded provider, its functions with C++ arguments. Each gives the call's
// error code, and does nothing besides the one call where nothing else is said.
class Spi {
 public:
  // Null, and a test failure, if it can't be loaded.
  static std::unique_ptr<Spi> Load(const std::string& path = kProviderPath);

  spi_client::SpiClient& client() { return *client_; }
  const WSPPROC_TABLE& table() const { return client_->table(); }
  bool Unload() {
    loaded_ = false;
    return client_->Unload();
  }

  WsaCode Startup(WORD version = MAKEWORD(2, 2), WSPDATA* data = nullptr);
  // With upcalls other than spi_client's.
  WsaCode StartupWith(const WSPUPCALLTABLE& upcalls);
  WsaCode Cleanup();
  // Cleans up until the provider, if it is still loaded, has nothing left to
  // clean; how often that was.
  int CleanupAll();

  WsaCode Socket(SOCKET* s, Family family = Family::kIpv4,
                 DWORD flags = WSA_FLAG_OVERLAPPED);
  // For UDP.
  WsaCode DatagramSocket(SOCKET* s, Family family = Family::kIpv4,
                         DWORD flags = WSA_FLAG_OVERLAPPED);
  WsaCode Duplicate(SOCKET s, DWORD process_id, LPWSAPROTOCOL_INFOW info);
  // WSPSocket with all that `info` says.
  WsaCode SocketFrom(LPWSAPROTOCOL_INFOW info, SOCKET* s);
  WsaCode Bind(SOCKET s, const Endpoint& endpoint);
  WsaCode Listen(SOCKET s, int backlog = 128);
  WsaCode Accept(SOCKET listener, SOCKET* accepted,
                 LPCONDITIONPROC condition = nullptr, DWORD_PTR context = 0);
  WsaCode Connect(SOCKET s, const Endpoint& endpoint);
  WsaCode Close(SOCKET s);
  WsaCode Shutdown(SOCKET s, int how);
  WsaCode GetSockName(SOCKET s, Endpoint* endpoint);
  WsaCode GetPeerName(SOCKET s, Endpoint* endpoint);

  // Socket and Connect.
  WsaCode ConnectNew(const Endpoint& endpoint, SOCKET* s);
  // Socket, Bind, Listen and GetSockName.
  WsaCode ListenNew(SOCKET* s, Endpoint* endpoint,
                    Family family = Family::kIpv4);

  WsaCode Send(SOCKET s, const std::string& data, size_t* sent = nullptr);
  // Cuts `data` to what came.
  WsaCode Recv(SOCKET s, size_t size, std::string* data, DWORD flags = 0);
  // As many Recv as it takes; less data only at the connection's end.
  WsaCode RecvExactly(SOCKET s, size_t size, std::string* data);

  WsaCode SendTo(SOCKET s, const std::string& data, const Endpoint& to,
                 DWORD flags = 0);
  // Cuts `data` to what came, also where that was too much (WSAEMSGSIZE).
  WsaCode RecvFrom(SOCKET s, size_t size, std::string* data, Endpoint* from,
                   DWORD flags = 0);

  // With the event in the operation's hEvent, if any, or with a routine.
  WsaCode StartSend(SOCKET s, Operation* operation, const std::string& data,
                    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine = nullptr);
  WsaCode StartRecv(SOCKET s, Operation* operation, size_t size,
                    LPWSAOVERLAPPED_COMPLETION_ROUTINE routine = nullptr);
  WsaCode GetResult(SOCKET s, Operation* operation, bool wait, DWORD* bytes);
  WsaCode CancelBlocking();

  // `ready` is how many sockets are. Null sets are left out; a null time is for
  // ever.
  WsaCode Select(fd_set* read, fd_set* write, fd_set* except,
                 const timeval* timeout, int* ready);
  WsaCode EventSelect(SOCKET s, WSAEVENT event, LONG events);
  WsaCode AsyncSelect(SOCKET s, HWND window, UINT message, LONG events);
  WsaCode EnumNetworkEvents(SOCKET s, WSAEVENT event,
                            WSANETWORKEVENTS* occurred);

  WsaCode SetNonBlocking(SOCKET s, bool on);
  WsaCode BytesReadable(SOCKET s, u_long* bytes);
  WsaCode SetOption(SOCKET s, int level, int option, int value);
  WsaCode GetOption(SOCKET s, int level, int option, int* value);
  WsaCode SetLinger(SOCKET s, bool on, int seconds);

 private:
  explicit Spi(std::unique_ptr<spi_client::SpiClient> client)
      : client_(std::move(client)) {}

  std::unique_ptr<spi_client::SpiClient> client_;
  bool loaded_ = true;
};

// An event object that is closed with its owner.
class Event {
 public:
  Event();
  ~Event();
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  WSAEVENT get() const { return event_; }
  bool IsSet() const { return Wait(0); }
  // False at the time limit, by default kDeadline.
  bool Wait(DWORD timeout_ms = 30000) const;

 private:
  WSAEVENT event_;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_SPI_H_
