#include "daemon/wspctl/name_table.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "daemon/base/escape.h"
#include "daemon/wspctl/value_text.h"

namespace wspd {
namespace {

using ::wsp::v1::LookedUpName;

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

std::vector<FieldColumn<LookedUpName>> Columns() {
  return {
      {"client_id",
       {"CLIENT", true},
       {},
       [](const LookedUpName& name, const CellView&) {
         return Cell(absl::StrCat(name.client_id()));
       }},
      {"pid",
       {"PID", true},
       {},
       [](const LookedUpName& name, const CellView&) {
         return Cell(PidText(name.pid()));
       }},
      {"uid",
       {"UID", true},
       {},
       [](const LookedUpName& name, const CellView& view) {
         return Cell(UserText(name.uid(), view));
       }},
      {"name",
       {"NAME", false, true},
       {},
       [](const LookedUpName& name, const CellView&) {
         return Cell(Escape(name.name()));
       }},
      {"family",
       {"FAMILY"},
       {},
       [](const LookedUpName& name, const CellView&) {
         return Cell(FamilyName(name.family()));
       }},
      {"lookups",
       {"LOOKUPS", true},
       {},
       [](const LookedUpName& name, const CellView&) {
         return Cell(absl::StrCat(name.lookups()));
       }},
      {"failures",
       {"FAILED", true},
       {},
       [](const LookedUpName& name, const CellView&) {
         return Cell(absl::StrCat(name.failures()));
       }},
      {"last_at_ns",
       {"LAST", true},
       {},
       [](const LookedUpName& name, const CellView& view) {
         return Cell(AgeSince(name.last_at_ns(), view.now));
       }},
      {"found_at_ns",
       {"FOUND", true},
       {},
       [](const LookedUpName& name, const CellView& view) {
         return Cell(AgeSince(name.found_at_ns(), view.now));
       }},
      {"wsa_error",
       {"ERROR"},
       {},
       [](const LookedUpName& name, const CellView&) {
         return Cell(LookupErrorName(name.wsa_error()),
                     name.wsa_error() == 0 ? Color::kPlain : Color::kRed);
       }},
      {"addresses",
       {"ADDRESSES", false, true},
       {"address_count"},
       [](const LookedUpName& name, const CellView&) {
         return Cell(AddressesText(name));
       }},
      // By default not in the table.
      {"number",
       {"NUMBER", true},
       {},
       [](const LookedUpName& name, const CellView&) {
         return Cell(absl::StrCat(name.number()));
       }},
      {"canonical_name",
       {"CANONICAL NAME", false, true},
       {},
       [](const LookedUpName& name, const CellView&) {
         return Cell(name.canonical_name().empty()
                         ? kNothing
                         : Escape(name.canonical_name()));
       }},
      {"address_count",
       {"COUNT", true},
       {},
       [](const LookedUpName& name, const CellView&) {
         return Cell(absl::StrCat(name.address_count()));
       }},
      {"first_at_ns",
       {"FIRST", true},
       {},
       [](const LookedUpName& name, const CellView& view) {
         return Cell(AgeSince(name.first_at_ns(), view.now));
       }},
  };
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

const NameFields& NameTable() {
  static const auto* const table = new NameFields{
      Columns(), "addresses", &wsp::v1::ListNamesResponse::names};
  return *table;
}

}  // namespace wspd
