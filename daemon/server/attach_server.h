#ifndef WSPD_DAEMON_SERVER_ATTACH_SERVER_H_
#define WSPD_DAEMON_SERVER_ATTACH_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "daemon/server/attach_stream.h"

namespace wspd {

// The provider's gRPC server: Attach and nothing else, on completion queues
// with a thread each. It listens nowhere; connections are given to it.
//
// Completion queues, not the callback API: gRPC 1.51's callback threads sleep
// up to 100 ms after a second of idleness. Few queues: gRPC has one epoll set
// for all, and whichever thread polls it hands other queues' events on by a
// wake-up. On two cores an echo took 91 us with one queue and 157 us with two,
// and four clients at once got 1.5 times as much out of one.
class AttachServer {
 public:
  struct Options {
    // Completion queues, at least 1.
    int queues = 1;
    uint64_t break_after_frames = 0;
  };

  // `connections` and `registry` outlive the server.
  static absl::StatusOr<std::unique_ptr<AttachServer>> Start(
      const Options& options, ConnectionTable* connections, Registry* registry);

  // Ends what is left and joins the threads.
  ~AttachServer();

  // Serves an accepted connection that `connections` knows; owns `fd` from now
  // on. Any thread.
  void AddConnection(int fd);

  size_t queues() const { return queues_.size(); }
  // Has `answer` called once on the thread of one queue, after what that is
  // busy with; dropped after Shutdown. Any thread.
  void AskQueue(size_t index, std::function<void()> answer);

  // Accepts no further streams, gives those that live until `deadline` to end,
  // cancels the rest, and stops. Idempotent.
  void Shutdown(absl::Time deadline);

 private:
  AttachServer(const Options& options, ConnectionTable* connections,
               Registry* registry);

  // Comes through a queue like the tags of streams.
  struct Question;

  static void Serve(AttachStream::Queue* queue);

  AttachStream::Service service_;
  AttachStream::Population streams_;
  const AttachStream::Context context_;
  std::vector<std::unique_ptr<AttachStream::Queue>> queues_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::thread> threads_;
  absl::Mutex mu_;
  // The queues take nothing more.
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace wspd

#endif  // WSPD_DAEMON_SERVER_ATTACH_SERVER_H_
