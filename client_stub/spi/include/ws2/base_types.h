/* The part of Windows' base types that the Winsock headers stand on, for Linux
 * x86-64: the names, widths and signedness of windef.h, winnt.h, basetsd.h and
 * guiddef.h. Usable from C11 and C++17. Include <winsock2.h>, not this file.
 *
 * "long" is 32 bits wide on Windows: where a Windows prototype says long these
 * headers say LONG, and DWORD and u_long are 32 bits too.
 *
 * glibc's own fd_set, struct timeval and u_long differ from Windows' and reach
 * every C++ translation unit through <stdlib.h>. So the system headers that
 * declare or use them are included here first, and from then on the three
 * names mean Windows' types, as pollfd and the POLL names do. Code that needs
 * both kinds belongs into two translation units.
 */
#ifndef WSPD_WS2_BASE_TYPES_H_
#define WSPD_WS2_BASE_TYPES_H_

#if defined(_WIN32)
#error "On Windows include its own headers, not the ones for Linux."
#endif
#if !defined(__x86_64__) && !defined(__aarch64__)
#error "The layouts are stated for 64-bit little-endian Linux only."
#endif
#if defined(_SYS_SOCKET_H) || defined(_NETINET_IN_H) || defined(_SYS_IOCTL_H)
#error \
    "A translation unit includes Winsock's headers or the system's \
socket headers (sys/socket.h, netinet/in.h, sys/ioctl.h), never both."
#endif

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/time.h>
#include <sys/types.h>
#ifndef __cplusplus
#include <uchar.h>
#endif

#define fd_set ws2_fd_set
#define timeval ws2_timeval
#define u_long ws2_u_long
#undef FD_CLR
#undef FD_ISSET
#undef FD_SET
#undef FD_SETSIZE
#undef FD_ZERO

#define pollfd ws2_pollfd
#undef POLLERR
#undef POLLHUP
#undef POLLIN
#undef POLLNVAL
#undef POLLOUT
#undef POLLPRI
#undef POLLRDBAND
#undef POLLRDNORM
#undef POLLWRBAND
#undef POLLWRNORM

/* The x64 Windows calling conventions have no counterpart: a provider for
 * Linux is native code and uses the System V ABI. */
#define CALLBACK
#define WINAPI
#define WSAAPI

#ifndef CONST
#define CONST const
#endif
#ifndef VOID
#define VOID void
#endif
#ifndef FALSE
#define FALSE 0
#endif
#ifndef TRUE
#define TRUE 1
#endif

typedef char CHAR;
typedef int16_t SHORT;
typedef int32_t LONG;
typedef int INT;
typedef int BOOL;
typedef uint8_t UCHAR;
typedef uint8_t BYTE;
typedef uint8_t BOOLEAN;
typedef uint16_t USHORT;
typedef uint16_t WORD;
typedef unsigned int UINT;
typedef uint32_t ULONG;
typedef uint32_t DWORD;
typedef int64_t LONGLONG;
typedef uint64_t ULONGLONG;
typedef uint64_t DWORD64;
/* glibc has the first three too, but not for strict C. */
typedef unsigned char u_char;
typedef unsigned short u_short;
typedef unsigned int u_int;
typedef uint32_t ws2_u_long;
/* UTF-16 code unit: char16_t in both languages, never wchar_t. */
typedef char16_t WCHAR;

typedef int64_t INT_PTR;
typedef uint64_t UINT_PTR;
typedef int64_t LONG_PTR;
typedef uint64_t ULONG_PTR;
typedef uint64_t DWORD_PTR;
typedef uint64_t SIZE_T;
typedef UINT_PTR WPARAM;
typedef LONG_PTR LPARAM;
typedef LONG_PTR LRESULT;

typedef void* PVOID;
typedef void* LPVOID;
typedef const void* LPCVOID;
typedef BYTE* PBYTE;
typedef BYTE* LPBYTE;
typedef CHAR* PCHAR;
typedef CHAR* LPSTR;
typedef const CHAR* LPCSTR;
typedef WCHAR* PWSTR;
typedef WCHAR* LPWSTR;
typedef const WCHAR* LPCWSTR;
typedef BOOL* LPBOOL;
typedef INT* LPINT;
typedef LONG* LPLONG;
typedef WORD* LPWORD;
typedef DWORD* PDWORD;
typedef DWORD* LPDWORD;
typedef ULONG* PULONG;
typedef DWORD_PTR* PDWORD_PTR;
typedef ULONG_PTR* PULONG_PTR;

typedef void* HANDLE;
typedef HANDLE* PHANDLE;
typedef HANDLE* LPHANDLE;
typedef struct HWND__ {
  int unused;
} * HWND;

typedef struct _GUID {
  uint32_t Data1;
  uint16_t Data2;
  uint16_t Data3;
  uint8_t Data4[8];
} GUID;
typedef GUID* LPGUID;
typedef const GUID* LPCGUID;

typedef struct _OVERLAPPED {
  ULONG_PTR Internal;
  ULONG_PTR InternalHigh;
  __extension__ union {
    __extension__ struct {
      DWORD Offset;
      DWORD OffsetHigh;
    };
    PVOID Pointer;
  };
  HANDLE hEvent;
} OVERLAPPED, *LPOVERLAPPED;

typedef union _LARGE_INTEGER {
  __extension__ struct {
    DWORD LowPart;
    LONG HighPart;
  };
  struct {
    DWORD LowPart;
    LONG HighPart;
  } u;
  LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

#define TYPE_ALIGNMENT(type) __alignof__(type)
#define MAX_NATURAL_ALIGNMENT sizeof(ULONGLONG)

#define INVALID_HANDLE_VALUE ((HANDLE)(LONG_PTR)-1)
#define INFINITE 0xffffffffu
#define MAXIMUM_WAIT_OBJECTS 64
#define MAX_PATH 260
#define STATUS_PENDING ((DWORD)0x00000103)
#define WAIT_OBJECT_0 ((DWORD)0x00000000)
#define WAIT_IO_COMPLETION ((DWORD)0x000000c0)
#define WAIT_TIMEOUT ((DWORD)258)
#define WAIT_FAILED ((DWORD)0xffffffff)

#define NO_ERROR 0
#define ERROR_SUCCESS 0
#define ERROR_INVALID_HANDLE 6
#define ERROR_NOT_ENOUGH_MEMORY 8
#define ERROR_INVALID_PARAMETER 87
#define ERROR_OPERATION_ABORTED 995
#define ERROR_IO_INCOMPLETE 996
#define ERROR_IO_PENDING 997

#define MAKEWORD(low, high) \
  ((WORD)(((BYTE)(low)) | ((WORD)((BYTE)(high))) << 8))
#define MAKELONG(low, high) \
  ((LONG)(((WORD)(low)) | ((DWORD)((WORD)(high))) << 16))
#define LOWORD(value) ((WORD)((DWORD_PTR)(value)))
#define HIWORD(value) ((WORD)(((DWORD_PTR)(value)) >> 16))
#define LOBYTE(value) ((BYTE)((DWORD_PTR)(value)))
#define HIBYTE(value) ((BYTE)(((DWORD_PTR)(value)) >> 8))

/* Internal stays STATUS_PENDING until everything else is in place. */
#define HasOverlappedIoCompleted(overlapped) \
  (((DWORD)(overlapped)->Internal) != STATUS_PENDING)

#endif /* WSPD_WS2_BASE_TYPES_H_ */
