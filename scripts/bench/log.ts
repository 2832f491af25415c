/** What a line of the access log costs, in nanoseconds of the processor: `node scripts/bench/log.ts` (or deno, or bun). */

import process from 'node:process'
import { toBytes } from '../../core/bytes/ascii.ts'
import { ByteWriter } from '../../core/bytes/writer.ts'
import type { Head } from '../../core/http/head.ts'
import { HttpParser } from '../../core/http/parser.ts'
import { writeCombined } from '../../core/proxy/log_combined.ts'
import { writeJson } from '../../core/proxy/log_json.ts'
import { writeSquid } from '../../core/proxy/log_squid.ts'
import { ExchangeRecord } from '../../core/proxy/record.ts'

const LINES = 300_000
const ROUNDS = 7

function headOf(kind: 'request' | 'response', ...lines: string[]): Head {
  const parser = new HttpParser(kind)
  parser.feed(toBytes([...lines, '', ''].join('\r\n')))
  return parser.next().head
}

const record = new ExchangeRecord()
record.reset(1_795_540_555_046.25)
Object.assign(record, {
  client: '192.0.2.77',
  listener: 'http',
  request: headOf(
    'request',
    'GET http://www.example.com/news/2026/index.html?page=2 HTTP/1.1',
    'Host: www.example.com',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:141.0) Gecko/20100101 Firefox/141.0',
    'Referer: http://www.example.com/news/2026/index.html',
  ),
  response: headOf('response', 'HTTP/1.1 200 OK', 'Content-Type: text/html; charset=utf-8', 'Content-Length: 0'),
  status: 200,
  origin: { family: 4, address: '198.51.100.34', port: 80 },
  hierarchy: 'HIER_DIRECT',
  bytesIn: 412,
  bytesOut: 12_345,
  queue: 0.1,
  dns: 1.234,
  connect: 10.5,
  firstByte: 22.2,
  total: 34.567,
})

const out = new ByteWriter(65_536)
for (const write of [writeSquid, writeCombined, writeJson]) {
  let best = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const before = process.cpuUsage().user
    for (let line = 0; line < LINES; line++) {
      if (out.length > 60_000) out.clear()
      record.started += 0.01
      write(out, record, true)
    }
    best = Math.min(best, (process.cpuUsage().user - before) * 1000 / LINES)
  }
  console.log(`${write.name.padEnd(14)} ${best.toFixed(0).padStart(6)} ns a line`)
}
