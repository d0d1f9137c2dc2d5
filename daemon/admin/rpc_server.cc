#include "daemon/admin/rpc_server.h"

#include <grpcpp/alarm.h>
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/server_posix.h>
#include <grpcpp/support/byte_buffer.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "daemon/base/error_details.h"
#include "daemon/identity/peer_identity.h"

namespace wspd {
namespace {

// Requests are small.
constexpr int kMaxRequestBytes = 64 * 1024;
constexpr int kMaxStreamsPerConnection = 16;
// The message travels in a header.
constexpr size_t kMaxErrorBytes = 1024;
// So do the details, in base64: all of it has to stay below the 8 KiB of
// headers that gRPC takes.
constexpr size_t kMaxDetailsBytes = 3072;
// How long the last connection has to be gone before the thread is parked.
constexpr auto kIdle = std::chrono::seconds(1);
// Between an event and the word of it.
constexpr auto kGatheringTime = std::chrono::milliseconds(5);
// What running calls get at Stop.
constexpr auto kStopGrace = std::chrono::milliseconds(200);

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const std::string message(status.message().substr(0, kMaxErrorBytes));
  return grpc::Status(static_cast<grpc::StatusCode>(status.raw_code()), message,
                      EncodeStatus(status, message, kMaxDetailsBytes));
}

grpc::ByteBuffer ToBuffer(const std::string& bytes) {
  grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string ToString(const grpc::ByteBuffer& buffer) {
  std::vector<grpc::Slice> slices;
  std::string bytes;
  if (!buffer.Dump(&slices).ok()) return bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

}  // namespace

// What the queue returns.
class RpcServer::Tag {
 public:
  virtual ~Tag() = default;
  virtual void Complete(bool ok) = 0;
};

// Brings a call of a member function to the server's thread.
class RpcServer::PostedTag : public Tag {
 public:
  PostedTag(RpcServer* server, void (RpcServer::*function)(),
            std::chrono::milliseconds delay)
      : server_(server), function_(function) {
    alarm_.Set(server->queue_.get(), std::chrono::system_clock::now() + delay,
               this);
  }

  void Complete(bool) override {
    (server_->*function_)();
    delete this;
  }

 private:
  RpcServer* const server_;
  void (RpcServer::*const function_)();
  grpc::Alarm alarm_;
};

// Brings an answer to the server's thread.
class RpcServer::Question : public Tag {
 public:
  Question(RpcServer* server, std::function<void()> answer)
      : server_(server), answer_(std::move(answer)) {
    alarm_.Set(server->queue_.get(), std::chrono::system_clock::now(), this);
  }

  void Complete(bool) override {
    answer_();
    // It may have been woken for this alone.
    server_->Park();
    delete this;
  }

 private:
  RpcServer* const server_;
  const std::function<void()> answer_;
  grpc::Alarm alarm_;
};

// One call, from waiting for it to its end; deletes itself. At most one
// operation is under way, and beside it gRPC's notice that the call is done.
class RpcServer::Call {
 public:
  explicit Call(RpcServer* server) : server_(server), stream_(&context_) {
    context_.AsyncNotifyWhenDone(&done_tag_);
    server_->service_.RequestCall(&context_, &stream_, server_->queue_.get(),
                                  server_->queue_.get(),
                                  BeginOperation(&Call::OnAccepted));
  }

  // Sends a watch's answer again if it has changed, or what a stream has.
  void Recheck() {
    if (busy_) return;
    if (source_ != nullptr) return WriteNext();
    auto answer = method_->answer(caller_, request_);
    if (!answer.ok()) return Finish(answer.status());
    if (*answer != last_answer_) Write(*std::move(answer));
  }

 private:
  struct MemberTag : public Tag {
    MemberTag(Call* call, void (Call::*then)(bool)) : call(call), then(then) {}
    void Complete(bool ok) override { (call->*then)(ok); }

    Call* const call;
    void (Call::*then)(bool);
  };

  ~Call() { server_->watches_.erase(this); }

  void* BeginOperation(void (Call::*then)(bool)) {
    busy_ = true;
    operation_tag_.then = then;
    return &operation_tag_;
  }

  // False if the call is over, and deleted.
  bool EndOperation() {
    busy_ = false;
    if (!done_) return true;
    delete this;
    return false;
  }

  // Whether an operation may begin: the queue takes none while it shuts down.
  bool queue_is_up() const { return server_->queue_is_up_; }

  void OnAccepted(bool ok) {
    if (!ok) {
      // The server shuts down; for a call that never was, OnDone doesn't come.
      delete this;
      return;
    }
    server_->AcceptNext();
    if (!EndOperation()) return;
    method_ = server_->table_->Find(context_.method());
    if (method_ == nullptr) {
      return Finish(absl::UnimplementedError(
          absl::StrCat("there is no ", context_.method())));
    }
    const auto connection = server_->connections_->Find(context_.peer());
    if (connection == nullptr) {
      return Finish(absl::UnauthenticatedError("the connection has ended"));
    }
    auto caller = server_->caller_of_(*connection);
    if (!caller.ok()) return Finish(caller.status());
    caller_ = *std::move(caller);
    Read();
  }

  void Read() {
    if (!queue_is_up()) return;
    stream_.Read(&buffer_, BeginOperation(&Call::OnRead));
  }

  void OnRead(bool ok) {
    if (!EndOperation()) return;
    if (!ok) {
      return Finish(method_->kind == RpcKind::kBidi
                        ? absl::OkStatus()
                        : absl::InvalidArgumentError("there is no request"));
    }
    request_ = ToString(buffer_);
    buffer_.Clear();
    if (method_->kind == RpcKind::kStream) return OpenStream();
    auto answer = method_->answer(caller_, request_);
    if (!answer.ok()) return Finish(answer.status());
    if (method_->kind == RpcKind::kUnary) return WriteAndFinish(*answer);
    if (method_->kind == RpcKind::kWatch) server_->watches_.insert(this);
    Write(*std::move(answer));
  }

  void OpenStream() {
    auto source = method_->open(caller_, request_);
    if (!source.ok()) return Finish(source.status());
    source_ = *std::move(source);
    server_->watches_.insert(this);
    WriteNext();
  }

  // One message at a time: what the caller doesn't read waits at its source.
  void WriteNext() {
    if (auto message = source_->Next()) return Write(*std::move(message));
    if (const auto end = source_->End()) Finish(*end);
  }

  void Write(std::string answer) {
    if (!queue_is_up()) return;
    last_answer_ = std::move(answer);
    stream_.Write(ToBuffer(last_answer_), BeginOperation(&Call::OnWritten));
  }

  void OnWritten(bool ok) {
    if (!EndOperation()) return;
    // The connection is gone: OnDone will come.
    if (!ok) return;
    method_->kind == RpcKind::kBidi ? Read() : Recheck();
  }

  void WriteAndFinish(const std::string& answer) {
    if (!queue_is_up()) return;
    stream_.WriteAndFinish(ToBuffer(answer), grpc::WriteOptions(),
                           grpc::Status::OK, BeginOperation(&Call::OnFinished));
  }

  void Finish(const absl::Status& status) {
    server_->watches_.erase(this);
    if (!queue_is_up()) return;
    stream_.Finish(ToGrpcStatus(status), BeginOperation(&Call::OnFinished));
  }

  void OnFinished(bool) { EndOperation(); }

  void OnDone(bool) {
    done_ = true;
    server_->watches_.erase(this);
    if (!busy_) delete this;
  }

  RpcServer* const server_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_;
  MemberTag operation_tag_{this, nullptr};
  MemberTag done_tag_{this, &Call::OnDone};
  bool busy_ = false;
  bool done_ = false;

  const RpcMethod* method_ = nullptr;
  // Nobody in particular until it is known.
  Caller caller_{static_cast<uid_t>(-1)};
  grpc::ByteBuffer buffer_;
  std::string request_;
  std::string last_answer_;
  // Of a stream.
  std::unique_ptr<RpcSource> source_;
};

absl::StatusOr<Caller> RpcServer::LocalCaller(const Connection& connection) {
  const PeerIdentity& identity = connection.identity();
  std::vector<gid_t> groups = {identity.gid};
  if (identity.groups) {
    groups.insert(groups.end(), identity.groups->begin(),
                  identity.groups->end());
  }
  return Caller(identity.uid, std::move(groups));
}

RpcServer::RpcServer(const RpcTable* table, const ConnectionTable* connections,
                     CallerOf caller_of, const char* thread_name)
    : table_(table),
      connections_(connections),
      caller_of_(std::move(caller_of)),
      thread_name_(thread_name) {
  grpc::ServerBuilder builder;
  builder.RegisterAsyncGenericService(&service_);
  builder.SetMaxReceiveMessageSize(kMaxRequestBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             kMaxStreamsPerConnection);
  // All connections are Unix sockets, those of peers elsewhere to the thread
  // that has their TLS: an end is seen at once, and idleness is no reason to
  // hang up.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, INT_MAX);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  queue_ = builder.AddCompletionQueue();
  server_ = builder.BuildAndStart();
  AcceptNext();
  // Signals belong to the main thread.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  thread_ = std::thread([this] { Poll(); });
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
}

RpcServer::~RpcServer() { Stop(); }

void RpcServer::AddConnection(int fd) {
  grpc::AddInsecureChannelFromFd(server_.get(), fd);
  absl::MutexLock lock(&mu_);
  active_ = true;
}

void RpcServer::Recheck() { Post(&RpcServer::RecheckWatches); }

void RpcServer::RecheckSoon() {
  Post(&RpcServer::RecheckWatches, kGatheringTime);
}

void RpcServer::Ask(std::function<void()> answer) {
  absl::MutexLock lock(&mu_);
  if (stopped_) return;
  active_ = true;
  new Question(this, std::move(answer));
}

void RpcServer::Stop() {
  if (!thread_.joinable()) return;
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    active_ = true;
  }
  server_->Shutdown(std::chrono::system_clock::now() + kStopGrace);
  Post(&RpcServer::ShutDownQueue);
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  thread_.join();
}

void RpcServer::Post(void (RpcServer::*function)(),
                     std::chrono::milliseconds delay) {
  absl::MutexLock lock(&mu_);
  if (!stopped_) new PostedTag(this, function, delay);
}

void RpcServer::AcceptNext() {
  if (queue_is_up_) new Call(this);
}

void RpcServer::RecheckWatches() {
  // Sending may end a call, and take it out of the set.
  const std::vector<Call*> watches(watches_.begin(), watches_.end());
  for (Call* call : watches) {
    if (watches_.count(call) != 0) call->Recheck();
  }
}

void RpcServer::ShutDownQueue() {
  queue_is_up_ = false;
  queue_->Shutdown();
}

void RpcServer::Poll() {
  pthread_setname_np(pthread_self(), thread_name_);
  for (;;) {
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(&active_));
    }
    void* tag;
    bool ok;
    switch (queue_->AsyncNext(&tag, &ok,
                              std::chrono::system_clock::now() + kIdle)) {
      case grpc::CompletionQueue::GOT_EVENT:
        static_cast<Tag*>(tag)->Complete(ok);
        break;
      case grpc::CompletionQueue::TIMEOUT:
        Park();
        break;
      case grpc::CompletionQueue::SHUTDOWN:
        return;
    }
  }
}

void RpcServer::Park() {
  absl::MutexLock lock(&mu_);
  // A connection is in the table before AddConnection makes us active, so that
  // none is overlooked.
  if (connections_->size() == 0 && !stopping_) active_ = false;
}

}  // namespace wspd
