#include "daemon/wspctl/screen.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"

namespace wspd {
namespace {

constexpr absl::string_view kEnter = "\x1b[?1049h\x1b[?25l\x1b[2J";
constexpr absl::string_view kLeave = "\x1b[0m\x1b[?25h\x1b[?1049l";

constexpr std::array<int, 6> kSignals = {SIGINT,  SIGTERM, SIGHUP,
                                         SIGQUIT, SIGTSTP, SIGWINCH};

std::atomic<int> signal_pipe{-1};
std::array<struct sigaction, kSignals.size()> old_actions;

void OnSignal(int number) {
  const int saved = errno;
  const char byte = static_cast<char>(number);
  // A full pipe has one to wake up for already.
  (void)!write(signal_pipe.load(), &byte, 1);
  errno = saved;
}

absl::Status WriteAll(int fd, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t written = write(fd, text.data(), text.size());
    if (written >= 0) {
      text.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd ready = {fd, POLLOUT, 0};
      poll(&ready, 1, -1);
    } else if (errno != EINTR) {
      return absl::ErrnoToStatus(errno, "write() to the terminal");
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Screen>> Screen::Open(int in, int out) {
  std::unique_ptr<Screen> screen(new Screen(in, out));
  if (tcgetattr(in, &screen->before_) != 0) {
    return absl::ErrnoToStatus(errno, "tcgetattr()");
  }
  if (auto status = screen->CatchSignals(); !status.ok()) return status;
  screen->Enter();
  return screen;
}

Screen::~Screen() {
  if (!signals_write_.valid()) return;
  Leave();
  for (size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], &old_actions[i], nullptr);
  }
  signal_pipe.store(-1);
}

absl::Status Screen::CatchSignals() {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) {
    return absl::ErrnoToStatus(errno, "pipe2()");
  }
  signals_ = OwnedFd(ends[0]);
  signals_write_ = OwnedFd(ends[1]);
  signal_pipe.store(ends[1]);
  struct sigaction action {};
  action.sa_handler = OnSignal;
  action.sa_flags = SA_RESTART;
  for (size_t i = 0; i < kSignals.size(); ++i) {
    sigaction(kSignals[i], &action, &old_actions[i]);
  }
  return absl::OkStatus();
}

void Screen::Enter() {
  termios raw = before_;
  // Keys at once and unseen; ^C and ^Z are signals as ever.
  raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  raw.c_cc[VMIN] = 1;
  raw.c_cc[VTIME] = 0;
  tcsetattr(in_, TCSADRAIN, &raw);
  (void)WriteAll(out_, kEnter);
}

void Screen::Leave() {
  (void)WriteAll(out_, kLeave);
  tcsetattr(in_, TCSADRAIN, &before_);
}

TerminalSize Screen::size() const {
  return SizeOfTerminal(out_).value_or(TerminalSize{80, 24});
}

absl::Status Screen::Draw(const std::vector<std::string>& lines) {
  const size_t rows =
      std::min(lines.size(), static_cast<size_t>(std::max(size().rows, 0)));
  std::string text = "\x1b[H";
  for (size_t i = 0; i < rows; ++i) {
    absl::StrAppend(&text, i == 0 ? "" : "\r\n", lines[i], "\x1b[K");
  }
  return WriteAll(out_, absl::StrCat(text, "\x1b[J"));
}

void Screen::StopProcess() {
  Leave();
  raise(SIGSTOP);
  Enter();
}

void Screen::TakeSignals(Input* input) {
  char bytes[64];
  const ssize_t count = read(signals_.get(), bytes, sizeof(bytes));
  for (ssize_t i = 0; i < count; ++i) {
    if (bytes[i] == SIGTSTP) StopProcess();
    if (bytes[i] == SIGTSTP || bytes[i] == SIGWINCH) {
      input->resized = true;
    } else {
      input->signal = static_cast<unsigned char>(bytes[i]);
    }
  }
}

Screen::Input Screen::Wait(absl::Duration at_most) {
  Input input;
  pollfd waits[] = {{in_, POLLIN, 0}, {signals_.get(), POLLIN, 0}};
  const int64_t milliseconds = std::max<int64_t>(
      absl::ToInt64Milliseconds(at_most + absl::Microseconds(999)), 0);
  if (poll(waits, 2, static_cast<int>(milliseconds)) <= 0) return input;
  if (waits[1].revents != 0) TakeSignals(&input);
  if (waits[0].revents == 0) return input;
  char bytes[256];
  const ssize_t count = read(in_, bytes, sizeof(bytes));
  if (count > 0) {
    input.keys = SplitKeys(std::string(bytes, static_cast<size_t>(count)));
  } else if (count == 0 || (errno != EINTR && errno != EAGAIN)) {
    input.ended = true;
  }
  return input;
}

std::vector<std::string> SplitKeys(const std::string& bytes) {
  std::vector<std::string> keys;
  for (size_t i = 0; i < bytes.size();) {
    size_t end = i + 1;
    const bool sequence = bytes[i] == '\x1b' && end < bytes.size() &&
                          (bytes[end] == '[' || bytes[end] == 'O');
    if (sequence) {
      // Parameters, then a letter or "~".
      ++end;
      while (end < bytes.size() && bytes[end] < 0x40) ++end;
      end = std::min(end + 1, bytes.size());
    }
    keys.push_back(bytes.substr(i, end - i));
    i = end;
  }
  return keys;
}

}  // namespace wspd
