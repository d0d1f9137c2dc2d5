#include "daemon/wspctl/name_table.h"

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/base/escape.h"
#include "daemon/wspctl/daemon_address.h"
#include "daemon/wspctl/json.h"
#include "daemon/wspctl/value_text.h"

namespace wspd {
namespace {

using ::wsp::v1::LookedUpName;

std::vector<Column> Headings(bool endpoints) {
  std::vector<Column> headings;
  if (endpoints) headings.push_back({"ENDPOINT"});
  headings.insert(headings.end(), {{"CLIENT", true},
                                   {"PID", true},
                                   {"UID", true},
                                   {"NAME", false, true},
                                   {"FAMILY"},
                                   {"LOOKUPS", true},
                                   {"FAILED", true},
                                   {"LAST", true},
                                   {"FOUND", true},
                                   {"ERROR"},
                                   {"ADDRESSES", false, true}});
  return headings;
}

// "any", "ipv4".
std::string FamilyName(LookedUpName::Family family) {
  return family == LookedUpName::FAMILY_UNSPECIFIED
             ? "any"
             : ShortName(LookedUpName::Family_Name(family), "FAMILY_");
}

// "192.0.2.1,192.0.2.2 and 5 more".
std::string AddressesText(const LookedUpName& name) {
  const auto shown = static_cast<uint32_t>(name.addresses_size());
  if (shown == 0) return kNothing;
  std::string text = Escape(absl::StrJoin(name.addresses(), ","));
  if (name.address_count() > shown) {
    absl::StrAppend(&text, " and ", name.address_count() - shown, " more");
  }
  return text;
}

Row RowOf(const LookedUpName& name, const SocketView& view) {
  const std::string error = LookupErrorName(name.wsa_error());
  return {absl::StrCat(name.client_id()),
          name.pid() == 0 ? kNothing : absl::StrCat(name.pid()),
          view.names == nullptr ? absl::StrCat(name.uid())
                                : view.names->User(name.uid()),
          Escape(name.name()),
          FamilyName(name.family()),
          absl::StrCat(name.lookups()),
          absl::StrCat(name.failures()),
          AgeSince(name.last_at_ns(), view.now),
          AgeSince(name.found_at_ns(), view.now),
          Cell(error, name.wsa_error() == 0 ? Color::kPlain : Color::kRed),
          AddressesText(name)};
}

}  // namespace

std::string LookupErrorName(uint32_t wsa_error) {
  switch (wsa_error) {
    case 0:
      return kNothing;
    case 10013:
      return "WSAEACCES";
    case 10060:
      return "WSAETIMEDOUT";
    case 10108:
      return "WSASERVICE_NOT_FOUND";
    case 11001:
      return "WSAHOST_NOT_FOUND";
    case 11002:
      return "WSATRY_AGAIN";
    case 11003:
      return "WSANO_RECOVERY";
    case 11004:
      return "WSANO_DATA";
    default:
      return absl::StrCat(wsa_error);
  }
}

NamePrinter::NamePrinter(bool json, TextStyle style, bool endpoints)
    : json_(json), endpoints_(endpoints), table_(Headings(endpoints), style) {}

std::string NamePrinter::Format(const wsp::v1::ListNamesResponse& page,
                                const SocketView& view,
                                const std::string& endpoint) {
  if (json_) {
    std::string text;
    for (const LookedUpName& name : page.names()) {
      absl::StrAppend(&text, WithEndpoint(ToJson(name), endpoint), "\n");
    }
    return text;
  }
  std::vector<Row> rows;
  rows.reserve(page.names_size());
  for (const LookedUpName& name : page.names()) {
    Row row = RowOf(name, view);
    if (endpoints_) row.insert(row.begin(), endpoint);
    rows.push_back(std::move(row));
  }
  return table_.Format(rows);
}

}  // namespace wspd
