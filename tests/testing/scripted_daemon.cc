#include "tests/testing/scripted_daemon.h"

#include <endian.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

#include <algorithm>
#include <utility>

#include "tests/testing/wait_until.h"

namespace wspd::testing {
namespace {

bool AwaitReadable(int fd) {
  pollfd wait = {fd, POLLIN, 0};
  return poll(&wait, 1, static_cast<int>(milliseconds(kDeadline).count())) == 1;
}

}  // namespace

ScriptedDaemon::ScriptedDaemon(const std::string& path)
    : listener_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  if (bind(listener_.get(), reinterpret_cast<sockaddr*>(&address),
           sizeof(address)) != 0 ||
      listen(listener_.get(), 16) != 0) {
    abort();
  }
}

std::optional<wsp::v1::Hello> ScriptedDaemon::Accept() {
  Break();
  if (!AwaitReadable(listener_.get())) return std::nullopt;
  connection_ =
      OwnedFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  pipe_ = std::make_unique<wsp::FakePipe>();
  stream_ = std::make_unique<wsp::FakeDaemon>(pipe_.get());
  hello_.reset();
  calls_.clear();
  acknowledged_ = sequence_ = 0;
  while (!hello_.has_value() && Exchange()) continue;
  return hello_;
}

void ScriptedDaemon::Welcome(bool resumed, uint64_t startups, bool farewells) {
  wsp::v1::ServerFrame frame;
  wsp::v1::Welcome* const welcome = frame.mutable_welcome();
  welcome->mutable_version()->set_major(1);
  welcome->set_attachment_token(kToken);
  welcome->set_resumed(resumed);
  welcome->set_startups(startups);
  if (farewells) welcome->add_capabilities(wsp::v1::CAPABILITY_FAREWELL);
  Send(frame);
}

std::optional<wsp::v1::Call> ScriptedDaemon::NextCall() {
  while (calls_.empty() && Exchange()) continue;
  if (calls_.empty()) return std::nullopt;
  wsp::v1::Call call = std::move(calls_.front());
  calls_.pop_front();
  return call;
}

wsp::v1::Completion* ScriptedDaemon::AddResult(wsp::v1::ServerFrame* frame,
                                               uint64_t call_id) {
  wsp::v1::Completion* const result = frame->add_completions();
  result->set_call_id(call_id);
  result->set_sequence(++sequence_);
  return result;
}

void ScriptedDaemon::Send(const wsp::v1::ServerFrame& frame) {
  stream_->Send(frame);
  Flush();
}

bool ScriptedDaemon::AwaitEnd() {
  while (!stream_->saw_end && Exchange()) continue;
  if (!stream_->saw_end || !calls_.empty()) return false;
  stream_->End("0");
  Flush();
  return true;
}

void ScriptedDaemon::Break() { connection_.Reset(-1); }

std::string ScriptedDaemon::AcceptDescriptors() {
  constexpr size_t kGreetingBytes = 24;
  if (!AwaitReadable(listener_.get())) return "";
  descriptors_ =
      OwnedFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  std::string greeting;
  while (greeting.size() < kGreetingBytes &&
         AwaitReadable(descriptors_.get())) {
    char bytes[kGreetingBytes];
    const ssize_t size =
        recv(descriptors_.get(), bytes, kGreetingBytes - greeting.size(), 0);
    if (size <= 0) break;
    greeting.append(bytes, static_cast<size_t>(size));
  }
  return greeting;
}

void ScriptedDaemon::SendDescriptor(uint64_t call_id, uint64_t cookie, int fd) {
  uint64_t message[] = {htole64(call_id), htole64(cookie)};
  iovec part = {message, sizeof(message)};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  if (fd >= 0) {
    header.msg_control = control;
    header.msg_controllen = sizeof(control);
    cmsghdr* const item = CMSG_FIRSTHDR(&header);
    item->cmsg_level = SOL_SOCKET;
    item->cmsg_type = SCM_RIGHTS;
    item->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(item), &fd, sizeof(fd));
  }
  // A client that has gone shows when it's read from.
  (void)sendmsg(descriptors_.get(), &header, MSG_NOSIGNAL);
}

uint64_t ScriptedDaemon::TakeShown(OwnedFd* descriptor) {
  if (!AwaitReadable(descriptors_.get())) return 0;
  uint64_t message[2] = {};
  iovec part = {message, sizeof(message)};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
  msghdr header = {};
  header.msg_iov = &part;
  header.msg_iovlen = 1;
  header.msg_control = control;
  header.msg_controllen = sizeof(control);
  if (recvmsg(descriptors_.get(), &header, MSG_CMSG_CLOEXEC) !=
      sizeof(message)) {
    return 0;
  }
  const cmsghdr* const item = CMSG_FIRSTHDR(&header);
  if (item == nullptr || item->cmsg_type != SCM_RIGHTS) return 0;
  int fd;
  memcpy(&fd, CMSG_DATA(item), sizeof(fd));
  *descriptor = OwnedFd(fd);
  return le64toh(message[0]);
}

bool ScriptedDaemon::HasSaid() const {
  char byte;
  return recv(descriptors_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 1;
}

uint64_t ScriptedDaemon::TakeFarewell() {
  uint64_t message[2] = {};
  if (!AwaitReadable(descriptors_.get()) ||
      recv(descriptors_.get(), message, sizeof(message), 0) !=
          sizeof(message) ||
      message[0] != 0) {
    return 0;
  }
  return le64toh(message[1]);
}

void ScriptedDaemon::AnswerShown(uint64_t number, int linux_errno) {
  SendDescriptor(number, static_cast<uint64_t>(linux_errno), -1);
}

bool ScriptedDaemon::Exchange() {
  if (!connection_.is_open() || stream_->saw_end ||
      !AwaitReadable(connection_.get())) {
    return false;
  }
  char bytes[16384];
  const ssize_t size = recv(connection_.get(), bytes, sizeof(bytes), 0);
  if (size <= 0) return false;
  pipe_->to_server.append(bytes, static_cast<size_t>(size));
  stream_->Read();
  for (const wsp::v1::ClientFrame& frame : stream_->frames) {
    if (frame.has_hello()) {
      hello_ = frame.hello();
    } else {
      // That of a hello is about the stream before.
      acknowledged_ = std::max(acknowledged_, frame.ack_sequence());
    }
    calls_.insert(calls_.end(), frame.calls().begin(), frame.calls().end());
  }
  stream_->frames.clear();
  Flush();
  return true;
}

void ScriptedDaemon::Flush() {
  std::string& bytes = pipe_->to_client;
  while (!bytes.empty()) {
    const ssize_t size =
        send(connection_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    // A client that has gone shows when it's read from.
    if (size <= 0) break;
    bytes.erase(0, static_cast<size_t>(size));
  }
  bytes.clear();
}

}  // namespace wspd::testing
