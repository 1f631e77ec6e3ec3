# Copyright the tcpdoctor authors
# Apache License 2.0 (see LICENSE or https://www.apache.org/licenses/LICENSE-2.0)
"""A server that has stopped accepting, and clients that go on coming.

For as long as it runs, the accept queue of port 8080 of this namespace is full.
"""
from __future__ import absolute_import, division, print_function

__metaclass__ = type

import socket
import time

server = socket.socket()
server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
server.bind(("127.0.0.1", 8080))
server.listen(4)
clients = []
while True:
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(("127.0.0.1", 8080))
    clients.append(client)
    if len(clients) > 300:
        clients.pop(0).close()
    time.sleep(0.01)
