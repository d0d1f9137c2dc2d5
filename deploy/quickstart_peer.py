"""The other end of the quickstart's second client.

Usage: quickstart_peer.py PORT_FILE COUNT PID_FILE

Writes its port to PORT_FILE, accepts COUNT connections, says so, waits for the
client's pid in PID_FILE (a FIFO), kills that process with SIGKILL, and prints
how long after the kill the first and the last connection saw a reset. Exits
with 1 if one ended in any other way.
"""

import os
import select
import signal
import socket
import sys
import time


def main():
    port_file, count, pid_file = sys.argv[1], int(sys.argv[2]), sys.argv[3]
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
    return 0


if __name__ == "__main__":
    sys.exit(main())
