#include "daemon/server/attach_server.h"

#include <grpc/support/time.h>
#include <grpcpp/alarm.h>
#include <grpcpp/server_posix.h>
#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <climits>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "daemon/session/limits.h"

namespace wspd {
namespace {

// Data that a connection may have under way before anybody reads it: several
// of the largest frames, so that flow control never waits on a round trip.
constexpr int kWindowBytes = 4 << 20;

constexpr int kMostStreamsOfConnection = 16;

// What a queue's thread takes in before it goes on with a frame that waits.
constexpr int kMostEventsPerTurn = 16;

// How often it looks in vain for events. Once isn't enough: what was written
// meanwhile has woken the queue, which then returns once without asking the
// kernel what has come.
constexpr int kLooksPerTurn = 2;

// About what gRPC takes to wake up and to receive a message, which can't be
// told from the time that it has slept.
constexpr std::chrono::microseconds kReceiveTime(10);

void Configure(grpc::ServerBuilder* builder) {
  // Larger ones end in gRPC, and its clients learn less of why.
  builder->SetMaxReceiveMessageSize(2 * kFrameBytes);
  builder->SetMaxSendMessageSize(2 * kFrameBytes);
  // One is what a client needs; gRPC's default is no limit.
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                              kMostStreamsOfConnection);
  // The default keepalive ends clients that read nothing for two hours.
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, INT_MAX);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, 0);
  // Without the probe gRPC 1.51 never raises a connection's window above 65,535
  // bytes, whatever a stream's is: less than one chunk with its head, so that
  // each would wait for a window update in its middle. Its pings come only with
  // data, and nothing waits for their answers.
  builder->AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES,
                              kWindowBytes);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE,
                              static_cast<int>(kFrameBytes));
  builder->AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 0);
}

}  // namespace

AttachServer::AttachServer(const Options& options, ConnectionTable* connections,
                           Registry* registry)
    : context_{&service_, connections, registry, &streams_,
               options.break_after_frames} {}

absl::StatusOr<std::unique_ptr<AttachServer>> AttachServer::Start(
    const Options& options, ConnectionTable* connections, Registry* registry) {
  std::unique_ptr<AttachServer> server(
      new AttachServer(options, connections, registry));
  grpc::ServerBuilder builder;
  Configure(&builder);
  builder.RegisterService(&server->service_);
  for (int i = 0; i < options.queues; ++i) {
    server->queues_.push_back(std::make_unique<AttachStream::Queue>());
    server->queues_.back()->events = builder.AddCompletionQueue();
  }
  server->server_ = builder.BuildAndStart();
  if (server->server_ == nullptr) {
    return absl::InternalError("gRPC could not start the provider's server");
  }
  // Signals belong to the main thread.
  sigset_t all, old;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &old);
  for (auto& queue : server->queues_) {
    AttachStream::Expect(&server->context_, queue.get());
    server->threads_.emplace_back(&AttachServer::Serve, queue.get());
  }
  pthread_sigmask(SIG_SETMASK, &old, nullptr);
  return server;
}

AttachServer::~AttachServer() { Shutdown(absl::Now()); }

void AttachServer::AddConnection(int fd) {
  grpc::AddInsecureChannelFromFd(server_.get(), fd);
}

// Told apart from streams' tags by having no stream.
struct AttachServer::Question : public AttachStream::Tag {
  Question(grpc::ServerCompletionQueue* queue, std::function<void()> callback)
      : Tag{nullptr, Event::kStart}, answer(std::move(callback)) {
    // The queue's type of tag is void*, which has to be the base's address.
    alarm.Set(queue, std::chrono::system_clock::now(),
              static_cast<AttachStream::Tag*>(this));
  }

  const std::function<void()> answer;
  grpc::Alarm alarm;
};

void AttachServer::AskQueue(size_t index, std::function<void()> answer) {
  absl::MutexLock lock(&mu_);
  if (stopped_) return;
  new Question(queues_[index]->events.get(), std::move(answer));
}

void AttachServer::Serve(AttachStream::Queue* queue) {
  pthread_setname_np(pthread_self(), "wspd-queue");
  using Clock = std::chrono::steady_clock;
  const gpr_timespec never = gpr_inf_future(GPR_CLOCK_MONOTONIC);
  const gpr_timespec at_once = gpr_inf_past(GPR_CLOCK_MONOTONIC);
  auto& turns = queue->turns;
  int events = 0;
  int looks = 0;
  Clock::time_point begin = Clock::now();
  // Of a piece of work that is done.
  const auto charge = [&turns, &begin](uint64_t client) {
    const Clock::time_point now = Clock::now();
    // Else it was of no client yet.
    if (client != 0) turns.Charge(client, begin, now);
    begin = now;
  };
  for (;;) {
    // What has come is begun first: it may be of a client that has had less.
    // But there may be no end of it.
    gpr_timespec deadline = never;
    if (!turns.empty()) {
      deadline = at_once;
      if (events >= kMostEventsPerTurn || looks >= kLooksPerTurn) {
        events = 0;
        looks = 0;
        const Clock::duration pause = turns.PauseBeforeTurn(begin);
        if (pause == Clock::duration::zero()) {
          AttachStream* const stream = turns.Take(begin);
          const uint64_t client = stream->client_id();
          stream->OnEvent(AttachStream::Tag::Event::kTurn, true);
          charge(client);
          continue;
        }
        deadline = gpr_time_add(
            gpr_now(GPR_CLOCK_MONOTONIC),
            gpr_time_from_nanos(std::chrono::nanoseconds(pause).count(),
                                GPR_TIMESPAN));
      }
    }
    void* tag;
    bool ok;
    const auto status = queue->events->AsyncNext(&tag, &ok, deadline);
    if (gpr_time_cmp(deadline, at_once) != 0) {
      const Clock::time_point woken = Clock::now() - kReceiveTime;
      // It has slept.
      if (woken > begin + kReceiveTime) turns.OnLook();
      begin = std::max(begin, woken);
    }
    switch (status) {
      case grpc::CompletionQueue::SHUTDOWN:
        return;
      case grpc::CompletionQueue::TIMEOUT:
        ++looks;
        turns.OnLook();
        begin = Clock::now();
        continue;
      case grpc::CompletionQueue::GOT_EVENT:
        ++events;
        break;
    }
    auto* event = static_cast<AttachStream::Tag*>(tag);
    if (event->stream == nullptr) {
      const std::unique_ptr<Question> question(static_cast<Question*>(event));
      question->answer();
      begin = Clock::now();
      continue;
    }
    const uint64_t client = event->stream->client_id();
    event->stream->OnEvent(event->event, ok);
    charge(client);
  }
}

void AttachServer::Shutdown(absl::Time deadline) {
  if (server_ == nullptr) return;
  server_->Shutdown(absl::ToChronoTime(deadline));
  streams_.AwaitNone();
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  for (auto& queue : queues_) queue->events->Shutdown();
  for (std::thread& thread : threads_) thread.join();
  server_.reset();
}

}  // namespace wspd
