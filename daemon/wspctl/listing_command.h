#ifndef WSPD_DAEMON_WSPCTL_LISTING_COMMAND_H_
#define WSPD_DAEMON_WSPCTL_LISTING_COMMAND_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "daemon/wspctl/admin_client.h"
#include "daemon/wspctl/ask_all.h"
#include "daemon/wspctl/command.h"
#include "daemon/wspctl/daemon_address.h"
#include "daemon/wspctl/field_table.h"
#include "daemon/wspctl/values.h"

namespace wspd {

// Of which users, for the `uids` of a request.
template <typename Request>
Option UsersOption(Request* request) {
  return {"--uid", "USERS", "of these, by name or number, separated by commas",
          [request](absl::string_view value) {
            const auto uids = ParseUsers(value);
            if (!uids.ok()) return uids.status();
            for (const uint32_t uid : *uids) request->add_uids(uid);
            return absl::OkStatus();
          }};
}

// Words that are processes, for the `pids` of a request.
template <typename Request>
absl::Status TakePids(const std::vector<std::string>& words, Request* request) {
  for (const std::string& word : words) {
    const auto pid = ParsePid(word);
    if (!pid.ok()) return pid.status();
    request->add_pids(*pid);
  }
  return absl::OkStatus();
}

// A command that lists what daemons have: fetches and prints page by page, so
// that neither side holds more at a time. Which entries is what its class says
// in request_.
template <typename Request, typename Page, typename Entry>
class ListingCommand : public Command {
 public:
  std::vector<Option> options() override { return ListingOptions(); }
  bool asks_many() const override { return true; }
  absl::StatusOr<int> Run(const Console& console) override;

  // What it asks for.
  const Request& request() const { return request_; }
  const std::vector<std::string>& fields() const { return fields_; }

 protected:
  using Printer = FieldPrinter<Page, Entry>;
  using List = absl::StatusOr<Page> (AdminClient::*)(const Request&);

  // `table` has to stay; `page_size` is what is fetched at a time unless the
  // user says so.
  ListingCommand(const FieldTable<Page, Entry>& table, List list,
                 uint32_t page_size)
      : table_(table), list_(list), page_size_(page_size) {}

  // Those that every listing has.
  std::vector<Option> ListingOptions();

  Request request_;

 private:
  static constexpr uint32_t kMostPageSize = 10000;

  // What one daemon has: the page that was read last, and where the next one
  // comes from.
  struct Pages {
    std::unique_ptr<AdminClient> client;
    Page page;
  };

  absl::StatusOr<Pages> FirstPage(const DaemonAddress& daemon,
                                  const Request& request) const;
  // All pages; `request` is that for the first one.
  absl::Status Print(const DaemonAddress& daemon, const Console& console,
                     Request request, Pages* pages, Printer* printer) const;

  const FieldTable<Page, Entry>& table_;
  const List list_;
  const uint32_t page_size_;
  std::vector<std::string> fields_;
};

// ------------------------------------------------------------ implementation

template <typename Request, typename Page, typename Entry>
std::vector<Option> ListingCommand<Request, Page, Entry>::ListingOptions() {
  return {
      {"--fields", "FIELDS",
       absl::StrCat("what is shown, in this order: names of the fields of ",
                    Entry::descriptor()->name(),
                    " in proto/wsp/v1/admin.proto, separated by commas"),
       [this](absl::string_view value) {
         for (const absl::string_view name : absl::StrSplit(value, ',')) {
           fields_.emplace_back(name);
         }
         return Printer::Create(table_, fields_, false, TextStyle()).status();
       }},
      {"--page-size", "COUNT",
       absl::StrCat("fetches so many at a time; default: ", page_size_),
       [this](absl::string_view value) {
         uint32_t size = 0;
         absl::Status status =
             ParseNumber(value, "a page's size", kMostPageSize, &size);
         request_.set_page_size(size);
         return status;
       }},
  };
}

template <typename Request, typename Page, typename Entry>
absl::StatusOr<int> ListingCommand<Request, Page, Entry>::Run(
    const Console& console) {
  const bool endpoints = !console.daemons.front().endpoint.empty();
  auto printer =
      Printer::Create(table_, fields_, console.json, console.style, endpoints);
  if (!printer.ok()) return printer.status();
  Failures failures;
  Request request = request_;
  if (request.page_size() == 0) request.set_page_size(page_size_);
  for (const std::string& field : printer->needed_fields()) {
    request.add_fields(field);
  }
  AskAll(
      console.daemons,
      [this, &request](const DaemonAddress& daemon) {
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

template <typename Request, typename Page, typename Entry>
absl::StatusOr<typename ListingCommand<Request, Page, Entry>::Pages>
ListingCommand<Request, Page, Entry>::FirstPage(const DaemonAddress& daemon,
                                                const Request& request) const {
  auto client = AdminClient::Connect(daemon);
  if (!client.ok()) return client.status();
  auto page = (**client.*list_)(request);
  if (!page.ok()) return page.status();
  return Pages{*std::move(client), *std::move(page)};
}

template <typename Request, typename Page, typename Entry>
absl::Status ListingCommand<Request, Page, Entry>::Print(
    const DaemonAddress& daemon, const Console& console, Request request,
    Pages* pages, Printer* printer) const {
  for (;;) {
    *console.out << printer->Format(
        pages->page, {absl::Now(), console.names.get()}, daemon.endpoint);
    if (pages->page.next_page_token().empty() || !console.out->good()) {
      return absl::OkStatus();
    }
    request.set_page_token(pages->page.next_page_token());
    auto next = (*pages->client.*list_)(request);
    if (!next.ok()) return next.status();
    pages->page = *std::move(next);
  }
}

}  // namespace wspd

#endif  // WSPD_DAEMON_WSPCTL_LISTING_COMMAND_H_
