#ifndef WSPD_DAEMON_WSPCTL_SOCKET_TABLE_H_
#define WSPD_DAEMON_WSPCTL_SOCKET_TABLE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "daemon/wspctl/names.h"
#include "daemon/wspctl/table.h"
#include "google/protobuf/descriptor.h"
#include "proto/wsp/v1/admin.pb.h"

namespace wspd {

// What cells depend on beside their socket.
struct SocketView {
  // NOLINTNEXTLINE(google-explicit-constructor): mostly it is all there is.
  SocketView(absl::Time its_now, Names* its_names = nullptr)
      : now(its_now), names(its_names) {}

  absl::Time now;
  // Null: numbers are shown.
  Names* names;
};

// The addresses that have names, for Names::Find().
void FindSocketNames(const wsp::v1::Socket& socket,
                     std::vector<const wsp::v1::SocketAddress*>* addresses);

// A column of sockets: a field of wsp.v1.Socket as people read it.
struct SocketColumn {
  // Of the field that it shows.
  const char* field;
  Column column;
  // Fields that it needs beside that.
  std::vector<const char*> also;
  Cell (*cell)(const wsp::v1::Socket& socket, const SocketView& view);
};

// One for every field that it makes sense to show alone. Null if there is none.
const SocketColumn* FindSocketColumn(absl::string_view field);

// Sockets as they come, page by page, in text or in JSON. Shows the fields that
// are asked for; without any, those that are most asked for in a table, and all
// in JSON.
class SocketPrinter {
 public:
  // INVALID_ARGUMENT with a line for the user if there is no such field.
  // `endpoints`: which daemon has it is shown first.
  static absl::StatusOr<SocketPrinter> Create(
      const std::vector<std::string>& fields, bool json, TextStyle style,
      bool endpoints = false);

  // Which fields the daemon is to be asked for; none: all.
  const std::vector<std::string>& needed_fields() const { return needed_; }

  // Whole lines. A table has a heading at the first time. Names are waited for,
  // as long as somebody would who has asked for them: 2 s for all pages.
  std::string Format(const wsp::v1::ListSocketsResponse& page,
                     const SocketView& view, const std::string& endpoint = "");

 private:
  SocketPrinter(std::vector<const SocketColumn*> columns, bool json,
                TextStyle style, bool endpoints);

  bool json_;
  bool endpoints_;
  std::vector<std::string> needed_;
  std::vector<const SocketColumn*> columns_;
  std::vector<const google::protobuf::FieldDescriptor*> fields_;
  Table table_;
  // How long names are still waited for.
  absl::Duration names_wait_ = absl::Seconds(2);
};

// By which `reset` knows it. As `ss -e` has cookies.
std::string SocketNumber(uint64_t socket_id, uint64_t cookie);
std::string SocketNumber(const wsp::v1::Socket& socket);

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_SOCKET_TABLE_H_
