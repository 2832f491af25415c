"""
An external_acl program asked with `%>a %>rm %>rd %{X-Card}>h`: who shows a card is let in by that name, others are not,
and a broken card is nobody's. Each question is written to the file that is its argument.
"""
import sys
from urllib.parse import unquote

log = open(sys.argv[1], "a", buffering=1)
channels = "--channels" in sys.argv

for line in sys.stdin:
    log.write(line)
    words = line.split()
    channel = words.pop(0) + " " if channels else ""
    client, method, host, card = words[:4]
    if card == "-":
        answer = 'ERR message="no card" tag=strangers'
    elif card == "broken":
        answer = 'BH message="the reader is broken"'
    else:
        answer = "OK user=%s tag=members" % card
    print(channel + answer, flush=True)
