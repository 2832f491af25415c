/** What parsing and writing heads costs, in nanoseconds of the processor: `node scripts/bench/http.ts` (or deno, or bun). */

import { toBytes } from '../../core/bytes/ascii.ts'
import { ByteWriter } from '../../core/bytes/writer.ts'
import { type RequestForwarding, writeRequestHead, writeResponseHead } from '../../core/http/forward.ts'
import { HttpParser } from '../../core/http/parser.ts'
import { newTarget, parseTarget } from '../../core/http/target.ts'

/** As a browser asks: 14 fields, some 640 bytes. */
const REQUEST = toBytes(
  [
    'GET http://www.example.com/news/2026/index.html?page=2 HTTP/1.1',
    'Host: www.example.com',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0',
    'Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8',
    'Accept-Language: en-GB,en;q=0.8,fr;q=0.5',
    'Accept-Encoding: gzip, deflate, br, zstd',
    'Referer: http://www.example.com/news/2026/index.html',
    'Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; seen=1; ab=17',
    'Connection: keep-alive',
    'Upgrade-Insecure-Requests: 1',
    'If-None-Match: "5f3c-61a2b3c4d5e6f"',
    'Cache-Control: max-age=0',
    'Priority: u=0, i',
    'DNT: 1',
    'Sec-GPC: 1',
    '',
    '',
  ].join('\r\n'),
)
const RESPONSE = toBytes(
  [
    'HTTP/1.1 200 OK',
    'Server: nginx/1.22.1',
    'Date: Tue, 24 Nov 2026 23:54:10 GMT',
    'Content-Type: text/html; charset=utf-8',
    'Content-Length: 0',
    'Last-Modified: Mon, 23 Nov 2026 10:00:00 GMT',
    'Connection: keep-alive',
    'ETag: "5f3c-61a2b3c4d5e6f"',
    'Accept-Ranges: bytes',
    '',
    '',
  ].join('\r\n'),
)
const CHUNKED = toBytes(
  'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n' + `400\r\n${'x'.repeat(1024)}\r\n`.repeat(16) + '0\r\n\r\n',
)

const how: RequestForwarding = {
  form: 'origin',
  via: 'exaproxy',
  forwardedFor: 'append',
  forwarded: false,
  transparent: false,
  client: '192.0.2.1',
  expect: true,
  upgrades: ['websocket'],
  keepAlive: true,
  chunked: false,
  trailers: true,
  maxForwards: -1,
  hostFromTarget: true,
}
const answer = {
  via: 'exaproxy',
  close: false,
  keepAlive: false,
  framing: 'as-is' as const,
  upgrade: false,
  date: '',
  trailers: false,
}

const requests = new HttpParser('request')
const responses = new HttpParser('response')
const target = newTarget()
const out = new ByteWriter(4096)

const request = (use: (head: ReturnType<HttpParser['next']>['head']) => void): void => {
  requests.feed(REQUEST)
  use(requests.next().head)
  requests.next()
  requests.restart()
}

const cases: Record<string, () => void> = {
  'a request head': () => request(() => {}),
  '... and its target': () => request((head) => parseTarget(head, target)),
  '... and the outgoing head': () =>
    request((head) => {
      parseTarget(head, target)
      out.clear()
      writeRequestHead(out, head, target, how)
    }),
  'a response head': () => {
    responses.feed(RESPONSE)
    responses.next()
    responses.next()
    responses.restart()
  },
  '... and sent back': () => {
    responses.feed(RESPONSE)
    const { head } = responses.next()
    out.clear()
    writeResponseHead(out, head, answer)
    responses.next()
    responses.restart()
  },
  'a body of 16 chunks of 1 KB': () => {
    responses.feed(CHUNKED)
    while (responses.next().kind !== 'end');
    responses.restart()
  },
}
// Processor time, and the quickest of many short rounds: what says most on a machine that is doing other things too.
const ROUNDS = 30
const MANY = 20_000
for (const [name, run] of Object.entries(cases)) {
  let best = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const start = process.cpuUsage()
    for (let i = 0; i < MANY; i++) run()
    const { user, system } = process.cpuUsage(start)
    best = Math.min(best, (user + system) / MANY * 1000)
  }
  console.log(`${name.padEnd(32)} ${best.toFixed(0).padStart(6)} ns`)
}
console.log(`(a request head of ${REQUEST.length} bytes)`)
