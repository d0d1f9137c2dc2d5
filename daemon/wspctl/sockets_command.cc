#include "daemon/wspctl/sockets_command.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "daemon/wspctl/admin_client.h"
#include "daemon/wspctl/ask_all.h"
#include "daemon/wspctl/socket_table.h"
#include "daemon/wspctl/value_text.h"
#include "daemon/wspctl/values.h"

namespace wspd {
namespace {

using ::wsp::v1::ListSocketsRequest;

constexpr uint32_t kPageSize = 2000;
constexpr uint32_t kMostPageSize = 10000;

absl::Status TakeUids(absl::string_view names, ListSocketsRequest* request) {
  const auto uids = ParseUsers(names);
  if (!uids.ok()) return uids.status();
  for (const uint32_t uid : *uids) request->add_uids(uid);
  return absl::OkStatus();
}

absl::Status TakePlanes(absl::string_view names, ListSocketsRequest* request) {
  for (const absl::string_view name : absl::StrSplit(names, ',')) {
    wsp::v1::Plane plane = wsp::v1::PLANE_UNSPECIFIED;
    if (name != PlaneName(plane) &&
        (!wsp::v1::Plane_Parse(
             absl::StrCat("PLANE_", absl::AsciiStrToUpper(name)), &plane) ||
         plane == wsp::v1::PLANE_UNSPECIFIED)) {
      return absl::InvalidArgumentError(
          absl::StrCat("there is no plane \"", name,
                       "\"; there are forwarded, relayed, lent"));
    }
    request->add_planes(plane);
  }
  return absl::OkStatus();
}

std::string StateNames() {
  std::string names;
  for (int i = wsp::v1::SocketState_MIN + 1; i <= wsp::v1::SocketState_MAX;
       ++i) {
    absl::StrAppend(&names, names.empty() ? "" : ", ",
                    StateName(static_cast<wsp::v1::SocketState>(i)));
  }
  return names;
}

absl::Status TakeStates(absl::string_view names, ListSocketsRequest* request) {
  for (const absl::string_view name : absl::StrSplit(names, ',')) {
    wsp::v1::SocketState state;
    if (!wsp::v1::SocketState_Parse(
            absl::StrCat("SOCKET_STATE_", absl::AsciiStrToUpper(name)),
            &state) ||
        state == wsp::v1::SOCKET_STATE_UNSPECIFIED) {
      return absl::InvalidArgumentError(absl::StrCat(
          "there is no state \"", name, "\"; there are ", StateNames()));
    }
    request->add_states(state);
  }
  return absl::OkStatus();
}

absl::Status TakeNumber(absl::string_view text, absl::string_view what,
                        uint32_t most, uint32_t* number) {
  if (absl::SimpleAtoi(text, number) && *number >= 1 && *number <= most) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text, "\" is not ", what, ", which is 1 to ", most));
}

Option PortOption(const char* name, const char* help,
                  ListSocketsRequest* request,
                  void (ListSocketsRequest::*set)(uint32_t)) {
  return {name, "PORT", help, [request, set](absl::string_view text) {
            uint32_t port = 0;
            absl::Status status = TakeNumber(text, "a port", 65535, &port);
            if (status.ok()) (request->*set)(port);
            return status;
          }};
}

}  // namespace

std::vector<Option> SocketFilterOptions(ListSocketsRequest* request) {
  return {
      {"--uid", "USERS", "of these, by name or number, separated by commas",
       [request](absl::string_view value) { return TakeUids(value, request); }},
      {"--plane", "PLANES", "on these: forwarded,relayed,lent",
       [request](absl::string_view value) {
         return TakePlanes(value, request);
       }},
      {"--state", "STATES", absl::StrCat("in these: ", StateNames()),
       [request](absl::string_view value) {
         return TakeStates(value, request);
       }},
      // The daemon says what is wrong with a network.
      {"--local", "NETWORK",
       "with a local address there: ADDRESS or ADDRESS/BITS",
       [request](absl::string_view value) {
         request->set_local_network(std::string(value));
         return absl::OkStatus();
       }},
      {"--peer", "NETWORK", "with a peer there",
       [request](absl::string_view value) {
         request->set_peer_network(std::string(value));
         return absl::OkStatus();
       }},
      PortOption("--local-port", "with this local port", request,
                 &ListSocketsRequest::set_local_port),
      PortOption("--peer-port", "with this port of the peer", request,
                 &ListSocketsRequest::set_peer_port),
  };
}

std::vector<Option> SocketsCommand::options() {
  std::vector<Option> options = SocketFilterOptions(&request_);
  options.push_back(
      {"--fields", "FIELDS",
       "what is shown, in this order: names of the fields of Socket in "
       "proto/wsp/v1/admin.proto, separated by commas",
       [this](absl::string_view value) {
         for (const absl::string_view name : absl::StrSplit(value, ',')) {
           fields_.emplace_back(name);
         }
         return SocketPrinter::Create(fields_, false, TextStyle()).status();
       }});
  options.push_back(
      {"--page-size", "COUNT", "fetches so many at a time; default: 2000",
       [this](absl::string_view value) {
         uint32_t size = 0;
         absl::Status status =
             TakeNumber(value, "a page's size", kMostPageSize, &size);
         request_.set_page_size(size);
         return status;
       }});
  return options;
}

absl::Status SocketsCommand::TakeWords(const std::vector<std::string>& words) {
  absl::Status status = RefuseWordsAfter(1, words);
  if (!status.ok() || words.empty()) return status;
  const auto pid = ParsePid(words[0]);
  if (!pid.ok()) return pid.status();
  request_.set_pid(*pid);
  return absl::OkStatus();
}

absl::StatusOr<int> SocketsCommand::Run(const Console& console) {
  const bool endpoints = !console.daemons.front().endpoint.empty();
  auto printer =
      SocketPrinter::Create(fields_, console.json, console.style, endpoints);
  if (!printer.ok()) return printer.status();
  Failures failures;
  ListSocketsRequest request = request_;
  if (request.page_size() == 0) request.set_page_size(kPageSize);
  for (const std::string& field : printer->needed_fields()) {
    request.add_fields(field);
  }
  AskAll(
      console.daemons,
      [&request](const DaemonAddress& daemon) {
        return FirstPage(daemon, request);
      },
      [&](const DaemonAddress& daemon, absl::StatusOr<Pages> pages) {
        absl::Status status = pages.status();
        if (pages.ok()) {
          status = Print(daemon, console, request, &*pages, &*printer);
        }
        if (!status.ok()) failures.Add(daemon, status);
      });
  if (auto status = failures.ToStatus(); !status.ok()) return status;
  return kExitOk;
}

absl::StatusOr<SocketsCommand::Pages> SocketsCommand::FirstPage(
    const DaemonAddress& daemon, const ListSocketsRequest& request) {
  auto client = AdminClient::Connect(daemon);
  if (!client.ok()) return client.status();
  auto page = (*client)->ListSockets(request);
  if (!page.ok()) return page.status();
  return Pages{*std::move(client), *std::move(page)};
}

absl::Status SocketsCommand::Print(const DaemonAddress& daemon,
                                   const Console& console,
                                   ListSocketsRequest request, Pages* pages,
                                   SocketPrinter* printer) {
  for (;;) {
    *console.out << printer->Format(
        pages->page, {absl::Now(), console.names.get()}, daemon.endpoint);
    if (pages->page.next_page_token().empty() || !console.out->good()) {
      return absl::OkStatus();
    }
    request.set_page_token(pages->page.next_page_token());
    auto next = pages->client->ListSockets(request);
    if (!next.ok()) return next.status();
    pages->page = *std::move(next);
  }
}

}  // namespace wspd
