/** Records of exchanges for the tests of the log, from heads as they would have come. */

import { latin1, toBytes } from '../../core/bytes/ascii.ts'
import { ByteWriter } from '../../core/bytes/writer.ts'
import type { Head } from '../../core/http/head.ts'
import { HttpParser } from '../../core/http/parser.ts'
import type { RecordWriter } from '../../core/proxy/access_log.ts'
import { ExchangeRecord } from '../../core/proxy/record.ts'

/** 2026-11-24 17:15:55.046 UTC. */
export const STARTED = 1_795_540_555_046

export function headOf(kind: 'request' | 'response', ...lines: string[]): Head {
  const parser = new HttpParser(kind)
  parser.feed(toBytes([...lines, '', ''].join('\r\n')))
  const event = parser.next()
  if (event.kind !== 'head') throw new Error(`no head in ${JSON.stringify(lines)}`)
  return event.head
}

/** A request head made by hand, without a Host: bytes that no parser would let through stand in its target and fields. */
export function hostileHead(target: string, agent: string): Head {
  const head = headOf('request', 'GET http://a/ HTTP/1.1', 'Host: a', 'User-Agent: a', 'Referer: a')
  const line = `GET ${target} HTTP/1.1\r\nUser-Agent: `
  head.bytes = toBytes(`${line}${agent}\r\nReferer: ${agent}\r\n\r\n`)
  head.targetStart = 4
  head.targetEnd = 4 + target.length
  head.ids[0] = 0
  head.at[1 * 4 + 2] = line.length
  head.at[1 * 4 + 3] = line.length + agent.length
  head.at[2 * 4 + 2] = line.length + agent.length + 11
  head.at[2 * 4 + 3] = line.length + agent.length * 2 + 11
  return head
}

export function recordOf(facts: Partial<ExchangeRecord>): ExchangeRecord {
  const record = new ExchangeRecord()
  record.reset(STARTED)
  record.client = '127.0.0.1'
  record.listener = 'http'
  return Object.assign(record, facts)
}

/** An exchange that went well. */
export function served(facts: Partial<ExchangeRecord> = {}): ExchangeRecord {
  return recordOf({
    request: headOf(
      'request',
      'GET http://127.0.0.1:18080/plain?q=1 HTTP/1.1',
      'Host: 127.0.0.1:18080',
      'User-Agent: curl/8',
      'Referer: http://a/?secret',
    ),
    response: headOf('response', 'HTTP/1.1 200 OK', 'Content-Type: text/plain; charset=utf-8', 'Content-Length: 2'),
    status: 200,
    origin: { family: 4, address: '127.0.0.1', port: 18080 },
    hierarchy: 'HIER_DIRECT',
    bytesIn: 120,
    bytesOut: 232,
    dns: 0,
    connect: 1.25,
    firstByte: 2.5,
    total: 3.75,
    ...facts,
  })
}

/** The line of a record, with its line feed. */
export function lineOf(write: RecordWriter, record: ExchangeRecord, strip = true): string {
  // Small, so that it grows in every possible place; not empty, so that it does not write at 0 by mistake.
  const out = new ByteWriter(8)
  out.text('before')
  write(out, record, strip)
  const text = latin1(out.bytes, 0, out.length)
  if (!text.startsWith('before')) throw new Error('what was there is gone')
  return text.slice(6)
}
