// A complete client of a Winsock service provider, by nothing but the SPI's
// headers: loads libwsp.so, sends a text to an echo server and waits for its
// return with an overlapped receive. ../GUIDE.md goes through it.
//   echo_client PROVIDER ADDRESS:PORT TEXT
#include <dlfcn.h>
#include <winsock2.h>
#include <ws2spi.h>
#include <ws2tcpip.h>

#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

namespace {

// ---- What ws2_32.dll is on Windows: the provider's upcalls

// A manual-reset event. An object of the heap or the stack is aligned to 4
// bytes at least: the lowest two bits of a handle are the caller's own.
struct Event {
  std::mutex mutex;
  std::condition_variable changed;
  bool signalled = false;

  void Set(bool value) {
    std::lock_guard<std::mutex> lock(mutex);
    signalled = value;
    changed.notify_all();
  }
  void Wait() {
    std::unique_lock<std::mutex> lock(mutex);
    changed.wait(lock, [this] { return signalled; });
  }
};

Event* ToEvent(WSAEVENT handle) {
  return reinterpret_cast<Event*>(reinterpret_cast<UINT_PTR>(handle) & ~3ul);
}

WSAEVENT WSPAPI CreateEventUpcall(LPINT) { return new Event; }
BOOL WSPAPI CloseEventUpcall(WSAEVENT event, LPINT) {
  delete ToEvent(event);
  return TRUE;
}
BOOL WSPAPI SetEventUpcall(WSAEVENT event, LPINT) {
  ToEvent(event)->Set(true);
  return TRUE;
}
BOOL WSPAPI ResetEventUpcall(WSAEVENT event, LPINT) {
  ToEvent(event)->Set(false);
  return TRUE;
}

// Handles of sockets: a number, behind which the provider keeps its own. No
// number comes twice, so that nobody takes a closed socket for another.
std::mutex sockets_mutex;
std::map<SOCKET, DWORD_PTR> sockets;
SOCKET last_socket = 0;

SOCKET WSPAPI CreateSocketHandle(DWORD, DWORD_PTR context, LPINT) {
  std::lock_guard<std::mutex> lock(sockets_mutex);
  last_socket += 4;
  sockets[last_socket] = context;
  return last_socket;
}
int WSPAPI QuerySocketHandleContext(SOCKET s, PDWORD_PTR context, LPINT error) {
  std::lock_guard<std::mutex> lock(sockets_mutex);
  const auto found = sockets.find(s);
  if (found == sockets.end()) {
    *error = WSAENOTSOCK;
    return SOCKET_ERROR;
  }
  *context = found->second;
  return 0;
}
int WSPAPI CloseSocketHandle(SOCKET s, LPINT error) {
  std::lock_guard<std::mutex> lock(sockets_mutex);
  if (sockets.erase(s) == 1) return 0;
  *error = WSAENOTSOCK;
  return SOCKET_ERROR;
}

// With WSPD_PLANE=lent handles are the kernel's descriptors, and stay so.
SOCKET WSPAPI ModifyIfsHandle(DWORD, SOCKET proposed, LPINT) {
  return proposed;
}

int WSPAPI IsInSet(SOCKET s, fd_set* set) { return FD_ISSET(s, set); }

// No hook: a call that blocks just blocks.
int WSPAPI QueryBlockingCallback(DWORD, LPBLOCKINGCALLBACK* callback,
                                 PDWORD_PTR context, LPINT) {
  *callback = nullptr;
  *context = 0;
  return 0;
}

// Completion routines run on the thread that asked for them, while it waits
// alertably. This program asks for none: nothing to queue, and no threads to
// tell apart.
int WSPAPI OpenCurrentThread(LPWSATHREADID, LPINT error) {
  *error = WSAEOPNOTSUPP;
  return SOCKET_ERROR;
}
int WSPAPI CloseThread(LPWSATHREADID, LPINT error) {
  *error = WSAEOPNOTSUPP;
  return SOCKET_ERROR;
}
int WSPAPI QueueApc(LPWSATHREADID, LPWSAUSERAPC, DWORD_PTR, LPINT error) {
  *error = WSAEOPNOTSUPP;
  return SOCKET_ERROR;
}

// Nor has it windows, for WSPAsyncSelect, or layered providers.
BOOL WSPAPI PostWindowMessage(HWND, UINT, WPARAM, LPARAM) { return FALSE; }
int WSPAPI GetProviderPath(LPGUID, WCHAR*, LPINT, LPINT error) {
  *error = WSAEINVAL;
  return SOCKET_ERROR;
}

constexpr WSPUPCALLTABLE kUpcalls = {
    CloseEventUpcall,         CloseSocketHandle, CreateEventUpcall,
    CreateSocketHandle,       IsInSet,           GetProviderPath,
    ModifyIfsHandle,          PostWindowMessage, QueryBlockingCallback,
    QuerySocketHandleContext, QueueApc,          ResetEventUpcall,
    SetEventUpcall,           OpenCurrentThread, CloseThread,
};

// ---- The catalog entry: which of the provider's protocols is meant

WSAPROTOCOL_INFOW TcpOverIpv4() {
  WSAPROTOCOL_INFOW entry = {};
  entry.dwServiceFlags1 = XP1_GUARANTEED_DELIVERY | XP1_GUARANTEED_ORDER |
                          XP1_GRACEFUL_CLOSE | XP1_EXPEDITED_DATA;
  entry.dwProviderFlags = PFL_MATCHES_PROTOCOL_ZERO;
  entry.dwCatalogEntryId = 1001;
  entry.ProtocolChain.ChainLen = BASE_PROTOCOL;
  entry.iVersion = 2;
  entry.iAddressFamily = AF_INET;
  entry.iMaxSockAddr = sizeof(sockaddr_in);
  entry.iMinSockAddr = sizeof(sockaddr_in);
  entry.iSocketType = SOCK_STREAM;
  entry.iProtocol = IPPROTO_TCP;
  entry.iNetworkByteOrder = BIGENDIAN;
  return entry;
}

// ---- The client

bool Failed(const char* call, int code) {
  std::fprintf(stderr, "echo_client: %s: error %d\n", call, code);
  return false;
}

bool SendAll(const WSPPROC_TABLE& wsp, SOCKET s, std::string text) {
  size_t done = 0;
  while (done < text.size()) {
    WSABUF buffer = {static_cast<u_long>(text.size() - done), &text[done]};
    DWORD sent = 0;
    int error = 0;
    if (wsp.lpWSPSend(s, &buffer, 1, &sent, 0, nullptr, nullptr, nullptr,
                      &error) != 0) {
      return Failed("WSPSend", error);
    }
    done += sent;
  }
  return true;
}

// One overlapped receive. It begins before anything has been sent; the buffer
// and the OVERLAPPED are the provider's until the event is set.
class Receive {
 public:
  // `event` outlives the provider's last call: until WSPCleanup.
  explicit Receive(Event* event) { overlapped_.hEvent = event; }

  bool Begin(const WSPPROC_TABLE& wsp, SOCKET s) {
    WSABUF buffer = {sizeof(bytes_), bytes_};
    DWORD flags = 0;
    int error = 0;
    if (wsp.lpWSPRecv(s, &buffer, 1, nullptr, &flags, &overlapped_, nullptr,
                      nullptr, &error) == 0 ||
        error == WSA_IO_PENDING) {
      return true;  // also if it is over already: the event is set then, too
    }
    return Failed("WSPRecv", error);
  }

  bool End(const WSPPROC_TABLE& wsp, SOCKET s, std::string* received) {
    ToEvent(overlapped_.hEvent)->Wait();
    DWORD count = 0;
    DWORD flags = 0;
    int error = 0;
    if (!wsp.lpWSPGetOverlappedResult(s, &overlapped_, &count, FALSE, &flags,
                                      &error)) {
      return Failed("the receive", error);
    }
    if (count == 0) return Failed("the server closed early", 0);
    received->append(bytes_, count);
    return true;
  }

 private:
  WSAOVERLAPPED overlapped_ = {};
  char bytes_[4096];
};

bool Echo(const WSPPROC_TABLE& wsp, SOCKET s, const std::string& text,
          Event* event) {
  Receive first(event);
  if (!first.Begin(wsp, s) || !SendAll(wsp, s, text)) return false;
  std::string echo;
  if (!first.End(wsp, s, &echo)) return false;
  while (echo.size() < text.size()) {
    Receive next(event);
    if (!next.Begin(wsp, s) || !next.End(wsp, s, &echo)) return false;
  }
  std::printf("%s\n", echo.c_str());
  return echo == text;
}

bool Connect(const WSPPROC_TABLE& wsp, SOCKET s, const char* address) {
  // Providers read addresses, too: in UTF-16, and of the entry's family.
  std::u16string wide(address, address + std::strlen(address));
  WSAPROTOCOL_INFOW entry = TcpOverIpv4();
  sockaddr_in peer = {};
  INT size = sizeof(peer);
  int error = 0;
  if (wsp.lpWSPStringToAddress(&wide[0], AF_INET, &entry,
                               reinterpret_cast<sockaddr*>(&peer), &size,
                               &error) != 0) {
    return Failed(address, error);
  }
  return wsp.lpWSPConnect(s, reinterpret_cast<sockaddr*>(&peer), size, nullptr,
                          nullptr, nullptr, nullptr, &error) == 0 ||
         Failed("WSPConnect", error);
}

// Between WSPStartup and WSPCleanup.
bool Run(const WSPPROC_TABLE& wsp, const char* address, const char* text,
         Event* event) {
  WSAPROTOCOL_INFOW entry = TcpOverIpv4();
  int error = 0;
  const SOCKET s = wsp.lpWSPSocket(AF_INET, SOCK_STREAM, IPPROTO_TCP, &entry, 0,
                                   WSA_FLAG_OVERLAPPED, &error);
  if (s == INVALID_SOCKET) return Failed("WSPSocket", error);
  bool done = Connect(wsp, s, address) && Echo(wsp, s, text, event);
  if (wsp.lpWSPCloseSocket(s, &error) != 0) {
    done = Failed("WSPCloseSocket", error);
  }
  return done;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: echo_client PROVIDER ADDRESS:PORT TEXT\n");
    return 2;
  }
  void* const library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    std::fprintf(stderr, "echo_client: %s\n", dlerror());
    return 1;
  }
  const auto startup =
      reinterpret_cast<LPWSPSTARTUP>(dlsym(library, "WSPStartup"));
  if (startup == nullptr) return Failed("no provider: WSPStartup", 0) ? 0 : 1;

  WSPDATA data = {};
  WSAPROTOCOL_INFOW entry = TcpOverIpv4();
  WSPPROC_TABLE wsp = {};
  Event event;
  int error = startup(MAKEWORD(2, 2), &data, &entry, kUpcalls, &wsp);
  if (error != 0) return Failed("WSPStartup", error) ? 0 : 1;
  const bool done = Run(wsp, argv[2], argv[3], &event);
  // The last one releases what the process still has, and ends the provider's
  // threads: no upcall comes from here on, and unloading is safe.
  if (wsp.lpWSPCleanup(&error) != 0) Failed("WSPCleanup", error);
  dlclose(library);
  return done ? 0 : 1;
}
