"""What the Python servers and clients of the cases say to each other: a length
of 4 bytes and so many bytes, answered by their SHA-256."""

import hashlib
import random
import struct

LENGTH = struct.Struct("!I")
ROUNDS = 5


def payload(number):
    """Of the connection with that number; up to 200,000 bytes."""
    return random.Random(number).randbytes(number * 7919 % 200_000 + 1)


def answer(data):
    return hashlib.sha256(data).digest()


def read_exactly(read, size):
    """By a call that gives at most so many bytes; None at the end."""
    data = bytearray()
    while len(data) < size:
        part = read(size - len(data))
        if not part:
            return None
        data += part
    return bytes(data)
