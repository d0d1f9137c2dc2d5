#ifndef WSPD_DAEMON_SESSION_REGISTRY_H_
#define WSPD_DAEMON_SESSION_REGISTRY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/admin/inventory.h"
#include "daemon/event/event_loop.h"
#include "daemon/identity/peer_identity.h"
#include "daemon/identity/process_key.h"
#include "daemon/session/attachment.h"
#include "daemon/session/client.h"
#include "daemon/session/daemon_totals.h"
#include "daemon/session/departures.h"
#include "daemon/session/environment.h"
#include "daemon/session/frame_stream.h"
#include "daemon/session/limits.h"
#include "daemon/socket/lingerer.h"

namespace wspd {

// All attached processes: who they are, which attachments they have, and their
// end, however it comes.
//
// Thread-safe. Lock order: Registry, then Client, Attachment, sockets; but
// nothing of theirs is called with the registry's lock held that takes long.
class Registry : public Inventory {
 public:
  struct Options {
    // At first: SetLimits().
    SessionLimits limits;
    std::string provider_socket;
    std::string admin_socket;
    std::string version;
  };

  // `control` watches the processes; `environment` and `lingerer` are those of
  // the sockets. All outlive the registry, which ends all registrations when it
  // goes.
  Registry(const Options& options, EventLoop* control,
           SessionEnvironment* environment, Lingerer* lingerer);
  ~Registry() override;

  // Attaches a process that the kernel has identified, or resumes an
  // attachment, and writes the welcome to `stream`. `ack_sequence` is the first
  // frame's. Errors are those of proto/README.md, "Three layers of errors".
  absl::StatusOr<std::shared_ptr<Attachment>> Attach(
      Peer peer, const wsp::v1::Hello& hello, uint64_t ack_sequence,
      std::shared_ptr<FrameStream> stream);

  // Those that hold from now on, but for `grace`, which stays. They take
  // nothing from anybody: who has more gets no more until he has less.
  void SetLimits(const SessionLimits& limits);

  // The attachment that a descriptor connection of `identity` names by its
  // token. NOT_FOUND, PERMISSION_DENIED (another process's), or
  // FAILED_PRECONDITION (one that has no use for descriptors).
  absl::StatusOr<std::shared_ptr<Attachment>> FindForDescriptors(
      const PeerIdentity& identity, const std::string& token) const;

  // The stream has ended: the attachment has the grace time to come back.
  void OnStreamEnded(const std::shared_ptr<Attachment>& attachment,
                     const FrameStream* stream);

  // A client that broke the rules is cleaned up as if it had died.
  void EndForMisuse(const std::shared_ptr<Attachment>& attachment,
                    const absl::Status& why);

  // Ends all registrations; the daemon is stopping. Not on the control loop's
  // thread.
  void EndAll();

  // Clients that are attached, or have the grace time to come back.
  size_t client_count() const;

  // A time that grows with the number of clients.
  DaemonTotals Totals() const;

  // Inventory.
  std::vector<wsp::v1::Client> ListClients(
      const InventoryFilter& filter) const override;
  std::vector<wsp::v1::Socket> ListSockets(
      const InventoryFilter& filter) const override;
  std::vector<wsp::v1::LookedUpName> ListNames(
      const InventoryFilter& filter) const override;
  void FillServerInfo(wsp::v1::GetServerInfoResponse* info) const override;
  EventJournal* events() override { return environment_->events(); }
  absl::StatusOr<wsp::v1::Client> DisconnectClient(
      const ClientSelector& selector) override;
  absl::StatusOr<wsp::v1::Socket> EndSocket(const SocketSelector& selector,
                                            ForcedEnd how) override;
  absl::StatusOr<wsp::v1::TestPolicyResponse> TestPolicy(
      const wsp::v1::TestPolicyRequest& request) const override;

 private:
  class DeathWatch;
  struct ClientEntry {
    std::shared_ptr<Client> client;
    int attachments = 0;
    // Of the pidfd; watched is false if there is none.
    EventLoop::WatchId watch = 0;
    bool watched = false;
  };
  struct AttachmentEntry {
    std::shared_ptr<Attachment> attachment;
    // Runs while the stream is broken; 0: not.
    EventLoop::TimerId grace = 0;
    // Of the timer that counts: an older one may have fired already.
    uint64_t grace_round = 0;
  };

  absl::StatusOr<std::shared_ptr<Attachment>> Resume(
      const PeerIdentity& identity, const wsp::v1::Hello& hello,
      uint64_t ack_sequence, const std::shared_ptr<FrameStream>& stream);
  // Whether `identity` may have the attachment that it has the token of.
  static bool IsOwn(const PeerIdentity& identity, const Attachment& attachment);
  absl::StatusOr<std::shared_ptr<Attachment>> AttachNew(
      Peer peer, const wsp::v1::Hello& hello, const std::string& token);
  wsp::v1::Welcome MakeWelcome(const Attachment& attachment,
                               const wsp::v1::Hello& hello, bool resumed) const;
  void WatchLocked(ClientEntry* entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void StopGraceLocked(AttachmentEntry* entry)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnGraceOver(const std::string& token, uint64_t round);
  void OnProcessEnded(const std::shared_ptr<Client>& client);
  // The same, when all that it has sent is read.
  void EndDead(const std::shared_ptr<Client>& client);
  void Remove(const std::shared_ptr<Attachment>& attachment);
  // Has the loop read what has come on the attachment's descriptor connection,
  // whether or not that has ended meanwhile.
  void PostReading(const std::shared_ptr<Attachment>& attachment);
  // Ends what is off the books, with its client if it was the last.
  void Retire(const std::shared_ptr<Attachment>& attachment, bool was_last);
  // Looks at what is left of a client that owes a farewell. On the loop.
  void Depart(const std::shared_ptr<Client>& client);
  // Whether the process has died or not, its last attachment has ended.
  void NoteEnd(const Client& client, bool died);
  // Takes an attachment off the books, and its client if it was the last. False
  // if it was not there any more.
  bool UnlistLocked(const Attachment& attachment, bool* was_last)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Takes a client and its attachments off the books; the caller ends them.
  // False if it was not there any more.
  bool Unlist(const std::shared_ptr<Client>& client,
              std::vector<std::shared_ptr<Attachment>>* attachments);
  // Unlists a client, ends its registration and its streams. False if it was
  // not there any more.
  bool EndClient(const std::shared_ptr<Client>& client,
                 wsp::v1::RegistrationEnded::Reason reason,
                 const absl::Status& status, absl::string_view event);
  std::vector<std::shared_ptr<Client>> clients() const;
  // Ends one that is listed, by what it is.
  absl::Status EndListed(const wsp::v1::Socket& socket, ForcedEnd how);
  // The same for a WINSOCK client's that is open; errno.
  int EndOpen(const wsp::v1::Socket& socket, ForcedEnd how);

  const Options options_;
  const std::shared_ptr<LimitsInForce> limits_;
  EventLoop* const control_;
  SessionEnvironment* const environment_;
  Lingerer* const lingerer_;
  const std::string instance_;
  const absl::Time started_at_;
  // The control loop's.
  Departures departures_;
  mutable absl::Mutex mu_;
  uint64_t next_client_ ABSL_GUARDED_BY(mu_) = 1;
  uint64_t died_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t linux_died_ ABSL_GUARDED_BY(mu_) = 0;
  absl::flat_hash_map<ProcessKey, ClientEntry> clients_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<std::string, AttachmentEntry> attachments_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SESSION_REGISTRY_H_
