"""A server that never accepts, and clients that keep trying."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

import socket
import sys
import time

server = socket.socket()
server.bind(("127.0.0.1", int(sys.argv[1])))
server.listen(4)
print("listening")
sys.stdout.flush()
clients = []
while True:
    client = socket.socket()
    client.setblocking(False)
    client.connect_ex(server.getsockname())
    clients = (clients + [client])[-200:]
    time.sleep(0.005)
