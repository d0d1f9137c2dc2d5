"""Accepts connections of its own and passes each to a worker, which was
executed (multiprocessing's "spawn") and answers; prints how many were right."""

import multiprocessing
import multiprocessing.connection
import multiprocessing.reduction
import socket
import subprocess
import sys

COUNT = 50


def work(channel):
    while True:
        try:
            fd = multiprocessing.reduction.recv_handle(channel)
        except EOFError:
            return
        with socket.socket(fileno=fd) as one:
            one.sendall(one.recv(100).upper())


def main():
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    worker = context.Process(target=work, args=(theirs,))
    worker.start()
    theirs.close()
    right = 0
    with socket.create_server(("127.0.0.1", 0), backlog=16) as listener:
        for number in range(COUNT):
            with socket.create_connection(listener.getsockname(), 60) as one:
                accepted, _ = listener.accept()
                multiprocessing.reduction.send_handle(
                    ours, accepted.fileno(), worker.pid)
                accepted.close()
                one.sendall(b"number %d" % number)
                right += one.recv(100) == b"NUMBER %d" % number
                # All that hold it have closed it.
                right += one.recv(100) == b""
        ours.close()
        worker.join(60)
        # A child by posix_spawn or vfork that is given a connection, and no
        # other descriptor.
        with socket.create_connection(listener.getsockname(), 60) as one:
            accepted, _ = listener.accept()
            child = subprocess.Popen(["/bin/cat"], stdin=accepted,
                                     stdout=accepted, close_fds=True)
            accepted.close()
            one.sendall(b"to a cat")
            one.shutdown(socket.SHUT_WR)
            right += one.recv(100) == b"to a cat"
            right += one.recv(100) == b""
            child.wait(60)
    print(right, worker.exitcode, child.returncode)


if __name__ == "__main__":
    sys.exit(main())
