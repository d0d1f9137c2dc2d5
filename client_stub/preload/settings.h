#ifndef WSPD_CLIENT_STUB_PRELOAD_SETTINGS_H_
#define WSPD_CLIENT_STUB_PRELOAD_SETTINGS_H_

#include <sys/un.h>

namespace wsp {

// Which of the two ways the program's sockets are its own.
enum class Plane {
  // Lent where the daemon lends to this client, else relayed.
  kAuto,
  kLent,
  kRelayed,
};

// What wsprun hands to the library by environment variables. Read once, when
// the library is loaded: programs change their environment, or use its memory
// for something else.
struct Settings {
  // WSPD_SOCKET, where the daemon listens, as an absolute path; empty if it
  // doesn't fit.
  char socket_path[sizeof(sockaddr_un::sun_path)] = {};
  // WSPD_FALLBACK=1: without a daemon, the kernel's own sockets and names.
  bool fallback = false;
  // WSPD_PLANE: lent, relayed, or anything else.
  Plane plane = Plane::kAuto;
};

void ReadSettings(Settings* settings);

// Those of this process.
const Settings& ProcessSettings();
void ReadProcessSettings();

}  // namespace wsp

#endif  // WSPD_CLIENT_STUB_PRELOAD_SETTINGS_H_
