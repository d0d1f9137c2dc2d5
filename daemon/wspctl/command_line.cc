#include "daemon/wspctl/command_line.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "daemon/wspctl/event_names.h"
#include "daemon/wspctl/policy_arguments.h"

namespace wspd {

const char kHelpText[] =
    R"(Usage: wspctl [--socket PATH] [--json] COMMAND

Asks a running wspd.

Commands:
  clients        the attached processes
  sockets [PID]  their sockets, or those of one process
  reset SOCKET   resets a socket, whoever has it: SOCKET as "sockets" shows it,
                 if that isn't the only one of its number as CLIENT/SOCKET
  watch [PID]    what happens to them, until it is interrupted
  info           the daemon: version, sockets, counters, limits
  health         whether it takes new work
  policy test ACTION ADDRESS:PORT
                 whether somebody may connect, bind, listen, accept, send or
                 resolve (ADDRESS or a host's name) there, and by which rule;
                 about others than oneself for root and the daemon's user
  check-config FILE
                 whether it is a configuration that wspd takes; asks no daemon
  version        wspctl's own version; asks no daemon

Options:
  --socket PATH  the daemon's admin socket; default: $WSPD_ADMIN_SOCKET, else
                 /run/wspd/admin.sock
  --json         one JSON object a line; fields as in proto/wsp/v1/admin.proto,
                 64-bit numbers as strings, addresses as "1.2.3.4:80"
  --kind KINDS   of watch: only these, for example
                 client_died,socket_refused
  --from NUMBER  of watch: begins with this event, as far as events are kept; 1
                 is the first of all
  --uid USER, --gid GROUP, --cgroup PATH, --host NAME
                 of policy test: whom it is about, by name or number (the
                 caller; the user's groups), and by which name the address was
                 found. What isn't known fits rules that deny.
  --help         this text

Root and the daemon's own user see everything and may reset, others see their
own processes.

Exit status:
  0   it went well; for health: SERVING
  1   it failed, or there is no daemon; for health: anything else than SERVING
  2   policy test: denied
  78  check-config: it isn't
  64  the command line is wrong
)";

namespace {

constexpr char kDefaultSocket[] = "/run/wspd/admin.sock";

constexpr std::array<std::pair<absl::string_view, Command>, 10> kCommands = {{
    {"clients", Command::kClients},
    {"sockets", Command::kSockets},
    {"reset", Command::kReset},
    {"info", Command::kInfo},
    {"watch", Command::kWatch},
    {"health", Command::kHealth},
    {"policy", Command::kPolicyTest},
    {"check-config", Command::kCheckConfig},
    {"version", Command::kVersion},
    {"help", Command::kHelp},
}};

// Adds the kinds of a list of names, which are those of admin.proto, shorter.
absl::Status ParseKinds(absl::string_view names, CommandLine* line) {
  for (const absl::string_view name : absl::StrSplit(names, ',')) {
    wsp::v1::JournalEvent::Kind kind;
    if (!wsp::v1::JournalEvent::Kind_Parse(
            absl::StrCat("KIND_", absl::AsciiStrToUpper(name)), &kind) ||
        kind == wsp::v1::JournalEvent::KIND_UNSPECIFIED) {
      return absl::InvalidArgumentError(absl::StrCat(
          "there is no kind \"", name, "\"; there are ", EventKindNames()));
    }
    line->kinds.push_back(kind);
  }
  return absl::OkStatus();
}

absl::Status ParseWatchOption(absl::string_view name, absl::string_view value,
                              CommandLine* line) {
  if (name == "--kind") return ParseKinds(value, line);
  if (!absl::SimpleAtoi(value, &line->from) || line->from == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", value, "\" is no event's number"));
  }
  return absl::OkStatus();
}

// What follows an option that has a value, if `name` is one. False: it isn't.
bool TakeValueOption(absl::string_view name, const std::string& value,
                     PolicyOptions* options) {
  if (name == "--uid") {
    options->uid = value;
  } else if (name == "--gid") {
    options->gids.push_back(value);
  } else if (name == "--cgroup") {
    options->cgroup = value;
  } else if (name == "--host") {
    options->host = value;
  } else {
    return false;
  }
  return true;
}

// Takes options out, in any place; what is left are the words.
absl::StatusOr<std::vector<std::string>> TakeOptions(
    const std::vector<std::string>& arguments, CommandLine* line,
    PolicyOptions* policy, bool* help) {
  std::vector<std::string> words;
  for (size_t i = 0; i < arguments.size(); ++i) {
    absl::string_view argument = arguments[i];
    if (argument == "--json") {
      line->json = true;
    } else if (argument == "--help" || argument == "-h") {
      *help = true;
    } else if (argument == "--version") {
      words.push_back("version");
    } else if (argument == "--socket") {
      if (++i == arguments.size()) {
        return absl::InvalidArgumentError("--socket needs a path");
      }
      line->socket = arguments[i];
    } else if (argument == "--kind" || argument == "--from") {
      if (++i == arguments.size()) {
        return absl::InvalidArgumentError(
            absl::StrCat(argument, " needs a value"));
      }
      if (auto status = ParseWatchOption(argument, arguments[i], line);
          !status.ok()) {
        return status;
      }
    } else if (absl::StartsWith(argument, "--kind=") ||
               absl::StartsWith(argument, "--from=")) {
      const auto [name, value] =
          std::pair(argument.substr(0, 6), argument.substr(7));
      if (auto status = ParseWatchOption(name, value, line); !status.ok()) {
        return status;
      }
    } else if (absl::ConsumePrefix(&argument, "--socket=")) {
      line->socket = std::string(argument);
    } else if (i + 1 < arguments.size() &&
               TakeValueOption(argument, arguments[i + 1], policy)) {
      ++i;
    } else if (absl::ConsumePrefix(&argument, "-")) {
      return absl::InvalidArgumentError(
          absl::StrCat("there is no option ", arguments[i]));
    } else {
      words.push_back(arguments[i]);
    }
  }
  return words;
}

absl::Status ParseSocketName(absl::string_view word, SocketName* name) {
  const std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(word, absl::MaxSplits('/', 1));
  const bool has_client = absl::StrContains(word, '/');
  absl::string_view number = has_client ? parts.second : parts.first;
  const bool good_client =
      !has_client || absl::SimpleAtoi(parts.first, &name->client_id);
  uint64_t* const to =
      absl::ConsumePrefix(&number, "sk:") ? &name->cookie : &name->socket_id;
  const bool plain =
      !number.empty() &&
      std::all_of(number.begin(), number.end(), absl::ascii_isxdigit);
  if (good_client && plain && absl::SimpleHexAtoi(number, to) && *to != 0) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", word,
      "\" is not a socket: a hexadecimal number as \"sockets\" shows it, or "
      "\"sk:\" and a cookie, perhaps after \"CLIENT/\""));
}

absl::Status ParseWords(const std::vector<std::string>& words,
                        const PolicyOptions& policy, CommandLine* line) {
  if (words.empty()) return absl::InvalidArgumentError("which command?");
  bool known = false;
  for (const auto& [name, command] : kCommands) {
    if (words[0] != name) continue;
    line->command = command;
    known = true;
  }
  if (!known) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no command ", words[0]));
  }
  if (line->command == Command::kPolicyTest) {
    return ParsePolicyTest({words.begin() + 1, words.end()}, policy,
                           &line->policy);
  }
  if (policy.any()) {
    return absl::InvalidArgumentError(
        "--uid, --gid, --cgroup and --host are options of policy test");
  }
  if (line->command == Command::kCheckConfig) {
    if (words.size() != 2) return absl::InvalidArgumentError("which file?");
    line->file = words[1];
    return absl::OkStatus();
  }
  const bool takes_more = line->command == Command::kSockets ||
                          line->command == Command::kWatch ||
                          line->command == Command::kReset;
  const size_t most = takes_more ? 2 : 1;
  if (words.size() > most) {
    return absl::InvalidArgumentError(
        absl::StrCat("what is \"", words[most], "\"?"));
  }
  if (line->command == Command::kReset) {
    if (words.size() == 1) return absl::InvalidArgumentError("which socket?");
    return ParseSocketName(words[1], &line->named);
  }
  if (words.size() == 2 &&
      (!absl::SimpleAtoi(words[1], &line->pid) || line->pid <= 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", words[1], "\" is not a pid"));
  }
  if ((!line->kinds.empty() || line->from != 0) &&
      line->command != Command::kWatch) {
    return absl::InvalidArgumentError("--kind and --from are for watch");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(
    const std::vector<std::string>& arguments, const char* environment_socket) {
  CommandLine line;
  line.socket = environment_socket != nullptr && *environment_socket != '\0'
                    ? environment_socket
                    : kDefaultSocket;
  bool help = false;
  PolicyOptions policy;
  const auto words = TakeOptions(arguments, &line, &policy, &help);
  if (!words.ok()) return words.status();
  if (help) {
    line.command = Command::kHelp;
    return line;
  }
  if (auto status = ParseWords(*words, policy, &line); !status.ok())
    return status;
  if (line.socket.empty()) {
    return absl::InvalidArgumentError("--socket needs a path");
  }
  return line;
}

}  // namespace wspd
