#include "client_stub/wspcat/command_line.h"

#include <charconv>

namespace wspd::wspcat {

const char kUsage[] =
    "usage: wspcat [options] connect ADDRESS PORT\n"
    "       wspcat [options] listen [ADDRESS] PORT\n"
    "\n"
    "Pipes standard input and output over one TCP connection, made through a\n"
    "Winsock service provider. ADDRESS is a numeric IPv4 or IPv6 address.\n"
    "At the end of the input the sending half is closed; wspcat ends when "
    "both\n"
    "halves have.\n"
    "\n"
    "  --provider PATH  the provider to load (libwsp.so beside wspcat, or "
    "where\n"
    "                   the system's loader finds it)\n"
    "  --send-only      send the input and close; receive nothing\n"
    "  --recv-only      receive only; don't read the input\n"
    "  --keep-open      leave the sending half open at the end of the input\n"
    "  --hold N         open N connections, say \"holding N\", and hold them\n"
    "                   until killed\n";

namespace {

template <typename Number>
bool ParseNumber(const std::string& text, Number low, Number high,
                 Number* number) {
  const char* const end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, *number);
  return result.ec == std::errc() && result.ptr == end && *number >= low &&
         *number <= high;
}

// Takes the options out of the arguments, leaving the words.
bool ParseOptions(const std::vector<std::string>& arguments,
                  CommandLine* command, std::vector<std::string>* words,
                  std::string* error) {
  for (size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    const bool has_value = i + 1 < arguments.size();
    if (argument.empty() || argument[0] != '-') {
      words->push_back(argument);
    } else if (argument == "--help" || argument == "-h") {
      command->help = true;
    } else if (argument == "--send-only") {
      command->send_only = true;
    } else if (argument == "--recv-only") {
      command->receive_only = true;
    } else if (argument == "--keep-open") {
      command->keep_open = true;
    } else if (argument == "--provider" && has_value) {
      command->provider = arguments[++i];
    } else if (argument == "--hold" && has_value) {
      if (!ParseNumber(arguments[++i], 1, 1000000, &command->hold)) {
        *error = "--hold wants a number from 1";
        return false;
      }
    } else {
      *error = "unknown option or missing value: " + argument;
      return false;
    }
  }
  return true;
}

bool ParseWords(const std::vector<std::string>& words, CommandLine* command,
                std::string* error) {
  command->listen = !words.empty() && words[0] == "listen";
  const bool connect = !words.empty() && words[0] == "connect";
  const bool right_count =
      words.size() == 3 || (command->listen && words.size() == 2);
  if (!(connect || command->listen) || !right_count) {
    *error = "say connect ADDRESS PORT, or listen [ADDRESS] PORT";
    return false;
  }
  if (words.size() == 3 && !ParseNumericAddress(words[1], &command->address)) {
    *error = "not a numeric address: " + words[1];
    return false;
  }
  // Listening on port 0 lets the provider choose.
  const uint16_t lowest = command->listen ? 0 : 1;
  if (!ParseNumber<uint16_t>(words.back(), lowest, 65535, &command->port)) {
    *error = "not a port: " + words.back();
    return false;
  }
  return true;
}

}  // namespace

bool ParseCommandLine(const std::vector<std::string>& arguments,
                      CommandLine* command, std::string* error) {
  *command = {};
  std::vector<std::string> words;
  if (!ParseOptions(arguments, command, &words, error)) return false;
  if (command->help) return true;
  if (!ParseWords(words, command, error)) return false;
  if (command->send_only && command->receive_only) {
    *error = "--send-only and --recv-only exclude each other";
    return false;
  }
  if (command->hold > 0 && command->listen) {
    *error = "--hold goes with connect";
    return false;
  }
  return true;
}

}  // namespace wspd::wspcat
