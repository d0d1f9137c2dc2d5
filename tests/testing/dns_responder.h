#ifndef WSPD_TESTS_TESTING_DNS_RESPONDER_H_
#define WSPD_TESTS_TESTING_DNS_RESPONDER_H_

#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/testing/owned_fd.h"

namespace wspd::testing {

// A small DNS server on loopback: on UDP, and on TCP for what doesn't fit into
// an answer there. It knows what it was told and says NXDOMAIN of everything
// else; it follows its own CNAME records. Thread-safe.
class DnsResponder {
 public:
  DnsResponder();
  ~DnsResponder();
  DnsResponder(const DnsResponder&) = delete;
  DnsResponder& operator=(const DnsResponder&) = delete;

  // "127.0.0.1:PORT".
  std::string address() const;

  // Names in lower case and without a dot at their end.
  void AddAddress(const std::string& name, const std::string& address);
  void AddCname(const std::string& alias, const std::string& target);
  void AddPtr(const std::string& address, const std::string& name);
  // Questions for the name get this code, SERVFAIL (2) or REFUSED (5), …
  void AddFailure(const std::string& name, int rcode);
  // Questions for the name get no answer.
  void AddSilence(const std::string& name);
  // From now on they do, this address, also those that were asked before.
  void BreakSilence(const std::string& name, const std::string& address);

  // Questions for the name so far, repeated ones among them, also those that
  // came again by TCP.
  int QuestionsFor(const std::string& name);
  // Waits for the first; false after 30 s.
  bool AwaitQuestionFor(const std::string& name);

 private:
  using Key = std::pair<std::string, uint16_t>;  // name, record type

  // A question that got no answer.
  struct Unanswered {
    std::string question;
    std::string from;  // a sockaddr_in
  };

  // Of a resolver that asks by TCP.
  struct Stream {
    OwnedFd fd;
    std::string received;
  };

  void Run();
  void AnswerDatagram();
  // Answers what has come; false at the end.
  bool AnswerStream(Stream* stream);
  void Send(const std::string& answer, const std::string& to);
  // Empty: say nothing.
  std::string Answer(const std::string& question, const std::string& from);

  OwnedFd socket_;
  OwnedFd listener_;
  OwnedFd stop_read_;
  OwnedFd stop_write_;
  uint16_t port_ = 0;
  std::mutex mutex_;
  std::condition_variable asked_;
  std::multimap<Key, std::string> records_;  // their data
  std::map<std::string, std::string> cnames_;
  std::map<std::string, int> failures_;
  std::set<std::string> silent_;
  std::map<std::string, int> questions_;
  std::multimap<std::string, Unanswered> unanswered_;  // by name
  std::thread thread_;
};

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_DNS_RESPONDER_H_
