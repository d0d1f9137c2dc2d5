#include "client_stub/preload/relayed_calls.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cstring>

#include "client_stub/preload/user_memory.h"

namespace wsp {
namespace {

// Of an option's or a control's value: more than any has that the daemon knows.
constexpr size_t kMostValueBytes = 4096;

struct Value {
  uint8_t bytes[kMostValueBytes];
};

// Whether the kernel takes the value of an int on a stream in whatever state.
bool IsNeverRefused(int level, int option, ByteView value) {
  int number;
  if (value.size < sizeof number) return false;
  std::memcpy(&number, value.data, sizeof number);
  const auto is_within = [number](int highest) {
    return number >= 1 && number <= highest;
  };
  if (level == SOL_SOCKET) {
    return option == SO_KEEPALIVE || option == SO_REUSEADDR;
  }
  if (level != IPPROTO_TCP) return false;
  switch (option) {
    case TCP_NODELAY:
    case TCP_QUICKACK:
      return true;
    case TCP_KEEPIDLE:
    case TCP_KEEPINTVL:
      return is_within(32767);
    case TCP_KEEPCNT:
      return is_within(127);
    default:
      return false;
  }
}

class SettingOption final : public RelayedCall {
 public:
  SettingOption(relay::Kind kind, int level, int option, ByteView value)
      : kind_(kind), level_(level), option_(option), value_(value) {}

  void Append(ByteBuffer* call) const override {
    AppendLinuxSetOption(call, level_, option_, value_);
  }
  void Take(const Completion&) override {}
  bool NeedsAnswer() const override {
    return kind_ == relay::Kind::kDatagram ||
           !IsNeverRefused(level_, option_, value_);
  }

 private:
  const relay::Kind kind_;
  const int level_;
  const int option_;
  const ByteView value_;
};

class BindCall final : public RelayedCall {
 public:
  explicit BindCall(const Address& address) : address_(address) {}

  void Append(ByteBuffer* call) const override {
    AppendLinuxBind(call, address_);
  }
  void Take(const Completion&) override {}
  void OnAnswerLost() override { is_repeated_ = true; }

  bool is_repeated() const { return is_repeated_; }

 private:
  const Address& address_;
  bool is_repeated_ = false;
};

// Whether a socket with the address `bound` was bound to the address `asked`.
bool IsWhatWasAsked(const Address& asked, const Address& bound) {
  return bound.port != 0 && bound.family == asked.family &&
         std::memcmp(bound.bytes, asked.bytes,
                     asked.family == Address::kIpv4 ? 4 : 16) == 0 &&
         (asked.port == 0 || bound.port == asked.port) &&
         (asked.scope_id == 0 || bound.scope_id == asked.scope_id);
}

// Told twice, the daemon would expect the filler twice.
class ConnectCall final : public RelayedCall {
 public:
  ConnectCall(const Address& address, uint32_t filler, bool may_go_unawaited)
      : address_(address),
        filler_(filler),
        may_go_unawaited_(may_go_unawaited) {}

  void Append(ByteBuffer* call) const override {
    AppendLinuxConnect(call, address_, filler_, answer_.unawaited);
  }
  void Take(const Completion& result) override {
    answer_.in_progress = result.linux_result.in_progress;
  }
  const Address* MayGoUnawaited() const override {
    return may_go_unawaited_ ? &address_ : nullptr;
  }
  void SetUnawaited(bool unawaited) override { answer_.unawaited = unawaited; }
  bool MayBeRepeated() const override { return filler_ == 0; }

  const ConnectAnswer& answer() const { return answer_; }

 private:
  const Address& address_;
  const uint32_t filler_;
  const bool may_go_unawaited_;
  ConnectAnswer answer_;
};

}  // namespace

int BindRelayed(int fd, const relay::Name& name, const Address& address) {
  BindCall call(address);
  const int error = AskAboutSocket(fd, name, &call);
  if (error != -EINVAL || !call.is_repeated()) return error;
  // That it is bound. If the daemon has done it the first time, the socket has
  // the address. So it has if the program bound it there before: that this
  // call, whose answer was lost, isn't refused then harms nobody.
  Address bound;
  return AddressOfRelayed(fd, name, false, &bound) == 0 &&
                 IsWhatWasAsked(address, bound)
             ? 0
             : error;
}

int ConnectRelayed(int fd, const relay::Name& name, const Address& address,
                   uint32_t filler, bool may_go_unawaited,
                   ConnectAnswer* answer) {
  ConnectCall call(address, filler, may_go_unawaited);
  const int error = AskAboutSocket(fd, name, &call);
  *answer = call.answer();
  return error;
}

int ListenRelayed(int fd, const relay::Name& name, int backlog) {
  return AskRelayed(
      fd, name, [&](ByteBuffer* call) { AppendLinuxListen(call, backlog); });
}

int AddressOfRelayed(int fd, const relay::Name& name, bool peer,
                     Address* address) {
  return AskRelayed(
      fd, name, [&](ByteBuffer* call) { AppendLinuxName(call, peer); },
      [&](const Completion& result) { *address = result.peer; });
}

int GetRelayedOption(int fd, const relay::Name& name, int level, int option,
                     void* value, socklen_t* size) {
  int room;
  if (!CopyIn(&room, size, sizeof room)) return -EFAULT;
  if (room < 0) return -EINVAL;
  const size_t length =
      std::min<size_t>(static_cast<size_t>(room), kMostValueBytes);
  // Some options read what is there; few have readable memory for all of it.
  Value input;
  const bool readable = CopyIn(input.bytes, value, length);
  bool copied = true;
  const int error = AskRelayed(
      fd, name,
      [&](ByteBuffer* call) {
        AppendLinuxGetOption(call, level, option, static_cast<uint32_t>(length),
                             {input.bytes, readable ? length : 0});
      },
      [&](const Completion& result) {
        const auto taken =
            static_cast<socklen_t>(std::min<size_t>(result.data.size, length));
        copied = CopyOut(value, result.data.data, taken) &&
                 CopyOut(size, &taken, sizeof taken);
      });
  return error == 0 && !copied ? -EFAULT : error;
}

int GetRelayedNumber(int fd, const relay::Name& name, int level, int option,
                     int* value) {
  *value = 0;
  return AskRelayed(
      fd, name,
      [&](ByteBuffer* call) {
        AppendLinuxGetOption(call, level, option, sizeof *value, {});
      },
      [&](const Completion& result) {
        std::memcpy(value, result.data.data,
                    std::min(result.data.size, sizeof *value));
      });
}

int SetRelayedOption(int fd, const relay::Name& name, int level, int option,
                     const void* value, socklen_t size) {
  if (static_cast<int>(size) < 0 || size > kMostValueBytes) return -EINVAL;
  Value input;
  if (!CopyIn(input.bytes, value, size)) return -EFAULT;
  SettingOption call(name.kind, level, option, {input.bytes, size});
  return AskAboutSocket(fd, name, &call);
}

int ControlRelayed(int fd, const relay::Name& name, unsigned long request,
                   void* argument, size_t size) {
  Value input;
  size = std::min(size, kMostValueBytes);
  if (!CopyIn(input.bytes, argument, size)) return -EFAULT;
  int value = 0;
  bool copied = true;
  const int error = AskRelayed(
      fd, name,
      [&](ByteBuffer* call) {
        AppendLinuxIoctl(call, request, {input.bytes, size});
      },
      [&](const Completion& result) {
        value = std::max(result.linux_result.result, 0);
        copied = CopyOut(argument, result.data.data,
                         std::min(result.data.size, size));
      });
  if (error != 0) return error;
  return copied ? value : -EFAULT;
}

int StateOfRelayed(int fd, const relay::Name& name, RelayedState* state) {
  *state = RelayedState();
  return AskRelayed(
      fd, name, [&](ByteBuffer* call) { AppendLinuxState(call, 0); },
      [&](const Completion& result) {
        state->state = result.linux_result.state;
        state->error = std::max(result.linux_result.error, 0);
      });
}

int ShutDownRelayed(int fd, const relay::Name& name, int how) {
  return AskRelayed(fd, name,
                    [&](ByteBuffer* call) { AppendLinuxShutdown(call, how); });
}

}  // namespace wsp
