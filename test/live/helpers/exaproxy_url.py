"""
A redirector for `redirector.protocol = url` that says what it is told: what follows `?say=`, percent-decoded; for a tunnel,
what follows `HOST/=` among its arguments.
"""
import sys
from urllib.parse import unquote

hosts = dict(word.split("/=", 1) for word in sys.argv[1:])

while True:
    line = sys.stdin.readline()
    if not line:
        break
    url, client, _, method, last = line.split(" ")
    assert last == "-\n", line
    if method == "CONNECT":
        sys.stdout.write(hosts.get(url.rstrip("/"), "") + "\n")
    else:
        sys.stdout.write((unquote(url.split("?say=", 1)[1]) if "?say=" in url else "") + "\n")
    sys.stdout.flush()
