#ifndef WSPD_CLIENT_STUB_PRELOAD_RELAYED_CALLS_H_
#define WSPD_CLIENT_STUB_PRELOAD_RELAYED_CALLS_H_

#include <sys/socket.h>

#include <cstdint>

#include "client_stub/preload/socket_session.h"
#include "client_stub/transport/linux_requests.h"
#include "proto/relay_name.h"
#include "proto/wire_fields.h"

// What the daemon is asked about relayed sockets, each in one round trip that
// it answers at once. `fd` is the descriptor by which the process has the
// socket, `name` what GetRelayedName() has just said of it. All return 0, or
// more where that says so, or a negative errno: what the kernel said to the
// real socket, ENETDOWN if the daemon is gone. errno is left alone; signals are
// blocked meanwhile.
namespace wsp {

template <typename AppendFunction, typename TakeFunction>
class RelayedCallBy final : public RelayedCall {
 public:
  RelayedCallBy(const AppendFunction& append, const TakeFunction& take)
      : append_(append), take_(take) {}

  void Append(ByteBuffer* call) const override { append_(call); }
  void Take(const Completion& result) override { take_(result); }

 private:
  const AppendFunction& append_;
  const TakeFunction& take_;
};

// Any of them: `append(ByteBuffer* call)` appends the request, `take(const
// Completion&)` has the result of a success, with the session's lock held: it
// doesn't touch the program's memory but by CopyOut().
template <typename AppendFunction, typename TakeFunction>
int AskRelayed(int fd, const relay::Name& name, const AppendFunction& append,
               const TakeFunction& take) {
  RelayedCallBy<AppendFunction, TakeFunction> call(append, take);
  return AskAboutSocket(fd, name, &call);
}
template <typename AppendFunction>
int AskRelayed(int fd, const relay::Name& name, const AppendFunction& append) {
  return AskRelayed(fd, name, append, [](const Completion&) {});
}

int BindRelayed(int fd, const relay::Name& name, const Address& address);

// What the daemon has answered to an attempt, if that was waited for.
struct ConnectAnswer {
  // It hasn't ended.
  bool in_progress = false;
  // There is none yet: OutcomeOfConnect() has it later.
  bool unawaited = false;
};

// Without a family: takes the connection back. `filler`: see LinuxConnect; with
// one, ENETDOWN says as well that the answer was lost: whether the daemon has
// been told is for its state to say. `may_go_unawaited`: the program is told in
// any case that the attempt is under way.
int ConnectRelayed(int fd, const relay::Name& name, const Address& address,
                   uint32_t filler, bool may_go_unawaited,
                   ConnectAnswer* answer);

int ListenRelayed(int fd, const relay::Name& name, int backlog);

int AddressOfRelayed(int fd, const relay::Name& name, bool peer,
                     Address* address);

// As getsockopt() and setsockopt(): `value` and `size` are the program's.
int GetRelayedOption(int fd, const relay::Name& name, int level, int option,
                     void* value, socklen_t* size);
int SetRelayedOption(int fd, const relay::Name& name, int level, int option,
                     const void* value, socklen_t size);
// Of an int.
int GetRelayedNumber(int fd, const relay::Name& name, int level, int option,
                     int* value);

// As ioctl() of a request whose argument is `size` bytes of the program's.
int ControlRelayed(int fd, const relay::Name& name, unsigned long request,
                   void* argument, size_t size);

struct RelayedState {
  using Value = wire::LinuxStateResult;
  // Value::STATE_...
  uint32_t state = 0;
  // The pending error, which nobody else will be told; 0: none.
  int error = 0;
};
int StateOfRelayed(int fd, const relay::Name& name, RelayedState* state);

int ShutDownRelayed(int fd, const relay::Name& name, int how);

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_RELAYED_CALLS_H_
