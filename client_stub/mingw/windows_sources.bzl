"""What must compile with mingw-w64 against Windows' own headers.

Each label is a filegroup of .cc, .c and .h files, visible to this package.
"""

# Linked to wspcat.exe.
WSPCAT_SOURCES = [
    "//client_stub/spi_client:windows_sources",
    "//client_stub/wspcat:windows_sources",
]

# Compiled only.
COMPILED_SOURCES = [
    "//client_stub/base:windows_sources",
    "//client_stub/spi:windows_sources",
    "//client_stub/transport:windows_sources",
]

# The .cc files that libwsp.so consists of.
LIBRARY_SOURCES = [
    "//client_stub/base:all_sources",
    "//client_stub/spi:all_sources",
    "//client_stub/transport:all_sources",
]

# Of those, the ones that aren't compiled for Windows, where something else has
# to implement the same headers; and why.
POSIX_SOURCES = {
    "client_stub/base/posix/own_thread.cc": "pthread_create on an mmapped stack",
    "client_stub/base/posix/random_number.cc": "getrandom",
    "client_stub/spi/posix/cancellable_wait.cc": "pthread_cancel",
    "client_stub/spi/posix/departure.cc": "pthread_cancel, and glibc's longjmp",
    "client_stub/spi/posix/fork_guard.cc": "fork, and madvise to notice it",
    "client_stub/spi/posix/kernel_datagrams.cc": "datagrams by sendmsg and recvmsg",
    "client_stub/spi/posix/kernel_handle.cc": "sockets of the kernel that are descriptors",
    "client_stub/spi/posix/leaving_thread.cc": "the kernel's clocks of threads, /proc",
    "client_stub/spi/posix/loader.cc": "dlopen, dlsym",
    "client_stub/spi/posix/process.cc": "kill, to ask for a process",
    "client_stub/spi/posix/thread_shield.cc": "signal masks, pthread_cancel, fork",
    "client_stub/spi/posix/transmit_file.cc": "descriptors of files",
    "client_stub/transport/posix/descriptor_connection.cc": "descriptors over a Unix socket",
    "client_stub/transport/posix/descriptors.cc": "descriptors, what exec and fork do to them",
    "client_stub/transport/posix/unix_socket.cc": "Unix sockets by sendmsg and recv",
    "client_stub/transport/posix/waiter.cc": "epoll, eventfd, signalfd",
}
