#ifndef WSPD_DAEMON_WSPCTL_WSPCTL_H_
#define WSPD_DAEMON_WSPCTL_WSPCTL_H_

#include <ostream>
#include <string>
#include <vector>

namespace wspd {

// wspctl's exit codes, as --help states them.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;
inline constexpr int kExitDenied = 2;
inline constexpr int kExitUsage = 64;
inline constexpr int kExitConfig = 78;

// The program: `arguments` without its name, $WSPD_ADMIN_SOCKET (may be null).
// Returns the exit code.
int RunWspctl(const std::vector<std::string>& arguments,
              const char* environment_socket, std::ostream& out,
              std::ostream& err);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_WSPCTL_H_
