#ifndef WSPD_TESTS_TESTING_ADMIN_VIEW_H_
#define WSPD_TESTS_TESTING_ADMIN_VIEW_H_

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace wspd::testing {

// What the daemon's admin socket says, without gRPC's types. A test that uses
// it links gRPC, so that ThreadSanitizer is not for it.
class AdminView {
 public:
  explicit AdminView(const std::string& admin_socket);
  ~AdminView();

  struct Client {
    uint64_t startups = 0;
    uint32_t attachments = 0;
    uint32_t sockets = 0;
    uint32_t pending_calls = 0;
  };
  // None if the daemon doesn't know the process; pid 0 is the calling one.
  std::optional<Client> FindClient(pid_t pid = 0);

  // The pids of the clients, and of the clients of all sockets, closed ones
  // that still send among them; sorted. What the caller may see of them; of one
  // user's, if there is one.
  std::vector<pid_t> ListClients(std::optional<uid_t> user = std::nullopt);
  std::vector<pid_t> ListSockets();

  struct Totals {
    uint32_t clients = 0;
    uint32_t sockets = 0;
    uint32_t lingering_sockets = 0;
    uint64_t clients_died = 0;
    // Of all clients, since the daemon's start.
    uint64_t calls = 0;

    bool IsEmpty() const {
      return clients == 0 && sockets == 0 && lingering_sockets == 0;
    }
  };
  Totals GetTotals();

  // Ends a client's registration. Empty, or what the daemon says against it.
  std::string Disconnect(pid_t pid = 0);

 private:
  struct Stub;
  std::unique_ptr<Stub> stub_;
};

std::ostream& operator<<(std::ostream& out, const AdminView::Totals& totals);

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_ADMIN_VIEW_H_
