-- The load, for wrk: one request, built once, sent over and over.
--   wrk [options] -s load.lua http://PROXY/ TARGET HOST KIND
-- TARGET is the request target as sent (absolute in forward mode), HOST the value of Host. KIND is one of
--   get, post (with a body of 1 KB), close (a connection for each), pipelined (16 at a time)
-- At the end one line, RESULT and `name=value` words, is printed: times in microseconds.

local DEPTH = 16
local BODY = string.rep("name=value&", 94):sub(1, 1024)
local several

function init(args)
  wrk.path = args[1]
  local kind = args[3]
  -- The fields a browser sends.
  wrk.headers = {
    ["Host"] = args[2],
    ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
    ["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
    ["Accept-Language"] = "en-GB,en;q=0.7,fr;q=0.3",
    ["Accept-Encoding"] = "gzip, deflate",
    ["Referer"] = "http://www.example.com/a/page/somewhere?with=query",
    ["Cookie"] = "session=0123456789abcdef0123456789abcdef; theme=light; consent=yes",
    ["Upgrade-Insecure-Requests"] = "1",
    ["DNT"] = "1",
  }
  if kind == "close" then
    wrk.headers["Connection"] = "close"
  elseif kind == "post" then
    wrk.method = "POST"
    wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
    wrk.body = BODY
  elseif kind == "pipelined" then
    several = string.rep(wrk.format(), DEPTH)
    -- A function of the script is called for every request, so it is there only where one is needed.
    request = function() return several end
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    "RESULT requests=%d bytes=%d duration=%d connect=%d read=%d write=%d status=%d timeout=%d p50=%d p99=%d p999=%d\n",
    summary.requests, summary.bytes, summary.duration,
    errors.connect, errors.read, errors.write, errors.status, errors.timeout,
    latency:percentile(50), latency:percentile(99), latency:percentile(99.9)
  ))
end
