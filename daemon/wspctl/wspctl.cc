#include "daemon/wspctl/wspctl.h"

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "daemon/base/escape.h"
#include "daemon/base/version.h"
#include "daemon/config/config.h"
#include "daemon/wspctl/admin_client.h"
#include "daemon/wspctl/command_line.h"
#include "daemon/wspctl/format.h"
#include "daemon/wspctl/policy_arguments.h"

namespace wspd {
namespace {

using ::grpc::health::v1::HealthCheckResponse;

// What goes to standard output, and the exit code.
struct Answer {
  std::string text;
  int code = kExitOk;
};

std::string VersionText(bool json) {
  return json ? absl::StrCat("{\"version\":\"", kVersion, "\"}\n")
              : absl::StrCat("wspctl ", kVersion, "\n");
}

absl::StatusOr<Answer> AskHealth(const CommandLine& line, AdminClient* client) {
  const auto health = client->CheckHealth();
  if (!health.ok()) return health.status();
  const std::string& name =
      HealthCheckResponse::ServingStatus_Name(health->status());
  return Answer{
      line.json ? absl::StrCat("{\"status\":\"", name, "\"}\n")
                : absl::StrCat(name, "\n"),
      health->status() == HealthCheckResponse::SERVING ? kExitOk : kExitFailed};
}

absl::StatusOr<Answer> TestPolicy(const CommandLine& line,
                                  AdminClient* client) {
  const auto response = client->TestPolicy(line.policy);
  if (!response.ok()) return response.status();
  return Answer{line.json ? FormatPolicyAnswerJson(*response)
                          : FormatPolicyAnswer(*response),
                response->allowed() ? kExitOk : kExitDenied};
}

// Problems go to standard output: they are the answer.
Answer CheckConfig(const CommandLine& line) {
  const auto config = LoadConfig(line.file);
  if (config.ok()) return Answer{absl::StrCat(line.file, " is good\n")};
  return Answer{absl::StrCat(config.status().message(), "\n"), kExitConfig};
}

// The socket, as it was before.
absl::StatusOr<Answer> Reset(const CommandLine& line, AdminClient* client,
                             absl::Time now) {
  wsp::v1::ResetSocketRequest request;
  request.set_client_id(line.named.client_id);
  request.set_socket_id(line.named.socket_id);
  request.set_cookie(line.named.cookie);
  const auto response = client->ResetSocket(request);
  if (!response.ok()) return response.status();
  wsp::v1::ListSocketsResponse one;
  *one.add_sockets() = response->socket();
  return Answer{line.json ? FormatSocketsJson(one) : FormatSockets(one, now)};
}

absl::StatusOr<Answer> Ask(const CommandLine& line, AdminClient* client) {
  const absl::Time now = absl::Now();
  switch (line.command) {
    case Command::kClients: {
      const auto response = client->ListClients();
      if (!response.ok()) return response.status();
      return Answer{line.json ? FormatClientsJson(*response)
                              : FormatClients(*response, now)};
    }
    case Command::kSockets: {
      const auto response = client->ListSockets(line.pid);
      if (!response.ok()) return response.status();
      return Answer{line.json ? FormatSocketsJson(*response)
                              : FormatSockets(*response, now)};
    }
    case Command::kReset:
      return Reset(line, client, now);
    case Command::kInfo: {
      const auto info = client->GetServerInfo();
      if (!info.ok()) return info.status();
      return Answer{line.json ? FormatInfoJson(*info) : FormatInfo(*info, now)};
    }
    case Command::kHealth:
      return AskHealth(line, client);
    case Command::kPolicyTest:
      return TestPolicy(line, client);
    case Command::kCheckConfig:
    case Command::kWatch:
    case Command::kVersion:
    case Command::kHelp:
      break;
  }
  return absl::InternalError("not a question to a daemon");
}

// Writes as it comes.
absl::StatusOr<Answer> Watch(const CommandLine& line, AdminClient* client,
                             std::ostream& out) {
  wsp::v1::WatchEventsRequest request;
  request.set_pid(line.pid);
  request.set_from_sequence(line.from);
  for (const auto kind : line.kinds) request.add_kinds(kind);
  const absl::TimeZone zone = absl::LocalTimeZone();
  const auto write = [&](const wsp::v1::WatchEventsResponse& response) {
    out << (line.json ? FormatEventsJson(response)
                      : FormatEvents(response, zone))
        << std::flush;
    return out.good();
  };
  const absl::Status status = client->WatchEvents(request, write);
  if (!status.ok()) return status;
  return Answer();
}

absl::StatusOr<Answer> Run(const CommandLine& line, std::ostream& out) {
  if (line.command == Command::kHelp) return Answer{kHelpText};
  if (line.command == Command::kVersion) return Answer{VersionText(line.json)};
  if (line.command == Command::kCheckConfig) return CheckConfig(line);
  auto client = AdminClient::Connect(line.socket);
  if (!client.ok()) return client.status();
  if (line.command == Command::kWatch) return Watch(line, client->get(), out);
  return Ask(line, client->get());
}

}  // namespace

int RunWspctl(const std::vector<std::string>& arguments,
              const char* environment_socket, std::ostream& out,
              std::ostream& err) {
  const auto line = ParseCommandLine(arguments, environment_socket);
  if (!line.ok()) {
    err << "wspctl: " << line.status().message() << "\nTry wspctl --help.\n";
    return kExitUsage;
  }
  const auto answer = Run(*line, out);
  if (!answer.ok()) {
    err << "wspctl: " << Escape(answer.status().message()) << "\n";
    return kExitFailed;
  }
  out << answer->text << std::flush;
  if (!out) {
    err << "wspctl: can't write\n";
    return kExitFailed;
  }
  return answer->code;
}

}  // namespace wspd
