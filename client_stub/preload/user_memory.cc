#include "client_stub/preload/user_memory.h"

#include <errno.h>
#include <sys/uio.h>

#include <cstring>

#include "client_stub/preload/kernel_calls.h"
#include "client_stub/preload/means.h"

namespace wsp {
namespace {

bool Copy(long call, void* ours, const void* theirs, size_t size) {
  if (size == 0) return true;
  long copied = -EPERM;
  if (May(Means::kCopy)) {
    const int caller_errno = errno;
    const iovec local = {ours, size};
    const iovec remote = {const_cast<void*>(theirs), size};
    copied = kernel::Call(call, getpid(), &local, 1, &remote, 1, 0);
    errno = caller_errno;
  }
  if (copied >= 0) return copied == static_cast<long>(size);
  if (copied == -EFAULT) return false;
  // A sandbox without the call: the pointers have to be trusted.
  if (call == SYS_process_vm_readv) {
    std::memcpy(ours, theirs, size);
  } else {
    std::memcpy(const_cast<void*>(theirs), ours, size);
  }
  return true;
}

}  // namespace

bool CopyIn(void* to, const void* from, size_t size) {
  return Copy(SYS_process_vm_readv, to, from, size);
}

bool CopyOut(void* to, const void* from, size_t size) {
  return Copy(SYS_process_vm_writev, const_cast<void*>(from), to, size);
}

}  // namespace wsp
