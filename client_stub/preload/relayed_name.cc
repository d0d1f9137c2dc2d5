#include "client_stub/preload/relayed_name.h"

#include <errno.h>

#include <atomic>

#include "client_stub/preload/kernel_calls.h"
#include "client_stub/preload/means.h"

namespace wsp {
namespace {

constexpr int kRememberedNumbers = 4096;

// One who reads while another writes may find parts of two names, of which the
// program has one under that number and the other had it a moment ago.
struct RememberedName {
  std::atomic<uint64_t> instance{0};
  std::atomic<uint64_t> number{0};
  std::atomic<relay::Kind> kind{};
  std::atomic<int> family{0};
  std::atomic<int> protocol{0};
};
RememberedName g_names[kRememberedNumbers];

bool IsRemembered(int fd) {
  return static_cast<unsigned>(fd) < kRememberedNumbers;
}

Identity Recall(int fd, relay::Name* name) {
  if (!IsRemembered(fd)) return Identity::kOther;
  const RememberedName& known = g_names[fd];
  name->instance = known.instance.load();
  name->number = known.number.load();
  name->kind = known.kind.load();
  name->family = known.family.load();
  name->protocol = known.protocol.load();
  return name->family == 0 ? Identity::kOther : Identity::kRelayed;
}

}  // namespace

void RememberName(int fd, const relay::Name& name) {
  if (!IsRemembered(fd)) return;
  RememberedName* const known = &g_names[fd];
  known->instance.store(name.instance);
  known->number.store(name.number);
  known->kind.store(name.kind);
  known->family.store(name.family);
  known->protocol.store(name.protocol);
}

void RememberDuplicate(int from, int fd) {
  relay::Name name;
  if (Recall(from, &name) != Identity::kRelayed) name.family = 0;
  RememberName(fd, name);
}

Identity IdentifyDescriptor(int fd, relay::Name* name) {
  if (!May(Means::kIdentify)) return Recall(fd, name);
  const int caller_errno = errno;
  sockaddr_un address;
  socklen_t size = sizeof address;
  const long result = kernel::Call(SYS_getpeername, fd, &address, &size);
  errno = caller_errno;
  if (result == 0 && relay::ParseName(address, size, name)) {
    return Identity::kRelayed;
  }
  return result == -EBADF ? Identity::kNoDescriptor : Identity::kOther;
}

}  // namespace wsp
