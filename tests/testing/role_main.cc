// The program of a test that has roles: gtest's, and `--role=NAME` for a child.
#include "gmock/gmock.h"
#include "tests/testing/role.h"

int main(int argc, char** argv) {
  if (wspd::testing::IsRole(argc, argv)) {
    return wspd::testing::RunRole(argc, argv);
  }
  ::testing::InitGoogleMock(&argc, argv);
  return RUN_ALL_TESTS();
}
