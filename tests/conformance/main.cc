// The program of a group: gtest's, and --provider=PATH (or WSP_PROVIDER) for
// the provider to judge. `--role=NAME` is a child of a case.
#include <string>

#include "gmock/gmock.h"
#include "tests/conformance/fixture.h"
#include "tests/testing/role.h"

int main(int argc, char** argv) {
  if (wspd::testing::IsRole(argc, argv)) {
    return wspd::testing::RunRole(argc, argv);
  }
  ::testing::InitGoogleMock(&argc, argv);
  const std::string flag = "--provider=";
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    if (argument.compare(0, flag.size(), flag) == 0) {
      wspd::conformance::SetProviderPath(argument.substr(flag.size()));
    }
  }
  return RUN_ALL_TESTS();
}
