#include "daemon/wspctl/command_line.h"

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "daemon/wspctl/command_table.h"
#include "daemon/wspctl/daemon_address.h"
#include "daemon/wspctl/help_text.h"

namespace wspd {
namespace {

constexpr char kDefaultSocket[] = "/run/wspd/admin.sock";

const CommandEntry* FindCommand(absl::string_view name) {
  for (const CommandEntry& entry : CommandTable()) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

const Option* FindOption(const std::vector<Option>& options,
                         absl::string_view name) {
  for (const Option& option : options) {
    if (option.name == name) return &option;
  }
  return nullptr;
}

class Parser {
 public:
  explicit Parser(const std::vector<std::string>& arguments)
      : arguments_(arguments) {}

  absl::StatusOr<CommandLine> Parse(const Surroundings& around);

 private:
  std::vector<Option> SharedOptions();
  absl::Status TakeColor(absl::string_view when);
  absl::Status TakeArguments();
  // The one at next_, with its value.
  absl::Status TakeOption();
  absl::Status TakeWord(const std::string& word);
  absl::Status SetDaemons();
  absl::Status NoSuchOption(absl::string_view name) const;

  const std::vector<std::string>& arguments_;
  size_t next_ = 0;
  CommandLine line_;
  // As far as all daemons have it alike.
  DaemonAddress daemon_;
  bool socket_given_ = false;
  std::vector<std::string> endpoints_;
  bool wants_help_ = false;
  bool wants_version_ = false;
  const CommandEntry* entry_ = nullptr;
  const std::vector<Option> shared_ = SharedOptions();
  std::vector<Option> own_;
  std::vector<std::string> words_;
};

std::vector<Option> Parser::SharedOptions() {
  const auto flag = [](bool* to) {
    return [to](absl::string_view) {
      *to = true;
      return absl::OkStatus();
    };
  };
  const auto path = [](std::string* to) {
    return [to](absl::string_view value) {
      *to = std::string(value);
      return value.empty()
                 ? absl::InvalidArgumentError("the name of a file is empty")
                 : absl::OkStatus();
    };
  };
  return {
      {"--socket", "PATH",
       absl::StrCat("the daemon's admin socket; default: $WSPD_ADMIN_SOCKET, "
                    "else ",
                    kDefaultSocket),
       [this](absl::string_view value) {
         if (value.empty()) {
           return absl::InvalidArgumentError("--socket needs a path");
         }
         daemon_.socket = std::string(value);
         socket_given_ = true;
         return absl::OkStatus();
       }},
      {"--endpoint", "ENDPOINTS",
       "daemons elsewhere, by remote_admin of their configurations: HOST:PORT, "
       "several separated by commas for clients, sockets, names and health; "
       "with --cert and --key",
       [this](absl::string_view value) {
         auto endpoints = ParseEndpoints(value);
         if (!endpoints.ok()) return endpoints.status();
         endpoints_ = *std::move(endpoints);
         return absl::OkStatus();
       }},
      {"--ca", "FILE",
       "who certifies them (PEM); default: the system's authorities",
       path(&daemon_.ca)},
      {"--cert", "FILE", "this user's certificate (PEM)",
       path(&daemon_.certificate)},
      {"--key", "FILE", "and its key", path(&daemon_.key)},
      {"--server-name", "NAME",
       "the name that the daemons' certificates have; default: HOST",
       [this](absl::string_view value) {
         if (value.empty()) {
           return absl::InvalidArgumentError("--server-name needs a name");
         }
         daemon_.server_name = std::string(value);
         return absl::OkStatus();
       }},
      {"--json", "",
       "one JSON object a line; fields as in proto/wsp/v1/admin.proto, 64-bit "
       "numbers as strings, addresses as \"1.2.3.4:80\"",
       flag(&line_.console.json)},
      {"--resolve", "",
       "in text, names of users, hosts and services in the place of numbers, "
       "of as many as are found in 2 s",
       [this](absl::string_view) {
         line_.console.names = std::make_shared<Names>();
         return absl::OkStatus();
       }},
      {"--color", "WHEN",
       "auto, which is on a terminal unless $NO_COLOR is set; always; never",
       [this](absl::string_view value) { return TakeColor(value); }},
      {"--help", "", "this text; behind a command what belongs to it",
       flag(&wants_help_)},
      {"--version", "", "as the command", flag(&wants_version_)},
  };
}

absl::Status Parser::TakeColor(absl::string_view when) {
  if (when == "always" || when == "never") {
    line_.console.style.color = when == "always";
  } else if (when != "auto") {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", when, "\" is not a time for color: auto, always or never"));
  }
  return absl::OkStatus();
}

absl::Status Parser::NoSuchOption(absl::string_view name) const {
  if (entry_ == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "there is no option ", name, " that stands before a command"));
  }
  return absl::InvalidArgumentError(
      absl::StrCat(entry_->name, " has no option ", name));
}

absl::Status Parser::TakeOption() {
  const absl::string_view argument = arguments_[next_];
  const size_t equals = argument.find('=');
  const absl::string_view name =
      argument == "-h" ? "--help" : argument.substr(0, equals);
  const Option* option = FindOption(shared_, name);
  if (option == nullptr) option = FindOption(own_, name);
  if (option == nullptr) return NoSuchOption(name);
  const bool has_value = equals != absl::string_view::npos;
  if (option->value.empty()) {
    if (!has_value) return option->take("");
    return absl::InvalidArgumentError(absl::StrCat(name, " has no value"));
  }
  if (has_value) return option->take(argument.substr(equals + 1));
  if (next_ + 1 == arguments_.size()) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, " needs a value: ", name, " ", option->value));
  }
  return option->take(arguments_[++next_]);
}

absl::Status Parser::TakeWord(const std::string& word) {
  if (entry_ != nullptr) {
    words_.push_back(word);
    return absl::OkStatus();
  }
  if (word == "help") {
    wants_help_ = true;
    return absl::OkStatus();
  }
  entry_ = FindCommand(word);
  if (entry_ == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no command ", word));
  }
  line_.command = entry_->make();
  own_ = line_.command->options();
  return absl::OkStatus();
}

absl::Status Parser::TakeArguments() {
  bool options = true;
  for (; next_ < arguments_.size(); ++next_) {
    const std::string& argument = arguments_[next_];
    if (options && argument == "--") {
      options = false;
      continue;
    }
    const bool is_option =
        options && argument.size() > 1 && absl::StartsWith(argument, "-");
    absl::Status status = is_option ? TakeOption() : TakeWord(argument);
    if (!status.ok()) return status;
  }
  if (wants_version_ && entry_ == nullptr) return TakeWord("version");
  return absl::OkStatus();
}

absl::Status Parser::SetDaemons() {
  const bool has_files = !daemon_.ca.empty() || !daemon_.certificate.empty() ||
                         !daemon_.key.empty() || !daemon_.server_name.empty();
  line_.console.daemons = {daemon_};
  if (endpoints_.empty()) {
    if (!has_files) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "--ca, --cert, --key and --server-name are for --endpoint, which is "
        "missing");
  }
  if (socket_given_) {
    return absl::InvalidArgumentError(
        "--socket and --endpoint exclude another");
  }
  if (daemon_.certificate.empty() || daemon_.key.empty()) {
    return absl::InvalidArgumentError("--endpoint needs --cert and --key");
  }
  if (endpoints_.size() > 1 && !line_.command->asks_many()) {
    return absl::InvalidArgumentError(
        absl::StrCat(entry_->name, " asks one daemon; --endpoint names ",
                     endpoints_.size()));
  }
  line_.console.daemons.clear();
  for (const std::string& endpoint : endpoints_) {
    DaemonAddress& daemon = line_.console.daemons.emplace_back(daemon_);
    daemon.socket.clear();
    daemon.endpoint = endpoint;
  }
  return absl::OkStatus();
}

absl::StatusOr<CommandLine> Parser::Parse(const Surroundings& around) {
  daemon_.socket =
      around.admin_socket != nullptr && *around.admin_socket != '\0'
          ? around.admin_socket
          : kDefaultSocket;
  line_.console.style.width = around.terminal_width;
  line_.console.style.color = around.terminal_width > 0 && around.wants_color;
  if (auto status = TakeArguments(); !status.ok()) return status;
  if (wants_help_) {
    line_.command = nullptr;
    line_.help =
        entry_ == nullptr ? HelpText(shared_) : HelpText(*entry_, shared_);
    return std::move(line_);
  }
  if (entry_ == nullptr) return absl::InvalidArgumentError("which command?");
  if (auto status = line_.command->TakeWords(words_); !status.ok()) {
    return status;
  }
  if (auto status = SetDaemons(); !status.ok()) return status;
  return std::move(line_);
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(
    const std::vector<std::string>& arguments, const Surroundings& around) {
  return Parser(arguments).Parse(around);
}

}  // namespace wspd
