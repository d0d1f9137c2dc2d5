// The daemon: reads flags and configuration, the latter again at SIGHUP, serves
// until SIGTERM or SIGINT.

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/base/config.h"
#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/flags/usage_config.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "daemon/base/log.h"
#include "daemon/base/version.h"
#include "daemon/config/config.h"
#include "daemon/daemon.h"
#include "daemon/privileges/privileges.h"
#include "daemon/service/passed_sockets.h"
#include "daemon/service/sd_notify.h"
#include "daemon/test_flags.h"

ABSL_FLAG(std::string, config, "",
          "configuration file (textproto, see wspd.textproto); without it the "
          "defaults are used");
ABSL_FLAG(std::string, provider_socket, "", "overrides provider_socket");
ABSL_FLAG(std::string, admin_socket, "", "overrides admin_socket");
ABSL_FLAG(std::string, log_level, "", "overrides log_level");
ABSL_FLAG(bool, check_config, false,
          "check flags and configuration, and exit with 0 or 78");

// Abseil's place for more words about a wrong flag, before it exits with 1.
extern "C" void ABSL_INTERNAL_C_SYMBOL(AbslInternalReportFatalUsageError)(
    absl::string_view) {
  exit(EX_USAGE);
}

namespace {

constexpr char kUsage[] =
    R"(wspd [--config FILE]: the Winsock provider daemon

Exit status:
  0   after SIGTERM or SIGINT
  64  the command line is wrong, or a socket was passed under a wrong name
  69  it can't serve
  77  it can't drop its privileges
  78  the configuration is wrong)";

void OverrideString(const std::string& flag, std::string* field) {
  if (!flag.empty()) *field = flag;
}

absl::StatusOr<wspd::Config> ReadConfig() {
  const std::string file = absl::GetFlag(FLAGS_config);
  absl::StatusOr<wspd::Config> config =
      file.empty() ? wspd::DefaultConfig() : wspd::LoadConfig(file);
  if (!config.ok()) return config;
  OverrideString(absl::GetFlag(FLAGS_provider_socket),
                 config->mutable_provider_socket());
  OverrideString(absl::GetFlag(FLAGS_admin_socket),
                 config->mutable_admin_socket());
  OverrideString(absl::GetFlag(FLAGS_log_level), config->mutable_log_level());
  if (absl::Status status = wspd::ValidateConfig(*config); !status.ok()) {
    return status;
  }
  return config;
}

// By default --help looks for a file that is named like the program.
void SetHelp() {
  absl::SetProgramUsageMessage(kUsage);
  const auto is_own = [](absl::string_view file) {
    return absl::EndsWith(file, "daemon/main.cc");
  };
  absl::FlagsUsageConfig help;
  help.contains_help_flags = is_own;
  help.contains_helpshort_flags = is_own;
  help.version_string = [] {
    return absl::StrCat("wspd ", wspd::kVersion, "\n");
  };
  absl::SetFlagsUsageConfig(help);
}

// Payload comes in bursts of up to the credits of a few sockets that are freed
// at once. By default glibc gives such memory back to the kernel each time, and
// the page faults of getting it again cost a quarter of the throughput in bulk.
// So each thread may keep some.
void KeepFreedMemory() {
  constexpr int kKeptBytesOfArena = 1 << 20;
  mallopt(M_TRIM_THRESHOLD, kKeptBytesOfArena);
  mallopt(M_MMAP_THRESHOLD, kKeptBytesOfArena / 2);
}

// Debian's Abseil looks for cycles in the order in which mutexes are locked, in
// every program and at every lock: one graph under one lock for all threads, a
// node of about 100 bytes for each mutex. That is for tests, and the daemon
// built for them leaves it on.
void LeaveLockOrderUnchecked() {
#ifndef ABSL_HAVE_ADDRESS_SANITIZER
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
#endif
}

void SetLogLevelOf(const wspd::Config& config) {
  const auto level = wspd::ParseLogLevel(config.log_level());
  if (level.ok()) wspd::SetLogLevel(*level);
}

int Fail(const absl::Status& status, int exit_code) {
  fprintf(stderr, "wspd: %s\n", std::string(status.message()).c_str());
  return exit_code;
}

}  // namespace

int main(int argc, char** argv) {
  LeaveLockOrderUnchecked();
  SetHelp();
  const std::vector<char*> rest = absl::ParseCommandLine(argc, argv);
  if (rest.size() > 1) {
    fprintf(stderr, "wspd: unexpected argument '%s'; see wspd --help\n",
            rest[1]);
    return EX_USAGE;
  }
  auto passed = wspd::TakePassedSockets();
  if (!passed.ok()) return Fail(passed.status(), EX_USAGE);
  auto watchdog_limit = wspd::WatchdogLimit();
  if (!watchdog_limit.ok()) return Fail(watchdog_limit.status(), EX_USAGE);
  absl::StatusOr<wspd::Config> config = ReadConfig();
  if (!config.ok()) return Fail(config.status(), EX_CONFIG);
  if (absl::GetFlag(FLAGS_check_config)) return 0;
  SetLogLevelOf(*config);

  KeepFreedMemory();
  // Blocked before any thread starts, so that only sigwait() gets them.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);

  if (auto status = wspd::DropPrivileges(*config); !status.ok()) {
    return Fail(status, EX_NOPERM);
  }
  wspd::Daemon::Options options;
  options.config = *std::move(config);
  options.read_config = &ReadConfig;
  options.passed = *std::move(passed);
  options.watchdog_limit = *watchdog_limit;
  if (absl::GetFlag(FLAGS_test_old_pidfd)) {
    options.pidfd_method = wspd::PidfdMethod::kPidfdOpen;
  }
  options.break_after_frames = absl::GetFlag(FLAGS_test_break_after_frames);
  auto daemon = wspd::Daemon::Start(std::move(options));
  if (!daemon.ok()) return Fail(daemon.status(), EX_UNAVAILABLE);
  int signal_number = 0;
  while (sigwait(&signals, &signal_number) == 0 && signal_number == SIGHUP) {
    (*daemon)->Reload();
  }
  (*daemon)->Stop();
  return 0;
}
