#include "client_stub/spi/transmit_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client_stub/transport/posix/descriptors.h"

namespace wsp {
namespace {

// The descriptor that a file's handle is (<mswsock.h>), -1 if it can't be one.
int DescriptorOf(HANDLE file) {
  const auto number = reinterpret_cast<intptr_t>(file);
  return number > 0 && number <= INT32_MAX ? static_cast<int>(number) : -1;
}

// `read_some(to, size)` until there is enough or no more.
template <typename ReadSome>
bool ReadAll(ReadSome read_some, uint8_t* to, size_t size, size_t* got) {
  *got = 0;
  while (*got < size) {
    const ssize_t count = read_some(to + *got, size - *got);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    if (count == 0) return true;
    *got += static_cast<size_t>(count);
  }
  return true;
}

}  // namespace

uint32_t TransmitFile::Examine(HANDLE file, bool wants_position, State* state) {
  const int fd = DescriptorOf(file);
  struct stat status;
  if (fd < 0 || fstat(fd, &status) != 0) return WSA_INVALID_HANDLE;
  if (!S_ISREG(status.st_mode)) return WSAEINVAL;
  if ((fcntl(fd, F_GETFL) & O_ACCMODE) == O_WRONLY) return WSAEACCES;
  state->size = static_cast<uint64_t>(status.st_size);
  if (!wants_position) return 0;
  const off_t position = lseek(fd, 0, SEEK_CUR);
  if (position < 0) return WSAEINVAL;
  state->position = static_cast<uint64_t>(position);
  return 0;
}

bool TransmitFile::Open(HANDLE file) {
  Close();
  fd_ = AdoptDescriptor(fcntl(DescriptorOf(file), F_DUPFD_CLOEXEC, 0));
  return fd_ >= 0;
}

void TransmitFile::Close() { CloseDescriptor(std::exchange(fd_, -1)); }

bool TransmitFile::ReadAt(uint64_t offset, uint8_t* to, size_t size,
                          size_t* got) {
  return ReadAll(
      [&](uint8_t* place, size_t most) {
        return pread(fd_, place, most, static_cast<off_t>(offset + *got));
      },
      to, size, got);
}

bool TransmitFile::ReadOn(uint8_t* to, size_t size, size_t* got) {
  return ReadAll(
      [&](uint8_t* place, size_t most) { return read(fd_, place, most); }, to,
      size, got);
}

}  // namespace wsp
