#ifndef WSPD_TESTS_STRESS_LEDGER_H_
#define WSPD_TESTS_STRESS_LEDGER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace wspd::testing {

// How the provider's side of a connection ended.
enum class ClientEnd : uint32_t {
  kOpen,          // not at all, as far as its process got
  kNotConnected,  // it never was a connection
  kClosing,       // a close had begun
  kClosed,        // closed with every send acknowledged
  kClosedInPart,  // closed while a send was under way, or after one that failed
  kClosedHard,    // closed with a linger time of 0
  kCleanedUp,     // left to the final cleanup
};

// How its peer saw it end.
enum class PeerEnd : uint32_t { kNone, kOrderly, kReset };

// What both sides of one connection say of it. All counts are of payload: the
// hello isn't counted. Written by one process each, read at the end.
struct ConnectionRecord {
  // The provider's side.
  std::atomic<uint32_t> owner{0};  // pid
  // If it is to be accepted there, or has datagrams.
  std::atomic<uint32_t> call_back_port{0};
  std::atomic<ClientEnd> client_end{ClientEnd::kOpen};
  std::atomic<bool> client_shut{false};  // shutdown of sending had begun
  // A blocking send was cancelled: reset, if a part of it had gone.
  std::atomic<bool> client_cancelled{false};
  std::atomic<bool> client_saw_end{false};
  std::atomic<bool> client_lost{false};   // a call said that it was reset
  std::atomic<uint64_t> client_given{0};  // what sends were begun with
  std::atomic<uint64_t> client_acked{0};  // what they said to have sent
  std::atomic<uint64_t> client_got{0};
  // The peer's.
  std::atomic<bool> peer_met{false};
  std::atomic<bool> peer_shut{false};
  std::atomic<bool> peer_reset{false};
  std::atomic<PeerEnd> peer_end{PeerEnd::kNone};
  std::atomic<uint64_t> peer_given{0};
  std::atomic<uint64_t> peer_got{0};
};

// What was done how often.
enum class Count {
  kConnects,
  kConnectExs,     // of the connects
  kEventConnects,  // of the connects
  kAccepts,
  kAcceptExs,     // perhaps of one more than accepted
  kEventAccepts,  // the same
  kBlockingSends,
  kBlockingReceives,
  kNonBlockingCalls,
  kSelects,
  kSelected,
  kEventExchanges,
  kNetworkEvents,
  kDuplicates,
  kOptions,
  kDatagramsSent,
  kDatagramsAtPeers,
  kDatagramsReceived,
  kDatagramsCut,
  kOverlappedSends,
  kOverlappedReceives,
  kEvents,
  kRoutines,
  kCancelled,
  kClosedByOthers,
  kAborted,
  kShutdowns,
  kCloses,
  kHardCloses,
  kPeerResets,
  kCleanups,
  kCount,
};
const char* CountName(Count count);

// The accounts of all connections, in memory that the processes of a test
// share, so that what a killed one wrote is still there. Thread-safe.
class Ledger {
 public:
  static constexpr uint32_t kMostRecords = uint32_t{1} << 20;

  // A new one, or with `open` one that exists. Aborts on failure.
  explicit Ledger(const std::string& path, bool open = false);
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  // The number of a new record, from 1.
  uint32_t NewRecord();
  ConnectionRecord& record(uint32_t number) const;
  uint32_t record_count() const;

  void Add(Count count, uint64_t times = 1);
  uint64_t Get(Count count) const;

  // What must not be: counted, the first ones printed.
  void Fault(uint32_t record, const std::string& what);
  uint32_t faults() const;

  // Peers don't pause any more.
  void Hurry();
  bool hurries() const;

 private:
  struct Shared;

  Shared* shared_ = nullptr;
};

// The seeds of a connection's two patterns; see pattern.h.
inline uint64_t SeedToPeer(uint32_t record) { return uint64_t{record} * 2; }
inline uint64_t SeedFromPeer(uint32_t record) {
  return uint64_t{record} * 2 + 1;
}

// What whoever connects sends first.
struct Hello {
  uint32_t record = 0;
  // To the peers: instead of this connection there is to be one to this port,
  // whose record it is. 0: it is this one.
  uint16_t call_back_port = 0;
  uint16_t magic = kMagic;

  static constexpr uint16_t kMagic = 0x5753;

  std::string ToBytes() const;
  // False if these aren't one.
  static bool Parse(const std::string& bytes, Hello* hello);
};
static_assert(sizeof(Hello) == 8);

}  // namespace wspd::testing

#endif  // WSPD_TESTS_STRESS_LEDGER_H_
