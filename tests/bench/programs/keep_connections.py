"""keep_connections.py PORT: accepts connections and keeps them until their
clients end them."""

import selectors
import socket
import sys

with socket.create_server(("127.0.0.1", int(sys.argv[1])),
                          backlog=4096) as listener, \
        selectors.DefaultSelector() as selector:
    selector.register(listener, selectors.EVENT_READ)
    while True:
        for key, _ in selector.select():
            if key.fileobj is listener:
                selector.register(listener.accept()[0], selectors.EVENT_READ)
            else:
                selector.unregister(key.fileobj)
                key.fileobj.close()
