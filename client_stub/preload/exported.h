#ifndef WSPD_CLIENT_STUB_PRELOAD_EXPORTED_H_
#define WSPD_CLIENT_STUB_PRELOAD_EXPORTED_H_

#include <errno.h>

// A function of the C library's that libwsp_preload.so stands in front of;
// preload.map names them all.
#define WSP_INTERPOSED extern "C" __attribute__((visibility("default")))

namespace wsp {

// A kernel's result as the C library returns it.
inline int ReturnOrSetErrno(int result) {
  if (result >= 0) return result;
  errno = -result;
  return -1;
}

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_EXPORTED_H_
