#ifndef WSPD_DAEMON_RELAY_RELAY_TURNS_H_
#define WSPD_DAEMON_RELAY_RELAY_TURNS_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "absl/container/node_hash_map.h"

namespace wspd {

class RelayTurns;

// Which descriptor of a relayed socket an event is of.
enum class RelayEnd : uint8_t {
  // The daemon's end of the program's pair.
  kProgram = 0,
  // The real socket.
  kReal = 1,
};

// A relayed socket as its loop sees it. Called on the loop's thread alone, one
// at a time, with no lock of the loop held.
class RelayHandler {
 public:
  // `client`: whose it is. Only compared with others'.
  explicit RelayHandler(const void* client) : client_(client) {}
  virtual ~RelayHandler() = default;

  // EPOLL* bits. May come late, for what has been dealt with already.
  virtual void OnEvents(RelayEnd end, uint32_t events) = 0;
  // RelayLoop::Defer() was called, and others have had their turn.
  virtual void OnTurn() = 0;
  // RelayLoop::WakeAt()'s time has come.
  virtual void OnTime() = 0;
  // RelayLoop::LookLater() was called, and there is time for it.
  virtual void OnLook() {}

  const void* client() const { return client_; }

 private:
  friend class RelayTurns;

  const void* const client_;
  // What it is to be told of when its turn comes.
  std::array<uint32_t, 2> events_{};
  RelayEnd first_end_ = RelayEnd::kProgram;
  bool turn_ = false;
  bool waits_ = false;
  // Not before it has been told.
  std::shared_ptr<RelayHandler> kept_;
  RelayHandler* next_ = nullptr;
};

// The handlers of a relay loop that have something to do. Their clients take
// turns, one handler each, so that whoever has thousands of sockets has no more
// of the loop than who has one. What a handler waits for more than once it is
// told of once.
//
// For the loop's thread. A handler that Waits() stays where it is.
class RelayTurns {
 public:
  RelayTurns() = default;
  RelayTurns(const RelayTurns&) = delete;
  RelayTurns& operator=(const RelayTurns&) = delete;
  // As Clear().
  ~RelayTurns() { Clear(); }

  void AddEvents(RelayHandler* handler, RelayEnd end, uint32_t events);
  // OnTurn() is to come.
  void AddTurn(const std::shared_ptr<RelayHandler>& handler);

  bool empty() const { return order_.empty(); }
  // How many clients wait.
  size_t clients() const { return order_.size(); }
  // Whose turn it is; somebody waits.
  const void* next_client() const { return order_.front(); }
  static bool Waits(const RelayHandler& handler) { return handler.waits_; }

  // Tells the next handler of what there is for it; there is one. What that
  // adds comes behind.
  void RunNext();
  // Tells nobody.
  void Clear();

 private:
  // Of one client, in their order.
  struct Line {
    RelayHandler* first = nullptr;
    RelayHandler* last = nullptr;
  };

  void Append(RelayHandler* handler);
  RelayHandler* Take();

  absl::node_hash_map<const void*, Line> lines_;
  // Clients that have a line, in the order of their turns.
  std::deque<const void*> order_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_RELAY_TURNS_H_
