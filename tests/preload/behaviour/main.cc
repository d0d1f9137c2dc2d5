// GoogleTest's main, and that of the program's roles.
#include "gtest/gtest.h"
#include "tests/preload/behaviour/child.h"

int main(int argc, char** argv) {
  if (wspd::preload::IsRole(argc, argv)) {
    return wspd::preload::RunRole(argc, argv);
  }
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
