"""
A redirector for `redirector.protocol = icap://...`. It answers by the word that follows `/do/` in the path; a tunnel by its
host.
"""
import sys

source = sys.stdin.buffer
sink = sys.stdout.buffer
PORT = sys.argv[1] if len(sys.argv) > 1 else "80"


def question():
    fields = []
    while True:
        line = source.readline()
        if not line:
            return None
        line = line.rstrip(b"\r\n").decode("latin1")
        if not line:
            break
        fields.append(line)
    name, value = fields[-1].split(": ", 1)
    assert name == "Encapsulated", fields
    size = int(value.rsplit("null-body=", 1)[1])
    facts = dict(line[len("Pragma: "):].split("=", 1) for line in fields if line.startswith("Pragma: "))
    return facts, source.read(size).decode("latin1")


def say(status, label="", content="", chunks=None, extra=""):
    text = "ICAP/1.0 %s\r\n%s" % (status, extra)
    if label:
        body = "null-body" if chunks is None else "res-body"
        text += "Encapsulated: %s=0, %s=%d\r\n" % (label, body, len(content))
    text += "\r\n" + content
    for chunk in chunks or []:
        text += "%x\r\n%s\r\n" % (len(chunk), chunk)
    if chunks is not None:
        text += "0\r\n"
    sink.write(text.encode("latin1"))
    sink.flush()


PAGE = "<p>not here</p>"
HEAD = "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html\r\nX-Filter: python\r\n"

while True:
    asked = question()
    if asked is None:
        break
    facts, head = asked
    line, rest = head.split("\r\n", 1)
    method, url, version = line.split(" ")
    if method == "CONNECT":
        if facts["host"] == "deny.test":
            say("302 Found", "res-hdr", HEAD + "\r\n" + PAGE)
        elif facts["host"] == "moved.test":
            say("200 OK", "req-hdr", "CONNECT new.test:%s HTTP/1.1\r\nHost: new.test\r\n\r\n" % PORT)
        elif facts["host"] == "flagged.test":
            say("200 OK", "req-hdr", "CONNECT new.test:%s HTTP/1.1\r\n\r\n" % PORT, extra="X-Intercept: active\r\n")
        else:
            say("204 No Content")
        continue
    what = facts["path"].split("/do/", 1)[-1].split("/", 1)[0]
    if what == "deny":
        say("403 Forbidden", extra="Pragma: comment: no %s\r\n" % facts["host"])
    elif what == "page":
        say("200 OK", "res-hdr", HEAD + "\r\n" + PAGE)
    elif what == "chunked":
        say("200 OK", "res-hdr", HEAD + "\r\n", ["<p>", "not here", "</p>"])
    elif what == "redirect":
        say("302 Found", "res-hdr", "HTTP/1.1 302 Found\r\nLocation: http://other.test/\r\n\r\n")
    elif what == "file":
        say("200 OK", "req-hdr", "GET file://deny.html HTTP/1.1\r\n\r\n", extra="Pragma: comment: <b>games</b>\r\n")
    elif what == "rewrite":
        say("200 OK", "req-hdr", "%s %s %s\r\n%s" % (method, url.replace("/do/rewrite/", "/done/"), version, rest))
    elif what == "cookie":
        fields = [f if not f.startswith("Cookie:") else "Cookie: PREF=f2=8000000" for f in rest.split("\r\n")]
        say("200 OK", "req-hdr", line + "\r\n" + "\r\n".join(fields))
    elif what == "intercept":
        say("200 OK", "req-hdr", "CONNECT new.test:%s HTTP/1.1\r\n\r\n%s" % (PORT, head))
    elif what == "login" and "\r\nProxy-Authorization: Basic am9lOng=\r\n" not in head:
        who = "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"python\"\r\nContent-Type: text/plain\r\n\r\n"
        say("200 OK", "res-hdr", who + "who are you?")
    elif what == "explain":
        say("200 OK", "res-hdr", "HTTP/1.1 403 Forbidden\nContent-Type: application/proxy-explanation+json\n \n{}")
    else:
        say("304 Not Modified")
