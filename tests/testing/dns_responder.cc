#include "tests/testing/dns_responder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstring>

namespace wspd::testing {
namespace {

constexpr uint16_t kA = 1;
constexpr uint16_t kCname = 5;
constexpr uint16_t kPtr = 12;
constexpr uint16_t kAaaa = 28;
constexpr int kNoSuchName = 3;
constexpr size_t kHeaderBytes = 12;
// An answer by UDP (RFC 1035, section 4.2.1).
constexpr size_t kMostUdpBytes = 512;

void AppendNumber(uint16_t number, std::string* out) {
  out->push_back(static_cast<char>(number >> 8));
  out->push_back(static_cast<char>(number));
}

std::string EncodeName(const std::string& name) {
  std::string encoded;
  size_t begin = 0;
  while (begin < name.size()) {
    size_t end = name.find('.', begin);
    if (end == std::string::npos) end = name.size();
    encoded.push_back(static_cast<char>(end - begin));
    encoded.append(name, begin, end - begin);
    begin = end + 1;
  }
  encoded.push_back('\0');
  return encoded;
}

// Of a question, at its beginning; false if it is cut short.
bool DecodeName(const std::string& message, size_t* at, std::string* name) {
  while (*at < message.size()) {
    const size_t length = static_cast<uint8_t>(message[(*at)++]);
    if (length == 0) return true;
    if (*at + length > message.size()) return false;
    if (!name->empty()) name->push_back('.');
    for (size_t i = 0; i < length; ++i) {
      name->push_back(static_cast<char>(tolower(message[(*at)++])));
    }
  }
  return false;
}

std::string EncodeRecord(const std::string& name, uint16_t type,
                         const std::string& data) {
  std::string record = EncodeName(name);
  AppendNumber(type, &record);
  AppendNumber(1, &record);  // IN
  record.append(4, '\0');    // time to live
  AppendNumber(static_cast<uint16_t>(data.size()), &record);
  return record + data;
}

// The answer that says: ask by TCP.
std::string Truncate(const std::string& answer) {
  constexpr char kTruncated = 2;
  size_t at = kHeaderBytes;
  std::string name;
  if (!DecodeName(answer, &at, &name)) abort();
  std::string head = answer.substr(0, at + 4);
  head[2] = static_cast<char>(head[2] | kTruncated);
  head[6] = head[7] = 0;  // records
  return head;
}

bool WriteAll(int fd, const std::string& data) {
  size_t done = 0;
  while (done < data.size()) {
    const ssize_t sent =
        send(fd, data.data() + done, data.size() - done, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    done += static_cast<size_t>(sent);
  }
  return true;
}

std::string PtrName(const std::string& address) {
  in_addr v4;
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(&v4);
    return std::to_string(bytes[3]) + "." + std::to_string(bytes[2]) + "." +
           std::to_string(bytes[1]) + "." + std::to_string(bytes[0]) +
           ".in-addr.arpa";
  }
  in6_addr v6;
  if (inet_pton(AF_INET6, address.c_str(), &v6) != 1) abort();
  std::string name;
  for (int i = 15; i >= 0; --i) {
    constexpr char kDigits[] = "0123456789abcdef";
    name += kDigits[v6.s6_addr[i] & 15];
    name += '.';
    name += kDigits[v6.s6_addr[i] >> 4];
    name += '.';
  }
  return name + "ip6.arpa";
}

}  // namespace

DnsResponder::DnsResponder() {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const name = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof(address);
  int stop[2];
  // The same port for both; another one as long as UDP's is somebody else's.
  bool taken;
  do {
    socket_ = OwnedFd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    listener_ = OwnedFd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    address.sin_port = 0;
    if (bind(listener_.get(), name, size) != 0 ||
        getsockname(listener_.get(), name, &size) != 0) {
      abort();
    }
    taken = bind(socket_.get(), name, size) != 0;
    if (taken && errno != EADDRINUSE) abort();
  } while (taken);
  if (listen(listener_.get(), 16) != 0 || pipe2(stop, O_CLOEXEC) != 0) abort();
  port_ = ntohs(address.sin_port);
  stop_read_ = OwnedFd(stop[0]);
  stop_write_ = OwnedFd(stop[1]);
  thread_ = std::thread([this] { Run(); });
}

DnsResponder::~DnsResponder() {
  if (write(stop_write_.get(), "", 1) != 1) abort();
  thread_.join();
}

std::string DnsResponder::address() const {
  return "127.0.0.1:" + std::to_string(port_);
}

void DnsResponder::AddAddress(const std::string& name,
                              const std::string& address) {
  uint8_t bytes[16];
  const std::lock_guard<std::mutex> lock(mutex_);
  if (inet_pton(AF_INET, address.c_str(), bytes) == 1) {
    records_.emplace(Key(name, kA), std::string(bytes, bytes + 4));
  } else if (inet_pton(AF_INET6, address.c_str(), bytes) == 1) {
    records_.emplace(Key(name, kAaaa), std::string(bytes, bytes + 16));
  } else {
    abort();
  }
}

void DnsResponder::AddCname(const std::string& alias,
                            const std::string& target) {
  const std::lock_guard<std::mutex> lock(mutex_);
  cnames_[alias] = target;
}

void DnsResponder::AddPtr(const std::string& address, const std::string& name) {
  const std::lock_guard<std::mutex> lock(mutex_);
  records_.emplace(Key(PtrName(address), kPtr), EncodeName(name));
}

void DnsResponder::AddFailure(const std::string& name, int rcode) {
  const std::lock_guard<std::mutex> lock(mutex_);
  failures_[name] = rcode;
}

void DnsResponder::AddSilence(const std::string& name) {
  const std::lock_guard<std::mutex> lock(mutex_);
  silent_.insert(name);
}

void DnsResponder::BreakSilence(const std::string& name,
                                const std::string& address) {
  AddAddress(name, address);
  std::vector<Unanswered> waiting;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    silent_.erase(name);
    const auto [begin, end] = unanswered_.equal_range(name);
    for (auto one = begin; one != end; ++one) waiting.push_back(one->second);
    unanswered_.erase(begin, end);
  }
  for (const Unanswered& one : waiting) {
    Send(Answer(one.question, one.from), one.from);
  }
}

int DnsResponder::QuestionsFor(const std::string& name) {
  const std::lock_guard<std::mutex> lock(mutex_);
  return questions_[name];
}

bool DnsResponder::AwaitQuestionFor(const std::string& name) {
  std::unique_lock<std::mutex> lock(mutex_);
  return asked_.wait_for(lock, std::chrono::seconds(30),
                         [&] { return questions_[name] > 0; });
}

void DnsResponder::Run() {
  std::vector<Stream> streams;
  for (;;) {
    std::vector<pollfd> wait = {{socket_.get(), POLLIN, 0},
                                {stop_read_.get(), POLLIN, 0},
                                {listener_.get(), POLLIN, 0}};
    const size_t first = wait.size();
    for (const Stream& stream : streams) {
      wait.push_back({stream.fd.get(), POLLIN, 0});
    }
    if (poll(wait.data(), wait.size(), -1) < 0) continue;
    if (wait[1].revents != 0) return;
    if (wait[0].revents != 0) AnswerDatagram();
    // From the last one, since those behind one that goes move up.
    for (size_t i = streams.size(); i-- > 0;) {
      if (wait[first + i].revents != 0 && !AnswerStream(&streams[i])) {
        streams.erase(streams.begin() + static_cast<ptrdiff_t>(i));
      }
    }
    if (wait[2].revents != 0) {
      streams.push_back(
          {OwnedFd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)),
           ""});
    }
  }
}

void DnsResponder::AnswerDatagram() {
  char question[4096];
  sockaddr_in from;
  socklen_t from_size = sizeof(from);
  const ssize_t size = recvfrom(socket_.get(), question, sizeof(question), 0,
                                reinterpret_cast<sockaddr*>(&from), &from_size);
  if (size < 0) return;
  const std::string sender(reinterpret_cast<const char*>(&from), from_size);
  Send(Answer(std::string(question, static_cast<size_t>(size)), sender),
       sender);
}

bool DnsResponder::AnswerStream(Stream* stream) {
  char data[4096];
  const ssize_t size = recv(stream->fd.get(), data, sizeof(data), 0);
  if (size <= 0) return false;
  std::string& received = stream->received;
  received.append(data, static_cast<size_t>(size));
  // Each message behind its length.
  while (received.size() >= 2) {
    const size_t length = static_cast<size_t>(static_cast<uint8_t>(received[0]))
                              << 8 |
                          static_cast<uint8_t>(received[1]);
    if (received.size() < 2 + length) break;
    const std::string answer = Answer(received.substr(2, length), "");
    received.erase(0, 2 + length);
    if (answer.empty()) continue;
    std::string message;
    AppendNumber(static_cast<uint16_t>(answer.size()), &message);
    if (!WriteAll(stream->fd.get(), message + answer)) return false;
  }
  return true;
}

void DnsResponder::Send(const std::string& answer, const std::string& to) {
  // By TCP nobody waits for what was asked before.
  if (answer.empty() || to.empty()) return;
  const std::string message =
      answer.size() <= kMostUdpBytes ? answer : Truncate(answer);
  sendto(socket_.get(), message.data(), message.size(), 0,
         reinterpret_cast<const sockaddr*>(to.data()),
         static_cast<socklen_t>(to.size()));
}

std::string DnsResponder::Answer(const std::string& question,
                                 const std::string& from) {
  if (question.size() < kHeaderBytes) return "";
  size_t at = kHeaderBytes;
  std::string name;
  if (!DecodeName(question, &at, &name) || at + 4 > question.size()) return "";
  const auto type =
      static_cast<uint16_t>(static_cast<uint8_t>(question[at]) << 8 |
                            static_cast<uint8_t>(question[at + 1]));
  const std::string asked =
      question.substr(kHeaderBytes, at + 4 - kHeaderBytes);
  const std::lock_guard<std::mutex> lock(mutex_);
  ++questions_[name];
  asked_.notify_all();
  if (silent_.count(name) > 0) {
    unanswered_.insert({name, {question, from}});
    return "";
  }
  std::string records;
  uint16_t count = 0;
  for (auto cname = cnames_.find(name); cname != cnames_.end();
       cname = cnames_.find(name)) {
    records += EncodeRecord(name, kCname, EncodeName(cname->second));
    name = cname->second;
    ++count;
  }
  const auto range = records_.equal_range(Key(name, type));
  for (auto record = range.first; record != range.second; ++record) {
    records += EncodeRecord(name, type, record->second);
    ++count;
  }
  const auto any = records_.lower_bound(Key(name, 0));
  const bool known = any != records_.end() && any->first.first == name;
  int rcode = known || count > 0 ? 0 : kNoSuchName;
  if (failures_.count(name) > 0) rcode = failures_[name];
  std::string answer = question.substr(0, 2);
  AppendNumber(static_cast<uint16_t>(0x8580 | rcode), &answer);
  AppendNumber(1, &answer);
  AppendNumber(count, &answer);
  AppendNumber(0, &answer);
  AppendNumber(0, &answer);
  return answer + asked + records;
}

}  // namespace wspd::testing
