#include "tests/stress/peers.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <map>
#include <set>
#include <sstream>
#include <unordered_map>
#include <utility>

#include "tests/stress/datagram_peer.h"
#include "tests/stress/peer_connection.h"
#include "tests/testing/peer_socket.h"
#include "tests/testing/role.h"

namespace wspd::testing {
namespace {

// Many, so that no port runs out of connections that wait for their time after
// the end.
constexpr int kListeners = 16;
constexpr int kNarrowBuffer = 32 << 10;
constexpr int kBacklog = 4096;
constexpr int kSendBuffer = 32 << 10;
constexpr seconds kEndDeadline(60);

class PeerLoop {
 public:
  PeerLoop(Ledger* ledger, uint64_t seed);

  const std::vector<uint16_t>& ports() const { return ports_; }
  uint16_t datagram_port() const { return datagrams_.port(); }
  // Until the parent says something; that then.
  std::string Serve(LineChannel* parent);
  // Until every connection has ended; how many haven't.
  size_t ServeToEnd();

 private:
  using Id = uint64_t;

  void Turn();
  void Accept(int listener);
  void Add(std::unique_ptr<PeerConnection> connection);
  void CallBack(uint16_t port, uint32_t record);
  void ScheduleAt(Clock::time_point time, Id id);
  void StepOne(Id id);
  int MillisecondsToNext() const;

  static constexpr Id kDatagrams = kListeners;

  struct Member {
    std::unique_ptr<PeerConnection> connection;
    Clock::time_point next = Clock::time_point::max();
  };

  Ledger* const ledger_;
  std::mt19937_64 random_;
  OwnedFd epoll_;
  std::vector<OwnedFd> listeners_;
  std::vector<uint16_t> ports_;
  DatagramPeer datagrams_;
  Id next_id_ = kDatagrams + 1;  // below: the listeners and the datagrams
  std::unordered_map<Id, Member> members_;
  std::set<std::pair<Clock::time_point, Id>> due_;
};

PeerLoop::PeerLoop(Ledger* ledger, uint64_t seed)
    : ledger_(ledger),
      random_(seed),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      datagrams_(ledger) {
  epoll_event datagrams = {};
  datagrams.events = EPOLLIN;
  datagrams.data.u64 = kDatagrams;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, datagrams_.fd(), &datagrams) !=
      0) {
    abort();
  }
  for (int i = 0; i < kListeners; ++i) {
    PeerListener::Options options;
    options.backlog = kBacklog;
    if (i % 2 == 0) options.receive_buffer = kNarrowBuffer;
    PeerListener listener(options);
    ports_.push_back(listener.endpoint().port);
    listeners_.push_back(listener.TakeDescriptor());
    epoll_event event = {};
    event.events = EPOLLIN;
    event.data.u64 = static_cast<uint64_t>(i);
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, listeners_.back().get(),
                  &event) != 0) {
      abort();
    }
  }
}

void PeerLoop::ScheduleAt(Clock::time_point time, Id id) {
  Member& member = members_.at(id);
  if (member.next != Clock::time_point::max()) due_.erase({member.next, id});
  member.next = time;
  if (time != Clock::time_point::max()) due_.insert({time, id});
}

void PeerLoop::Add(std::unique_ptr<PeerConnection> connection) {
  setsockopt(connection->fd(), SOL_SOCKET, SO_SNDBUF, &kSendBuffer,
             sizeof(kSendBuffer));
  epoll_event event = {};
  event.events = EPOLLIN | EPOLLOUT | EPOLLET;
  event.data.u64 = next_id_;
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, connection->fd(), &event) != 0) {
    abort();
  }
  members_[next_id_++].connection = std::move(connection);
}

void PeerLoop::Accept(int listener) {
  for (;;) {
    OwnedFd fd(accept4(listeners_[listener].get(), nullptr, nullptr,
                       SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (fd.is_open()) {
      Add(std::make_unique<PeerConnection>(std::move(fd), ledger_, random_()));
      continue;
    }
    if (errno == EAGAIN) return;
    if (errno == ECONNABORTED || errno == EINTR) continue;
    perror("accept");
    abort();
  }
}

void PeerLoop::CallBack(uint16_t port, uint32_t record) {
  OwnedFd fd(
      socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP));
  if (!fd.is_open()) abort();
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int result =
      connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address));
  // Refused: its process was killed.
  if (result != 0 && errno != EINPROGRESS) return;
  Add(std::make_unique<PeerConnection>(std::move(fd), ledger_, random_(),
                                       record));
}

void PeerLoop::StepOne(Id id) {
  PeerConnection* const connection = members_.at(id).connection.get();
  const Clock::time_point next = connection->Step();
  uint32_t record = 0;
  const uint16_t port = connection->TakeCallBack(&record);
  if (connection->over()) {
    members_.erase(id);
  } else {
    ScheduleAt(next, id);
  }
  if (port != 0) CallBack(port, record);
}

int PeerLoop::MillisecondsToNext() const {
  constexpr int kMost = 20;  // the parent may want something
  if (due_.empty()) return kMost;
  const auto left = due_.begin()->first - Clock::now();
  const auto ms = std::chrono::duration_cast<milliseconds>(left).count() + 1;
  return left <= Clock::duration() ? 0 : std::min<int>(kMost, ms);
}

void PeerLoop::Turn() {
  epoll_event events[256];
  const int count = epoll_wait(epoll_.get(), events, 256, MillisecondsToNext());
  for (int i = 0; i < count; ++i) {
    const Id id = events[i].data.u64;
    if (id < kListeners) {
      Accept(static_cast<int>(id));
      continue;
    }
    if (id == kDatagrams) {
      datagrams_.OnReadable();
      continue;
    }
    const auto found = members_.find(id);
    if (found == members_.end()) continue;
    found->second.connection->OnReady();
    ScheduleAt(Clock::time_point(), id);
  }
  // Each once, so that nobody waits for a connection that always can go on.
  const Clock::time_point now = Clock::now();
  std::vector<Id> ready;
  while (!due_.empty() && due_.begin()->first <= now) {
    const Id id = due_.begin()->second;
    due_.erase(due_.begin());
    members_.at(id).next = Clock::time_point::max();
    ready.push_back(id);
  }
  for (const Id id : ready) StepOne(id);
}

std::string PeerLoop::Serve(LineChannel* parent) {
  while (!parent->HasMessage()) Turn();
  return parent->Receive();
}

size_t PeerLoop::ServeToEnd() {
  const Clock::time_point end = Clock::now() + kEndDeadline;
  // A turn without any finds none in the listeners' queues either.
  do {
    Turn();
  } while (!members_.empty() && Clock::now() < end);
  return members_.size();
}

// Arguments: the ledger's path, a seed.
int RunPeers(Role& role) {
  Ledger ledger(role.arguments[0], true);
  PeerLoop loop(&ledger, std::stoull(role.arguments[1]));
  std::string line = std::to_string(loop.datagram_port()) + " ";
  for (const uint16_t port : loop.ports()) line += std::to_string(port) + " ";
  role.parent.Send(line);
  if (loop.Serve(&role.parent) != "finish") return 1;
  role.parent.Send(std::to_string(loop.ServeToEnd()));
  return 0;
}
const RoleRegistration kPeers("StressPeers", RunPeers);

}  // namespace

Peers::Peers(const std::string& ledger_path, uint64_t seed)
    : process_("StressPeers", {ledger_path, std::to_string(seed)}) {
  std::istringstream line(process_.channel().Receive());
  line >> datagram_port_;
  for (uint16_t port; line >> port;) ports_.push_back(port);
}

int Peers::Finish() {
  process_.channel().Send("finish");
  std::string answer;
  // Longer than the process's own deadline.
  for (int i = 0; i < 3 && answer.empty(); ++i) {
    answer = process_.channel().Receive();
  }
  return answer.empty() ? -1 : std::stoi(answer);
}

}  // namespace wspd::testing
