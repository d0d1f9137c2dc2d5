#ifndef WSPD_DAEMON_RELAY_RELAYED_DATAGRAMS_H_
#define WSPD_DAEMON_RELAY_RELAYED_DATAGRAMS_H_

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "daemon/relay/datagram_relay.h"
#include "daemon/relay/relayed_socket.h"

namespace wspd {

// A relayed socket of datagrams: UDP, UDP-Lite, and echoes of ICMP.
class RelayedDatagrams final : public RelayedSocket {
 public:
  RelayedDatagrams(RelayedSocketInfo info, OwnedFd link, OwnedFd real,
                   RelayLoop* loop, RelayedSockets* table);

  // RelayedSocket. Connections are made at once and need no filler.
  int Start() override;
  int Connect(const NetAddress& address, uint32_t filler,
              bool* in_progress) override;
  int State(int filler_change, wsp::v1::LinuxStateResult* result) override;
  int TakeError(int* pending) override;
  int Shutdown(int how) override;
  int End(ForcedEnd how) override;
  int Send(const wsp::v1::LinuxSend& request,
           wsp::v1::LinuxSendResult* result) override;
  int ReceiveError(const wsp::v1::LinuxReceiveError& request,
                   wsp::v1::LinuxReceiveErrorResult* result) override;
  void CloseIfLeft(int* looks) override;
  uint64_t dropped() const override {
    return dropped_.load(std::memory_order_relaxed);
  }

  // RelayHandler.
  void OnEvents(RelayEnd end, uint32_t events) override;
  void OnTurn() override;

 private:
  // RelayedSocket.
  wsp::v1::LinuxStateResult::State StateLocked() const override
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool IsClosedLocked() const override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void PrepareLocked() override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnProgramGoneLocked() override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnTimeLocked() override ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  // Runs with what there is word of, or takes another turn: calls may have the
  // lock for a while, and the loop has others to serve.
  void Work();
  // On the loop's thread. EPOLLHUP of the link: the program's end is closed.
  void RunLocked(uint32_t real_events, uint32_t link_events)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Counts what was moved and sees to it that the loop hears of what is to
  // come. The second is for other threads than the loop's: it goes on with what
  // there is.
  void SettleLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void HandOnLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void CountLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RearmReal() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void RearmLink() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  std::atomic<uint64_t> dropped_{0};
  // The loop's thread's own: events that nothing was done about yet, whether
  // Work() has asked for a turn, and whether one has come.
  uint32_t real_events_ = 0;
  uint32_t link_events_ = 0;
  bool waits_ = false;
  bool turn_ = false;
  DatagramRelay relay_ ABSL_GUARDED_BY(mu_);
  // What is watched for besides.
  bool real_writable_ ABSL_GUARDED_BY(mu_) = false;
  bool link_writable_ ABSL_GUARDED_BY(mu_) = false;
  bool deferred_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RELAY_RELAYED_DATAGRAMS_H_
