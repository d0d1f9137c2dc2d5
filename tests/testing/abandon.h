#ifndef WSPD_TESTS_TESTING_ABANDON_H_
#define WSPD_TESTS_TESTING_ABANDON_H_

namespace wspd::testing {

// Something that says more about a failure, as a daemon's log.
class Witness {
 public:
  Witness();
  Witness(const Witness&) = delete;
  Witness& operator=(const Witness&) = delete;

  // Prints it to stderr.
  virtual void Testify() const = 0;

 protected:
  ~Witness();
};

// Ends a program that can't go on, after all witnesses have been heard.
[[noreturn]] void Abandon();

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_ABANDON_H_
