#ifndef WSPD_DAEMON_ADMIN_RPC_SERVER_H_
#define WSPD_DAEMON_ADMIN_RPC_SERVER_H_

#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server.h>

#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "daemon/admin/rpc_table.h"
#include "daemon/server/connection.h"
#include "daemon/server/connection_table.h"

namespace wspd {

// A gRPC server for the methods of a table, on connections that are given to
// it: it listens nowhere itself.
//
// One thread does everything, on a completion queue, so that callers that don't
// read their answers, and streams that stay open, cost memory and no threads.
// While there is no connection the thread is parked: gRPC lets any thread that
// waits for events handle those of all servers of the process, and the one of a
// server that idles would only add a hop to the others' traffic.
class RpcServer {
 public:
  // Who calls by a connection; an error ends the call. Asked for each, on the
  // server's thread.
  using CallerOf = std::function<absl::StatusOr<Caller>(const Connection&)>;

  // A process of this system, by the kernel's word.
  static absl::StatusOr<Caller> LocalCaller(const Connection& connection);

  // Table and connections have to outlive the server. A connection is known by
  // `connections` before it comes to AddConnection. The thread's name has at
  // most 15 characters.
  RpcServer(const RpcTable* table, const ConnectionTable* connections,
            CallerOf caller_of = &LocalCaller,
            const char* thread_name = "wspd-admin");

  // As Stop.
  ~RpcServer();

  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  // Serves a connected non-blocking socket, and owns it from now on.
  // Thread-safe; not after Stop.
  void AddConnection(int fd);

  // Looks whether the answers of watches have changed, and streams have
  // something to send. Thread-safe.
  void Recheck();
  // The same after a moment, in which more may come: for what happens by the
  // thousand, so that a reader who keeps up doesn't take all of a processor.
  void RecheckSoon();

  // Has `answer` called once on the server's thread, after what that is busy
  // with; dropped after Stop. Thread-safe.
  void Ask(std::function<void()> answer);

  // Lets running calls finish for a moment, ends the rest, and all connections.
  void Stop();

 private:
  class Call;
  class Tag;
  class PostedTag;
  class Question;

  void Poll();
  void Park();
  // Runs `function` on the server's thread, after `delay`, if that still runs.
  void Post(void (RpcServer::*function)(),
            std::chrono::milliseconds delay = std::chrono::milliseconds(0));

  // On the server's thread:
  void AcceptNext();
  void RecheckWatches();
  void ShutDownQueue();

  const RpcTable* const table_;
  const ConnectionTable* const connections_;
  const CallerOf caller_of_;
  const char* const thread_name_;
  grpc::AsyncGenericService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  std::unique_ptr<grpc::Server> server_;

  // The server's thread only.
  bool queue_is_up_ = true;
  std::set<Call*> watches_;

  absl::Mutex mu_;
  // Whether the thread has to wait for gRPC's events.
  bool active_ ABSL_GUARDED_BY(mu_) = false;
  // From the beginning of Stop: no parking.
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  // The queue takes nothing more.
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_ADMIN_RPC_SERVER_H_
