#include "daemon/wspctl/top_sample.h"

#include <utility>

#include "absl/time/clock.h"

namespace wspd {
namespace {

// A client may have some kilobytes of arguments.
constexpr uint32_t kClientsPerPage = 1000;
// As large as they come: the daemon looks at all sockets for each page.
constexpr uint32_t kPageSize = 10000;

// All fields but that for which the kernel would be asked about each socket.
void AskForFields(wsp::v1::ListSocketsRequest* request) {
  const auto* const type = wsp::v1::Socket::descriptor();
  for (int i = 0; i < type->field_count(); ++i) {
    if (type->field(i)->number() == wsp::v1::Socket::kTcpFieldNumber) continue;
    request->add_fields(type->field(i)->name());
  }
}

void AddTo(absl::optional<double>* sum, const absl::optional<double>& more) {
  if (more) *sum = sum->value_or(0) + *more;
}

}  // namespace

absl::StatusOr<TopSample> TakeTopSample(AdminClient* client) {
  TopSample sample;
  auto info = client->GetServerInfo();
  if (!info.ok()) return info.status();
  sample.info = *std::move(info);
  wsp::v1::ListClientsRequest of_clients;
  of_clients.set_page_size(kClientsPerPage);
  do {
    auto page = client->ListClients(of_clients);
    if (!page.ok()) return page.status();
    for (wsp::v1::Client& one : *page->mutable_clients()) {
      sample.clients.push_back(std::move(one));
    }
    of_clients.set_page_token(page->next_page_token());
  } while (!of_clients.page_token().empty());
  wsp::v1::ListSocketsRequest request;
  request.set_page_size(kPageSize);
  AskForFields(&request);
  do {
    auto page = client->ListSockets(request);
    if (!page.ok()) return page.status();
    for (wsp::v1::Socket& one : *page->mutable_sockets()) {
      sample.sockets.push_back(std::move(one));
    }
    request.set_page_token(page->next_page_token());
  } while (!request.page_token().empty());
  sample.at = absl::Now();
  return sample;
}

void TopRates::Add(const TopRates& more) {
  AddTo(&sent, more.sent);
  AddTo(&received, more.received);
  AddTo(&operations, more.operations);
}

TopDifference::Key TopDifference::KeyOf(const wsp::v1::Socket& socket) {
  return {socket.client_id(), socket.socket_id(), socket.cookie()};
}

TopDifference::TopDifference(const TopSample* before, const TopSample& now) {
  if (before == nullptr || now.at <= before->at ||
      before->info.instance() != now.info.instance()) {
    return;
  }
  seconds_ = absl::ToDoubleSeconds(now.at - before->at);
  for (const wsp::v1::Socket& socket : before->sockets) {
    before_[KeyOf(socket)] = {socket.bytes_sent(), socket.bytes_received(),
                              socket.sends() + socket.receives()};
  }
  calls_ = Rate(before->info.calls_total(), now.info.calls_total());
}

// Counts never fall, but for those of a lent socket that connects anew.
absl::optional<double> TopDifference::Rate(uint64_t before,
                                           uint64_t now) const {
  if (now < before) return absl::nullopt;
  return static_cast<double>(now - before) / seconds_;
}

TopRates TopDifference::Of(const wsp::v1::Socket& socket) const {
  if (seconds_ == 0) return {};
  Counts before = {0, 0, 0};
  const auto found = before_.find(KeyOf(socket));
  if (found != before_.end()) before = found->second;
  TopRates rates;
  if (!socket.bytes_unknown()) {
    rates.sent = Rate(before.sent, socket.bytes_sent());
    rates.received = Rate(before.received, socket.bytes_received());
  }
  if (!socket.operations_unknown()) {
    rates.operations =
        Rate(before.operations, socket.sends() + socket.receives());
  }
  return rates;
}

}  // namespace wspd
