"""Starts a program with listening sockets left to it, as systemd does (sd_listen_fds(3)).

leave_sockets.py [--transparent] ADDRESS... -- COMMAND...
ADDRESS is 127.0.0.1:80, [::1]:0 or the path of a unix socket. With --transparent they take what TPROXY hands over.
"""

import os
import socket
import sys

FIRST = 3
IP_TRANSPARENT, IPV6_TRANSPARENT = 19, 75


def listening(place, transparent):
    if place.startswith("/"):
        made = socket.socket(socket.AF_UNIX)
        made.bind(place)
    else:
        host, port = place.rsplit(":", 1)
        sixth = host.startswith("[")
        made = socket.socket(socket.AF_INET6 if sixth else socket.AF_INET)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if sixth:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if transparent and sixth:
            made.setsockopt(socket.IPPROTO_IPV6, IPV6_TRANSPARENT, 1)
        elif transparent:
            made.setsockopt(socket.SOL_IP, IP_TRANSPARENT, 1)
        made.bind((host.strip("[]"), int(port)))
    made.listen(128)
    return made.detach()


end = sys.argv.index("--")
places, command = sys.argv[1:end], sys.argv[end + 1:]
transparent = places[:1] == ["--transparent"]
made = [listening(place, transparent) for place in places[transparent:]]
# Out of the way of the places where they go.
made = [os.dup2(number, 100 + index) for index, number in enumerate(made)]
for index, number in enumerate(made):
    os.dup2(number, FIRST + index)
os.closerange(FIRST + len(made), 100 + len(made))
os.environ.update(LISTEN_FDS=str(len(made)), LISTEN_PID=str(os.getpid()))
os.execvp(command[0], command)
