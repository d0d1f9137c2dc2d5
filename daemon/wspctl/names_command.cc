#include "daemon/wspctl/names_command.h"

#include <cstdint>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "daemon/wspctl/ask_all.h"
#include "daemon/wspctl/values.h"

namespace wspd {
namespace {

using ::wsp::v1::ListNamesRequest;

// With all their addresses well below what gRPC's clients take, 4 MiB.
constexpr uint32_t kPageSize = 1000;

}  // namespace

std::vector<Option> NamesCommand::options() {
  return {
      {"--uid", "USERS", "of these, by name or number, separated by commas",
       [this](absl::string_view value) {
         const auto uids = ParseUsers(value);
         if (!uids.ok()) return uids.status();
         for (const uint32_t uid : *uids) request_.add_uids(uid);
         return absl::OkStatus();
       }},
      // The daemon says what is wrong with one of these.
      {"--host", "HOST",
       "such names, or canonical ones, as rules have them: example.com, "
       "*.example.com",
       [this](absl::string_view value) {
         request_.set_host(std::string(value));
         return absl::OkStatus();
       }},
      {"--address", "NETWORK",
       "found at an address there: ADDRESS or ADDRESS/BITS",
       [this](absl::string_view value) {
         request_.set_network(std::string(value));
         return absl::OkStatus();
       }},
  };
}

absl::Status NamesCommand::TakeWords(const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    const auto pid = ParsePid(word);
    if (!pid.ok()) return pid.status();
    request_.add_pids(*pid);
  }
  return absl::OkStatus();
}

absl::StatusOr<int> NamesCommand::Run(const Console& console) {
  const bool endpoints = !console.daemons.front().endpoint.empty();
  NamePrinter printer(console.json, console.style, endpoints);
  Failures failures;
  ListNamesRequest request = request_;
  request.set_page_size(kPageSize);
  AskAll(
      console.daemons,
      [&request](const DaemonAddress& daemon) {
        return FirstPage(daemon, request);
      },
      [&](const DaemonAddress& daemon, absl::StatusOr<Pages> pages) {
        absl::Status status = pages.status();
        if (pages.ok()) {
          status = Print(daemon, console, request, &*pages, &printer);
        }
        if (!status.ok()) failures.Add(daemon, status);
      });
  if (auto status = failures.ToStatus(); !status.ok()) return status;
  return kExitOk;
}

absl::StatusOr<NamesCommand::Pages> NamesCommand::FirstPage(
    const DaemonAddress& daemon, const ListNamesRequest& request) {
  auto client = AdminClient::Connect(daemon);
  if (!client.ok()) return client.status();
  auto page = (*client)->ListNames(request);
  if (!page.ok()) return page.status();
  return Pages{*std::move(client), *std::move(page)};
}

absl::Status NamesCommand::Print(const DaemonAddress& daemon,
                                 const Console& console,
                                 ListNamesRequest request, Pages* pages,
                                 NamePrinter* printer) {
  for (;;) {
    *console.out << printer->Format(
        pages->page, {absl::Now(), console.names.get()}, daemon.endpoint);
    if (pages->page.next_page_token().empty() || !console.out->good()) {
      return absl::OkStatus();
    }
    request.set_page_token(pages->page.next_page_token());
    auto next = pages->client->ListNames(request);
    if (!next.ok()) return next.status();
    pages->page = *std::move(next);
  }
}

}  // namespace wspd
