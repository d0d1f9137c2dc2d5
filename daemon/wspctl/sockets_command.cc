#include "daemon/wspctl/sockets_command.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "daemon/wspctl/admin_client.h"
#include "daemon/wspctl/socket_table.h"
#include "daemon/wspctl/value_text.h"
#include "daemon/wspctl/values.h"

namespace wspd {
namespace {

using ::wsp::v1::ListSocketsRequest;

constexpr uint32_t kPageSize = 2000;

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

Option PortOption(const char* name, const char* help,
                  ListSocketsRequest* request,
                  void (ListSocketsRequest::*set)(uint32_t)) {
  return {name, "PORT", help, [request, set](absl::string_view text) {
            uint32_t port = 0;
            absl::Status status = ParseNumber(text, "a port", 65535, &port);
            if (status.ok()) (request->*set)(port);
            return status;
          }};
}

}  // namespace

std::vector<Option> SocketFilterOptions(ListSocketsRequest* request) {
  return {
      UsersOption(request),
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

SocketsCommand::SocketsCommand()
    : ListingCommand(SocketTable(), &AdminClient::ListSockets, kPageSize) {}

std::vector<Option> SocketsCommand::options() {
  std::vector<Option> options = SocketFilterOptions(&request_);
  for (Option& option : ListingOptions()) options.push_back(std::move(option));
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

}  // namespace wspd
