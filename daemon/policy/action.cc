#include "daemon/policy/action.h"

namespace wspd {

const char* ActionName(Action action) {
  switch (action) {
    case Action::kConnect:
      return "connect";
    case Action::kBind:
      return "bind";
    case Action::kListen:
      return "listen";
    case Action::kAccept:
      return "accept";
    case Action::kSend:
      return "send";
    case Action::kResolve:
      return "resolve";
    case Action::kRaw:
      return "raw";
    case Action::kPrivilege:
      return "privilege";
  }
  return "?";
}

}  // namespace wspd
