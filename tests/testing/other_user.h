#ifndef WSPD_TESTS_TESTING_OTHER_USER_H_
#define WSPD_TESTS_TESTING_OTHER_USER_H_

#include <sys/types.h>

namespace wspd::testing {

// Users that own nothing on any machine, and the group that all of them are in.
constexpr uid_t kAlice = 70001;
constexpr uid_t kBob = 70002;
constexpr gid_t kTheirGroup = 70001;

// Whether processes may become these: not without root, nor in a user namespace
// that has one user only.
bool MayBecomeOthers();

// The calling process is the user's from now on, and in the group alone. False
// if it may not be.
bool BecomeUser(uid_t user);

}  // namespace wspd::testing

#endif  // WSPD_TESTS_TESTING_OTHER_USER_H_
