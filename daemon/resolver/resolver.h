#ifndef WSPD_DAEMON_RESOLVER_RESOLVER_H_
#define WSPD_DAEMON_RESOLVER_RESOLVER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "daemon/event/event_loop.h"
#include "daemon/resolver/dns_query.h"
#include "daemon/resolver/file_cache.h"
#include "daemon/resolver/host_table.h"
#include "daemon/resolver/lookup.h"
#include "daemon/resolver/resolv_conf.h"
#include "daemon/resolver/service_table.h"

namespace wspd {

// Looks names up for clients: in the hosts file first, then with DNS, as the
// host that the daemon runs on is set up. A thread of its own, on an event
// loop, reads the files and does the talking, so that the loops of the sockets
// never wait for a disk.
//
// Thread-safe.
class Resolver {
 public:
  struct Options {
    DnsQuery::Options dns;
    std::string hosts_file;
    std::string services_file;
    // At first: SetMaxLookups().
    uint32_t max_lookups = 1024;
  };
  // Never 0.
  using LookupId = uint64_t;
  // Called on the resolver's thread, with no lock held; must not block.
  using Callback = std::function<void(LookupAnswer)>;

  static absl::StatusOr<std::unique_ptr<Resolver>> Create(
      const Options& options);
  // Ends what is under way, without callbacks.
  ~Resolver();

  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // How many there may be under way from now on, those that there are among
  // them.
  void SetMaxLookups(uint32_t most) {
    max_lookups_.store(most, std::memory_order_relaxed);
  }

  // Begins a lookup, whose end is one call of `callback`, perhaps before this
  // returns. 0 if there are so many under way: then nothing is called.
  LookupId Start(LookupQuestion question, Callback callback);

  // Ends a lookup; then its callback is not called and is destroyed when this
  // returns. False if it has ended, or is calling back at this moment.
  bool Cancel(LookupId id);

  // Has `answer` called on the resolver's thread, after what that is busy with.
  void Ask(std::function<void()> answer) { loop_->Post(std::move(answer)); }

 private:
  // On the resolver's thread: a lookup that asks DNS.
  struct Running {
    LookupQuestion question;
    std::vector<LookupService> services;
    std::unique_ptr<DnsQuery> query;
    // Ends it at its time limit; 0 if it has none.
    EventLoop::TimerId timer = 0;
  };

  Resolver(const Options& options, std::unique_ptr<EventLoop> loop);

  void Run(LookupId id, LookupQuestion question);
  // False if neither the files nor the name itself say it: DNS has to.
  bool AnswerLocally(const LookupQuestion& question, LookupAnswer* answer);
  bool AnswerHostLocally(const LookupQuestion& question, LookupAnswer* answer);
  void AskDns(LookupId id, LookupQuestion question,
              std::vector<LookupService> services);
  // Ends what runs. False if nothing does.
  bool Forget(LookupId id);
  void Finish(LookupId id, const LookupQuestion& question,
              const std::vector<LookupService>& services, LookupAnswer answer);

  const Options options_;
  std::atomic<uint32_t> max_lookups_;
  std::atomic<uint32_t> under_way_{0};
  absl::Mutex mu_;
  LookupId next_id_ ABSL_GUARDED_BY(mu_) = 1;
  // Of lookups that were neither answered nor cancelled.
  absl::flat_hash_map<LookupId, Callback> callbacks_ ABSL_GUARDED_BY(mu_);

  // The resolver's thread only.
  FileCache<HostTable> hosts_;
  FileCache<ServiceTable> services_;
  FileCache<ResolvConf> resolv_conf_;
  absl::flat_hash_map<LookupId, std::unique_ptr<Running>> running_;

  // Last: its thread uses the rest.
  std::unique_ptr<EventLoop> loop_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_RESOLVER_RESOLVER_H_
