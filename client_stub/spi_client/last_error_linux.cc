// The error code of each thread, which is ws2_32's on Windows.
#include <winsock2.h>

namespace {

thread_local int t_last_error = 0;

}  // namespace

extern "C" void WSAAPI WSASetLastError(int error) { t_last_error = error; }

extern "C" int WSAAPI WSAGetLastError(void) { return t_last_error; }
