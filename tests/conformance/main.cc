// The program of a group: gtest's, and --provider=PATH (or WSP_PROVIDER) for
// the provider to judge.
#include <string>

#include "gmock/gmock.h"
#include "tests/conformance/fixture.h"

int main(int argc, char** argv) {
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
