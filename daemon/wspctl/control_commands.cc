#include "daemon/wspctl/control_commands.h"

#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "daemon/base/escape.h"
#include "daemon/wspctl/admin_client.h"
#include "daemon/wspctl/format.h"
#include "daemon/wspctl/json.h"
#include "daemon/wspctl/values.h"

namespace wspd {
namespace {

constexpr char kLevelPrefix[] = "LOG_LEVEL_";

// "DEBUG".
std::string NameOf(wsp::v1::LogLevel level) {
  return wsp::v1::LogLevel_Name(level).substr(sizeof(kLevelPrefix) - 1);
}

std::string Left(const wsp::v1::DrainResponse& left) {
  const auto count = [](uint32_t number, const char* one, const char* several) {
    return absl::StrCat(number, " ", number == 1 ? one : several);
  };
  return absl::StrCat(
      count(left.clients(), "client", "clients"), ", ",
      count(left.sockets(), "socket", "sockets"), ", ",
      count(left.lingering_sockets(), "closed one", "closed ones"),
      " still sending");
}

std::string DescribeChange(const wsp::v1::ConfigChange& change) {
  return absl::StrCat(Escape(change.field()), ": ", Escape(change.before()),
                      " -> ", Escape(change.after()),
                      change.needs_restart() ? " (waits for a restart)" : "",
                      "\n");
}

}  // namespace

// -------------------------------------------------------------- disconnect

std::vector<Option> DisconnectCommand::options() {
  return {{"--client", "CLIENT",
           "the client by its number, where the pid isn't known",
           [this](absl::string_view value) {
             const auto client = ParseClientNumber(value);
             if (!client.ok()) return client.status();
             request_.set_client_id(*client);
             return absl::OkStatus();
           }}};
}

absl::Status DisconnectCommand::TakeWords(
    const std::vector<std::string>& words) {
  if (auto status = RefuseWordsAfter(1, words); !status.ok()) return status;
  if (words.empty()) {
    if (request_.client_id() != 0) return absl::OkStatus();
    return absl::InvalidArgumentError("which process?");
  }
  const auto pid = ParsePid(words[0]);
  if (!pid.ok()) return pid.status();
  request_.set_pid(*pid);
  return absl::OkStatus();
}

absl::StatusOr<int> DisconnectCommand::Run(const Console& console) {
  auto daemon = AdminClient::Connect(console.daemons.front());
  if (!daemon.ok()) return daemon.status();
  const auto response = (*daemon)->DisconnectClient(request_);
  if (!response.ok()) return response.status();
  wsp::v1::ListClientsResponse one;
  *one.add_clients() = response->client();
  *console.out << (console.json
                       ? FormatClientsJson(one)
                       : FormatClients(one, absl::Now(), console.style));
  return kExitOk;
}

// ------------------------------------------------------------------- drain

std::vector<Option> DrainCommand::options() {
  return {{"--timeout", "TIME",
           "how long to wait, \"30s\" or \"5m\"; 0: not at all; without it as "
           "long as it takes",
           [this](absl::string_view value) { return TakeTimeout(value); }},
          {"--cancel", "", "takes new clients and sockets again",
           [this](absl::string_view) {
             cancel_ = true;
             return absl::OkStatus();
           }}};
}

absl::Status DrainCommand::TakeTimeout(absl::string_view value) {
  absl::Duration timeout;
  // A bare number is seconds.
  uint32_t seconds = 0;
  if (absl::SimpleAtoi(value, &seconds)) {
    timeout = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(value, &timeout)) {
    timeout = -absl::Seconds(1);
  }
  const int64_t ms = absl::ToInt64Milliseconds(timeout);
  if (ms < 0 || ms > UINT32_MAX) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", value, "\" is no time, such as \"30s\", \"5m\" or \"1h\""));
  }
  request_.set_timeout_ms(static_cast<uint32_t>(ms));
  return absl::OkStatus();
}

absl::StatusOr<int> DrainCommand::Run(const Console& console) {
  auto daemon = AdminClient::Connect(console.daemons.front());
  if (!daemon.ok()) return daemon.status();
  if (cancel_) {
    const auto response = (*daemon)->CancelDrain();
    if (!response.ok()) return response.status();
    if (console.json) {
      *console.out << ToJson(*response) << "\n";
    } else {
      *console.out << (response->was_draining() ? "new clients are taken again"
                                                : "it wasn't draining")
                   << "\n";
    }
    return kExitOk;
  }
  const absl::Status status = (*daemon)->Drain(
      request_, [&console](const wsp::v1::DrainResponse& left) {
        *console.out << (console.json ? ToJson(left)
                                      : absl::StrCat("left: ", Left(left)))
                     << "\n"
                     << std::flush;
        return console.out->good();
      });
  if (absl::IsDeadlineExceeded(status)) {
    if (!console.json) *console.out << Escape(status.message()) << "\n";
    return kExitTimeout;
  }
  if (!status.ok()) return status;
  if (!console.json) *console.out << "drained\n";
  return kExitOk;
}

// ------------------------------------------------------------------ reload

absl::StatusOr<int> ReloadCommand::Run(const Console& console) {
  auto daemon = AdminClient::Connect(console.daemons.front());
  if (!daemon.ok()) return daemon.status();
  const auto response = (*daemon)->Reload();
  if (!response.ok()) return response.status();
  for (const wsp::v1::ConfigChange& change : response->changes()) {
    *console.out << (console.json ? absl::StrCat(ToJson(change), "\n")
                                  : DescribeChange(change));
  }
  if (response->changes().empty() && !console.json) {
    *console.out << "nothing has changed\n";
  }
  return kExitOk;
}

// --------------------------------------------------------------- log-level

absl::Status LogLevelCommand::TakeWords(const std::vector<std::string>& words) {
  if (auto status = RefuseWordsAfter(1, words); !status.ok()) return status;
  if (words.empty()) return absl::OkStatus();
  wsp::v1::LogLevel level;
  if (!wsp::v1::LogLevel_Parse(
          absl::StrCat(kLevelPrefix, absl::AsciiStrToUpper(words[0])),
          &level) ||
      level == wsp::v1::LOG_LEVEL_UNSPECIFIED) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no level \"", words[0],
                     "\"; there are ERROR, WARNING, INFO and DEBUG"));
  }
  request_.set_level(level);
  return absl::OkStatus();
}

absl::StatusOr<int> LogLevelCommand::Run(const Console& console) {
  auto daemon = AdminClient::Connect(console.daemons.front());
  if (!daemon.ok()) return daemon.status();
  wsp::v1::LogLevel level = request_.level();
  if (level == wsp::v1::LOG_LEVEL_UNSPECIFIED) {
    const auto info = (*daemon)->GetServerInfo();
    if (!info.ok()) return info.status();
    level = info->log_level();
  } else {
    const auto response = (*daemon)->SetLogLevel(request_);
    if (!response.ok()) return response.status();
  }
  if (console.json) {
    *console.out << "{\"log_level\":\"" << NameOf(level) << "\"}\n";
  } else {
    *console.out << NameOf(level) << "\n";
  }
  return kExitOk;
}

}  // namespace wspd
