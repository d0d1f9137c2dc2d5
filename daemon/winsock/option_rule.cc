#include "daemon/winsock/option_rule.h"

#include <errno.h>
#include <sys/socket.h>

namespace wspd {

WsaError SetInt(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof(value)) == 0
             ? WsaError(0)
             : WsaError::FromErrno(errno);
}

WsaError GetInt(int fd, int level, int option, int* value) {
  socklen_t size = sizeof(*value);
  return getsockopt(fd, level, option, value, &size) == 0
             ? WsaError(0)
             : WsaError::FromErrno(errno);
}

WsaError ReadNumber(const OptionRule& rule, const wsp::v1::OptionValue& value,
                    uint32_t* number) {
  if (value.value_case() != wsp::v1::OptionValue::kNumber) return kWsaFault;
  *number = value.number();
  // Options that may be negative are ints.
  const int64_t meant = rule.least < 0 ? static_cast<int32_t>(*number)
                                       : static_cast<int64_t>(*number);
  return meant < rule.least || meant > rule.most ? kWsaInval : 0;
}

WsaError SetKernelFlag(const OptionRule& rule, const OptionTarget& target,
                       const wsp::v1::OptionValue& value) {
  uint32_t number;
  if (WsaError error = ReadNumber(rule, value, &number); !error.ok()) {
    return error;
  }
  return SetInt(target.socket.fd, rule.kernel_level, rule.kernel_option,
                number != 0);
}

WsaError GetKernelFlag(const OptionRule& rule, const OptionTarget& target,
                       wsp::v1::OptionValue* value) {
  int number = 0;
  WsaError error =
      GetInt(target.socket.fd, rule.kernel_level, rule.kernel_option, &number);
  value->set_number(number != 0);
  return error;
}

WsaError SetKernelNumber(const OptionRule& rule, const OptionTarget& target,
                         const wsp::v1::OptionValue& value) {
  uint32_t number;
  if (WsaError error = ReadNumber(rule, value, &number); !error.ok()) {
    return error;
  }
  return SetInt(target.socket.fd, rule.kernel_level, rule.kernel_option,
                static_cast<int>(number));
}

WsaError GetKernelNumber(const OptionRule& rule, const OptionTarget& target,
                         wsp::v1::OptionValue* value) {
  int number = 0;
  WsaError error =
      GetInt(target.socket.fd, rule.kernel_level, rule.kernel_option, &number);
  value->set_number(static_cast<uint32_t>(number));
  return error;
}

WsaError SetFlag(const OptionRule& rule, const OptionTarget& target,
                 const wsp::v1::OptionValue& value) {
  uint32_t number;
  WsaError error = ReadNumber(rule, value, &number);
  if (error.ok()) target.options->*rule.flag = number != 0;
  return error;
}

WsaError GetFlag(const OptionRule& rule, const OptionTarget& target,
                 wsp::v1::OptionValue* value) {
  value->set_number(target.options->*rule.flag);
  return 0;
}

WsaError SetNumber(const OptionRule& rule, const OptionTarget& target,
                   const wsp::v1::OptionValue& value) {
  uint32_t number;
  WsaError error = ReadNumber(rule, value, &number);
  if (error.ok()) target.options->*rule.number = number;
  return error;
}

WsaError GetNumber(const OptionRule& rule, const OptionTarget& target,
                   wsp::v1::OptionValue* value) {
  value->set_number(target.options->*rule.number);
  return 0;
}

WsaError SetOff(const OptionRule& rule, const OptionTarget&,
                const wsp::v1::OptionValue& value) {
  uint32_t number;
  if (WsaError error = ReadNumber(rule, value, &number); !error.ok()) {
    return error;
  }
  return number == 0 ? 0 : kWsaInval;
}

WsaError GetOff(const OptionRule&, const OptionTarget&,
                wsp::v1::OptionValue* value) {
  value->set_number(0);
  return 0;
}

WsaError SetKernelAndNumber(const OptionRule& rule, const OptionTarget& target,
                            const wsp::v1::OptionValue& value) {
  WsaError error = SetKernelNumber(rule, target, value);
  return error.ok() ? SetNumber(rule, target, value) : error;
}

WsaError SetKernelAndFlag(const OptionRule& rule, const OptionTarget& target,
                          const wsp::v1::OptionValue& value) {
  WsaError error = SetKernelFlag(rule, target, value);
  return error.ok() ? SetFlag(rule, target, value) : error;
}

}  // namespace wspd
