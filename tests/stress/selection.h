#ifndef WSPD_TESTS_STRESS_SELECTION_H_
#define WSPD_TESTS_STRESS_SELECTION_H_

#include <vector>

#include "tests/stress/client_connection.h"
#include "tests/stress/client_context.h"

namespace wspd::testing {

// WSPSelect over some connections of the calling thread, with any time limit or
// none, also cancelled. What it says to be ready is then done, and may not
// block.
class Selection {
 public:
  // Those that can't be used any more are left out.
  Selection(ClientContext* context,
            const std::vector<ClientConnection*>& connections);

  void Run();

 private:
  // Whether one of them has to become ready.
  bool EndsByItself() const;
  using Attempt = ClientConnection::Attempt;
  // Tries what each of them is ready for, where nothing goes before it.
  void Try(const std::vector<SOCKET>& ready,
           bool (ClientConnection::*is_alone)() const,
           Attempt (ClientConnection::*attempt)());
  ClientConnection* Find(SOCKET s) const;

  ClientContext* const context_;
  std::vector<ClientConnection*> members_;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_STRESS_SELECTION_H_
