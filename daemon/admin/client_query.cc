#include "daemon/admin/client_query.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "daemon/admin/is_wanted.h"
#include "daemon/base/error_details.h"
#include "daemon/policy/subject.h"

namespace wspd {

using ::wsp::v1::Client;
using ::wsp::v1::ListClientsRequest;

namespace {

constexpr size_t kContainerDigits = 64;

absl::Status CheckProcesses(const ListClientsRequest& request) {
  for (const int pid : request.pids()) {
    if (pid >= 0) continue;
    return FieldError("pids", absl::StrCat("has ", pid,
                                           "; a pid is 1 or more, or 0 for "
                                           "those that the daemon can't see"));
  }
  return absl::OkStatus();
}

absl::Status CheckPath(absl::string_view field, absl::string_view path,
                       absl::string_view example) {
  if (path.empty() || path.front() == '/') return absl::OkStatus();
  return FieldError(field, absl::StrCat("is \"", path,
                                        "\"; right would be a path that begins "
                                        "with /, as ",
                                        example));
}

absl::Status CheckContainer(absl::string_view id) {
  if (id.size() <= kContainerDigits &&
      absl::c_all_of(id, absl::ascii_isxdigit)) {
    return absl::OkStatus();
  }
  return FieldError(
      "container_id",
      absl::StrCat("is \"", id, "\"; right would be the first of an id's ",
                   kContainerDigits, " hexadecimal digits"));
}

absl::Status CheckPersonality(wsp::v1::Personality personality) {
  if (wsp::v1::Personality_IsValid(personality)) return absl::OkStatus();
  return FieldError("personality",
                    absl::StrCat("is ", static_cast<int>(personality),
                                 "; there are PERSONALITY_WINSOCK and "
                                 "PERSONALITY_LINUX"));
}

absl::Status Check(const ListClientsRequest& request) {
  for (absl::Status status :
       {CheckProcesses(request),
        CheckPath("cgroup", request.cgroup(), "/system.slice/backup.service"),
        CheckContainer(request.container_id()),
        CheckPath("executable", request.executable(), "/usr/bin/curl"),
        CheckPersonality(request.personality())}) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ClientQuery> ClientQuery::Parse(
    const ListClientsRequest& request) {
  absl::Status status = Check(request);
  if (!status.ok()) return status;
  ClientQuery query;
  query.request_ = request;
  if (!request.cgroup().empty()) {
    absl::string_view path = request.cgroup();
    while (absl::ConsumeSuffix(&path, "/")) {
    }
    query.cgroup_ = std::string(path);
  }
  query.container_id_ = absl::AsciiStrToLower(request.container_id());
  auto fields = FieldSelection::Parse(*Client::descriptor(), request.fields());
  if (!fields.ok()) return fields.status();
  query.fields_ = *std::move(fields);
  const std::string& token = request.page_token();
  if (token.empty()) return query;
  query.after_.emplace();
  if (!absl::SimpleAtoi(token, &*query.after_) ||
      absl::StrCat(*query.after_) != token) {
    return FieldError("page_token",
                      "is none; right would be the next_page_token of the "
                      "page before");
  }
  return query;
}

bool ClientQuery::Matches(const Client& client) const {
  return IsWanted(request_.pids(), client.pid()) &&
         IsWanted(request_.uids(), client.uid()) &&
         (!after_ || client.client_id() > *after_) &&
         (!cgroup_ || (!client.cgroup().empty() &&
                       IsWithinCgroup(client.cgroup(), *cgroup_))) &&
         absl::StartsWith(client.container_id(), container_id_) &&
         (request_.executable().empty() ||
          client.executable() == request_.executable()) &&
         (request_.personality() == wsp::v1::PERSONALITY_UNSPECIFIED ||
          client.personality() == request_.personality());
}

wsp::v1::ListClientsResponse ClientQuery::Answer(
    std::vector<Client> clients) const {
  std::vector<Client*> found;
  for (Client& client : clients) {
    if (Matches(client)) found.push_back(&client);
  }
  absl::c_sort(found, [](const Client* a, const Client* b) {
    return a->client_id() < b->client_id();
  });
  wsp::v1::ListClientsResponse response;
  const size_t most = std::min(request_.page_size(), kMostPerPage);
  if (most != 0 && found.size() > most) {
    found.resize(most);
    response.set_next_page_token(absl::StrCat(found.back()->client_id()));
  }
  for (Client* client : found) {
    fields_.Trim(client);
    *response.add_clients() = std::move(*client);
  }
  return response;
}

}  // namespace wspd
