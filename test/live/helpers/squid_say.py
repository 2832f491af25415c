"""
A url_rewrite program that says what it is told: what follows `?say=` in the URL, percent-decoded. For a tunnel, what
follows `HOST=` among its arguments. With the argument `--channels` each line begins with a number, and two that wait are
answered in the contrary order.
"""
import os
import select
import sys
from urllib.parse import unquote

channels = "--channels" in sys.argv
hosts = dict(word.split("=", 1) for word in sys.argv[1:] if "=" in word)


def answer_to(line):
    words = line.split()
    channel = words.pop(0) + " " if channels else ""
    url, client, user, method = words[:4]
    if method == "CONNECT":
        said = hosts.get(url.rsplit(":", 1)[0], "OK")
    else:
        said = unquote(url.split("?say=", 1)[1]) if "?say=" in url else ""
    if said == "WHOLE LINE":
        said = " ".join(words)
    return channel + said + "\n"


buffer = b""
while True:
    piece = os.read(0, 65536)
    if not piece:
        break
    buffer += piece
    while channels and select.select([0], [], [], 0)[0]:
        more = os.read(0, 65536)
        if not more:
            break
        buffer += more
    *lines, buffer = buffer.split(b"\n")
    if channels:
        lines.reverse()
    for line in lines:
        os.write(1, answer_to(line.decode("latin1")).encode("latin1"))
