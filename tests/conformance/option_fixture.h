#ifndef WSPD_TESTS_CONFORMANCE_OPTION_FIXTURE_H_
#define WSPD_TESTS_CONFORMANCE_OPTION_FIXTURE_H_

#include <string>

#include "tests/conformance/stream_fixture.h"
#include "ws2tcpip.h"

namespace wspd::conformance {

// An option of a kind of socket, and what the row of its test wants of it.
struct Option {
  const char* name;
  Variant variant;
  int level;
  int number;
  int value = 0;
};

inline std::ostream& operator<<(std::ostream& out, const Option& option) {
  return out << option.name << " of " << option.variant;
}

constexpr Variant kTcp4 = {Family::kIpv4, Protocol::kTcp};
constexpr Variant kTcp6 = {Family::kIpv6, Protocol::kTcp};
constexpr Variant kUdp4 = {Family::kIpv4, Protocol::kUdp};
constexpr Variant kUdp6 = {Family::kIpv6, Protocol::kUdp};

// For cases about one option of a table of them.
class OptionTest : public ConformanceTest,
                   public ::testing::WithParamInterface<Option> {
 protected:
  SOCKET New() {
    return NewSocket(GetParam().variant.family, GetParam().variant.protocol);
  }
  WsaCode Set(SOCKET s, int value) {
    return SetInt(s, GetParam().level, GetParam().number, value);
  }
  WsaCode SetBytes(SOCKET s, const void* value, int length) {
    return SetOption(s, GetParam().level, GetParam().number, value, length);
  }
  WsaCode GetBytes(SOCKET s, void* value, int* length) {
    return GetOption(s, GetParam().level, GetParam().number, value, length);
  }
  // Fails the case, and gives -1, if it can't be read.
  int Get(SOCKET s) {
    int value = 0;
    const WsaCode code = GetInt(s, GetParam().level, GetParam().number, &value);
    EXPECT_EQ(code, kOk);
    return code.ok() ? value : -1;
  }
};

// Instantiates the cases of a fixture that is-an OptionTest.
#define WSPD_FOR_OPTIONS(Fixture, ...)                                  \
  INSTANTIATE_TEST_SUITE_P(                                             \
      , Fixture, ::testing::Values(__VA_ARGS__), [](const auto& info) { \
        return info.param.name +                                        \
               ::wspd::conformance::VariantName(info.param.variant);    \
      })

}  // namespace wspd::conformance

#endif  // WSPD_TESTS_CONFORMANCE_OPTION_FIXTURE_H_
