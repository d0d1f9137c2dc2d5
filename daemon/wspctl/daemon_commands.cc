#include "daemon/wspctl/daemon_commands.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "daemon/base/utf8.h"
#include "daemon/base/version.h"
#include "daemon/config/config.h"
#include "daemon/wspctl/admin_client.h"
#include "daemon/wspctl/ask_all.h"
#include "daemon/wspctl/format.h"
#include "daemon/wspctl/json.h"

namespace wspd {

using ::grpc::health::v1::HealthCheckResponse;

namespace {

// {"file":...,"good":false,"problems":["FILE:LINE:COLUMN: ...",...]}
std::string ConfigJson(absl::string_view file, const absl::Status& status) {
  std::vector<std::string> problems;
  for (const absl::string_view line :
       absl::StrSplit(status.message(), '\n', absl::SkipEmpty())) {
    problems.push_back(QuoteJson(ToValidUtf8(line)));
  }
  return absl::StrCat("{\"file\":", QuoteJson(ToValidUtf8(file)),
                      ",\"good\":", status.ok() ? "true" : "false",
                      ",\"problems\":[", absl::StrJoin(problems, ","), "]}");
}

}  // namespace

absl::StatusOr<int> InfoCommand::Run(const Console& console) {
  auto client = AdminClient::Connect(console.daemons.front());
  if (!client.ok()) return client.status();
  const auto info = (*client)->GetServerInfo();
  if (!info.ok()) return info.status();
  *console.out << (console.json ? FormatInfoJson(*info)
                                : FormatInfo(*info, absl::Now()));
  return kExitOk;
}

absl::Status HealthCommand::TakeWords(const std::vector<std::string>& words) {
  if (!words.empty()) service_ = words[0];
  return RefuseWordsAfter(1, words);
}

absl::StatusOr<int> HealthCommand::Run(const Console& console) {
  bool all_well = true;
  Failures failures;
  using Answer = absl::StatusOr<HealthCheckResponse>;
  AskAll(
      console.daemons,
      [this](const DaemonAddress& daemon) -> Answer {
        auto client = AdminClient::Connect(daemon);
        if (!client.ok()) return client.status();
        return (*client)->CheckHealth(service_);
      },
      [&](const DaemonAddress& daemon, const Answer& health) {
        if (!health.ok()) return failures.Add(daemon, health.status());
        const std::string& name =
            HealthCheckResponse::ServingStatus_Name(health->status());
        const bool well = health->status() == HealthCheckResponse::SERVING;
        all_well = all_well && well;
        if (console.json) {
          *console.out << WithEndpoint(
                              absl::StrCat("{\"status\":\"", name, "\"}"),
                              daemon.endpoint)
                       << "\n";
          return;
        }
        if (!daemon.endpoint.empty()) *console.out << daemon.endpoint << " ";
        *console.out << console.style.Paint(name,
                                            well ? Color::kGreen : Color::kRed)
                     << "\n";
      });
  if (auto status = failures.ToStatus(); !status.ok()) return status;
  return all_well ? kExitOk : kExitFailed;
}

absl::Status CheckConfigCommand::TakeWords(
    const std::vector<std::string>& words) {
  if (words.size() != 1) return absl::InvalidArgumentError("which file?");
  file_ = words[0];
  return absl::OkStatus();
}

// Problems go to standard output: they are the answer.
absl::StatusOr<int> CheckConfigCommand::Run(const Console& console) {
  const auto config = LoadConfig(file_);
  if (console.json) {
    *console.out << ConfigJson(file_, config.status()) << "\n";
    return config.ok() ? kExitOk : kExitConfig;
  }
  if (config.ok()) {
    *console.out << file_ << " is good\n";
    return kExitOk;
  }
  *console.out << config.status().message() << "\n";
  return kExitConfig;
}

absl::StatusOr<int> VersionCommand::Run(const Console& console) {
  if (console.json) {
    *console.out << "{\"version\":\"" << kVersion << "\"}\n";
  } else {
    *console.out << "wspctl " << kVersion << "\n";
  }
  return kExitOk;
}

}  // namespace wspd
