"""The other end of the quickstart's second client.

Usage: quickstart_peer.py PORT_FILE COUNT PID_FILE LIST_COMMAND...

Writes its port to PORT_FILE, accepts COUNT connections, says so, waits for the
client's pid in PID_FILE (a FIFO), kills that process with SIGKILL, and prints
how long after the kill the first and the last connection saw a reset, and
LIST_COMMAND, given the pid, listed none of the client's sockets any more. Exits
with 1 if a connection ended in any other way, or the command fails.
"""

import os
import select
import signal
import socket
import subprocess
import sys
import time


def await_none_listed(command):
    """Returns what went wrong, or nothing."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        listing = subprocess.run(command, capture_output=True, text=True)
        if listing.returncode != 0:
            return f"the listing failed: {listing.stderr.strip()}"
        if not listing.stdout:
            return None
    return f"after 10 s still listed: {listing.stdout.strip()}"


def main():
    port_file, count, pid_file = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    list_command = sys.argv[4:]
    listener = socket.create_server(("127.0.0.1", 0), backlog=count)
    with open(port_file + ".new", "w") as file:
        file.write(str(listener.getsockname()[1]))
    os.rename(port_file + ".new", port_file)
    poller = select.poll()
    connections = {}
    for _ in range(count):
        connection, _ = listener.accept()
        connections[connection.fileno()] = connection
        poller.register(connection, select.POLLIN)
    print(f"accepted {count}", flush=True)
    with open(pid_file) as file:
        pid = int(file.read())
    begin = time.monotonic()
    os.kill(pid, signal.SIGKILL)
    first = last = None
    while connections:
        events = poller.poll(10000)
        if not events:
            print(f"{len(connections)} connections saw nothing in 10 s")
            return 1
        for fd, _ in events:
            try:
                end = connections[fd].recv(1)
                print(f"a connection ended without a reset ({end!r})")
                return 1
            except ConnectionResetError:
                pass
            last = time.monotonic() - begin
            first = first or last
            poller.unregister(fd)
            connections.pop(fd).close()
    print(f"all {count} were reset, the first after {first * 1e3:.1f} ms, "
          f"the last after {last * 1e3:.1f} ms")
    error = await_none_listed(list_command + [str(pid)])
    gone = time.monotonic() - begin
    print(error or f"its sockets in the daemon: none, {gone * 1e3:.1f} ms "
          "after the kill at the latest")
    return 1 if error else 0


if __name__ == "__main__":
    sys.exit(main())
