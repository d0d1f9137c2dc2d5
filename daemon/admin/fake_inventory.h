#ifndef WSPD_DAEMON_ADMIN_FAKE_INVENTORY_H_
#define WSPD_DAEMON_ADMIN_FAKE_INVENTORY_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "daemon/admin/inventory.h"

namespace wspd {

// An inventory of what a test puts in. Not thread-safe: fill it first.
class FakeInventory : public Inventory {
 public:
  void AddClient(uint64_t client_id, int pid, uint32_t uid) {
    wsp::v1::Client client;
    client.set_client_id(client_id);
    client.set_pid(pid);
    client.set_uid(uid);
    AddClient(client);
  }
  void AddClient(const wsp::v1::Client& client) { clients_.push_back(client); }
  void AddSocket(uint64_t client_id, int pid, uint32_t uid,
                 uint64_t socket_id) {
    wsp::v1::Socket socket;
    socket.set_client_id(client_id);
    socket.set_pid(pid);
    socket.set_uid(uid);
    socket.set_socket_id(socket_id);
    AddSocket(socket);
  }
  void AddSocket(const wsp::v1::Socket& socket) { sockets_.push_back(socket); }
  void AddName(const wsp::v1::LookedUpName& name) { names_.push_back(name); }
  void AddName(uint64_t client_id, int pid, uint32_t uid,
               const std::string& host) {
    wsp::v1::LookedUpName name;
    name.set_number(names_.size() + 1);
    name.set_client_id(client_id);
    name.set_pid(pid);
    name.set_uid(uid);
    name.set_name(host);
    AddName(name);
  }
  const std::vector<int>& disconnected() const { return disconnected_; }
  const std::vector<uint64_t>& reset() const { return reset_; }
  const std::vector<uint64_t>& closed() const { return closed_; }
  // Of the last listing of sockets.
  bool asked_for_tcp() const { return asked_for_tcp_; }

  std::vector<wsp::v1::Client> ListClients(
      const InventoryFilter& filter) const override {
    return Matching(clients_, filter);
  }
  std::vector<wsp::v1::Socket> ListSockets(
      const InventoryFilter& filter) const override {
    asked_for_tcp_ = filter.with_tcp;
    return Matching(sockets_, filter);
  }
  std::vector<wsp::v1::LookedUpName> ListNames(
      const InventoryFilter& filter) const override {
    return Matching(names_, filter);
  }
  void FillServerInfo(wsp::v1::GetServerInfoResponse* info) const override {
    info->set_clients(clients_.size());
    info->set_sockets(sockets_.size());
  }
  EventJournal* events() override { return &events_; }
  absl::StatusOr<wsp::v1::Client> DisconnectClient(
      const ClientSelector& selector) override {
    for (const auto& client : clients_) {
      if (!selector.Matches(client.pid(), client.client_id())) continue;
      disconnected_.push_back(client.pid());
      return client;
    }
    return absl::NotFoundError("there is no such client");
  }
  absl::StatusOr<wsp::v1::Socket> EndSocket(const SocketSelector& selector,
                                            ForcedEnd how) override {
    for (const auto& socket : sockets_) {
      if (!selector.Matches(socket)) continue;
      (how == ForcedEnd::kReset ? reset_ : closed_)
          .push_back(socket.socket_id());
      return socket;
    }
    return absl::NotFoundError("there is no such socket");
  }
  // Allows what has an even port.
  absl::StatusOr<wsp::v1::TestPolicyResponse> TestPolicy(
      const wsp::v1::TestPolicyRequest& request) const override {
    wsp::v1::TestPolicyResponse response;
    response.set_allowed(request.address().ipv4().port() % 2 == 0);
    response.set_rule_number(7);
    response.set_rule("even");
    return response;
  }

 private:
  template <typename Record>
  static std::vector<Record> Matching(const std::vector<Record>& all,
                                      const InventoryFilter& filter) {
    std::vector<Record> found;
    for (const Record& record : all) {
      if (filter.Matches(record.pid(), record.uid(), record.client_id())) {
        found.push_back(record);
      }
    }
    return found;
  }

  std::vector<wsp::v1::Client> clients_;
  std::vector<wsp::v1::Socket> sockets_;
  std::vector<wsp::v1::LookedUpName> names_;
  std::vector<int> disconnected_;
  EventJournal events_;
  std::vector<uint64_t> reset_;
  std::vector<uint64_t> closed_;
  mutable bool asked_for_tcp_ = false;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_FAKE_INVENTORY_H_
