// The interfaces that a socket keeps to when it receives: IP_IFLIST and its kin
// (reference, section 4.10), by a filter of the kernel's on the socket.
#include <errno.h>
#include <linux/filter.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <vector>

#include "daemon/winsock/option_rule.h"

namespace wspd {
namespace {

using Value = wsp::v1::OptionValue;

// Limit of proto/README.md; a filter's jumps reach no further than 255.
constexpr size_t kMostInterfaces = 64;

sock_filter Statement(uint16_t code, uint32_t operand, uint8_t on_true = 0) {
  return {code, on_true, 0, operand};
}

// Lets packets pass that came by one of the interfaces.
std::vector<sock_filter> FilterFor(const std::vector<uint32_t>& interfaces) {
  constexpr auto kOwn = static_cast<uint32_t>(SKF_AD_OFF + SKF_AD_IFINDEX);
  std::vector<sock_filter> filter;
  filter.push_back(Statement(BPF_LD | BPF_W | BPF_ABS, kOwn));
  for (size_t left = interfaces.size(); left > 0; --left) {
    // To the last statement.
    filter.push_back(Statement(BPF_JMP | BPF_JEQ | BPF_K,
                               interfaces[interfaces.size() - left],
                               static_cast<uint8_t>(left)));
  }
  filter.push_back(Statement(BPF_RET | BPF_K, 0));
  filter.push_back(Statement(BPF_RET | BPF_K, UINT32_MAX));
  return filter;
}

WsaError ApplyFilter(const OptionTarget& target) {
  return WsaError::FromErrno(
      ApplyInterfaces(target.socket.fd, *target.options));
}

}  // namespace

int ApplyInterfaces(int fd, const SocketOptions& options) {
  if (!options.keeps_to_interfaces) {
    const int ignored = 0;
    // ENOENT: it has no filter.
    return setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &ignored,
                      sizeof(ignored)) == 0 ||
                   errno == ENOENT
               ? 0
               : errno;
  }
  std::vector<sock_filter> filter = FilterFor(options.interfaces);
  const sock_fprog program{static_cast<unsigned short>(filter.size()),
                           filter.data()};
  return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
                    sizeof(program)) == 0
             ? 0
             : errno;
}

WsaError SetKeepsToInterfaces(const OptionRule& rule,
                              const OptionTarget& target, const Value& value) {
  const bool before = target.options->keeps_to_interfaces;
  WsaError error = SetFlag(rule, target, value);
  if (error.ok()) error = ApplyFilter(target);
  if (!error.ok()) target.options->keeps_to_interfaces = before;
  return error;
}

WsaError AddInterface(const OptionRule& rule, const OptionTarget& target,
                      const Value& value) {
  uint32_t index;
  if (WsaError error = ReadNumber(rule, value, &index); !error.ok()) {
    return error;
  }
  char name[IF_NAMESIZE];
  if (if_indextoname(index, name) == nullptr) return kWsaInval;
  std::vector<uint32_t>& interfaces = target.options->interfaces;
  if (std::count(interfaces.begin(), interfaces.end(), index) > 0) return 0;
  if (interfaces.size() == kMostInterfaces) return kWsaNoBufs;
  interfaces.push_back(index);
  WsaError error = ApplyFilter(target);
  if (!error.ok()) interfaces.pop_back();
  return error;
}

WsaError RemoveInterface(const OptionRule& rule, const OptionTarget& target,
                         const Value& value) {
  uint32_t index;
  if (WsaError error = ReadNumber(rule, value, &index); !error.ok()) {
    return error;
  }
  std::vector<uint32_t>& interfaces = target.options->interfaces;
  auto found = std::find(interfaces.begin(), interfaces.end(), index);
  if (found == interfaces.end()) return kWsaInval;
  const auto place = found - interfaces.begin();
  interfaces.erase(found);
  WsaError error = ApplyFilter(target);
  if (!error.ok()) interfaces.insert(interfaces.begin() + place, index);
  return error;
}

// As long as it doesn't keep to them nobody can ask.
WsaError GetInterfaces(const OptionRule&, const OptionTarget& target,
                       Value* value) {
  if (!target.options->keeps_to_interfaces) return kWsaInval;
  const std::vector<uint32_t>& interfaces = target.options->interfaces;
  value->set_raw(interfaces.data(), interfaces.size() * sizeof(uint32_t));
  return 0;
}

}  // namespace wspd
