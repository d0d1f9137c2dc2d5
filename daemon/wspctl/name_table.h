#ifndef WSPD_DAEMON_WSPCTL_NAME_TABLE_H_
#define WSPD_DAEMON_WSPCTL_NAME_TABLE_H_

#include <cstdint>
#include <string>

#include "daemon/wspctl/socket_table.h"
#include "daemon/wspctl/table.h"
#include "daemon/wspctl/text_style.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// Looked-up names as they come, page by page, in text or in JSON. What clients
// and name servers say is escaped, so that it can't reach the terminal.
class NamePrinter {
 public:
  // `endpoints`: which daemon has it is shown first.
  NamePrinter(bool json, TextStyle style, bool endpoints = false);

  // Whole lines. A table has a heading at the first time.
  std::string Format(const wsp::v1::ListNamesResponse& page,
                     const SocketView& view, const std::string& endpoint = "");

 private:
  const bool json_;
  const bool endpoints_;
  Table table_;
};

// "WSAHOST_NOT_FOUND"; the number of one without a name here.
std::string LookupErrorName(uint32_t wsa_error);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_NAME_TABLE_H_
