/** Answers of our own. */

import { describe, expect, test } from 'vitest'
import { latin1, toBytes } from '../../core/bytes/ascii.ts'
import { ByteWriter } from '../../core/bytes/writer.ts'
import { FAILURES } from '../../core/failure.ts'
import { REASONS, type Reply, writeReply, writeTrace } from '../../core/http/reply.ts'
import { everyWay, headOf } from './tools.ts'

const plain: Reply = { status: 200, fields: [], body: new Uint8Array(0), bodiless: false, close: false, date: '' }
const reply = (how: Partial<Reply>): string => {
  const out = new ByteWriter(16)
  writeReply(out, { ...plain, ...how })
  return latin1(out.view())
}

describe('writeReply', () => {
  test('a page', () => {
    const how = { status: 403, fields: [['Content-Type', 'text/plain']], body: toBytes('no\n'), date: 'now' } as const
    expect(reply({ ...how, close: true })).toBe(
      'HTTP/1.1 403 Forbidden\r\nDate: now\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n',
    )
  })
  test('9110 9.3.2: to HEAD, with the length and without the body', () => {
    expect(reply({ body: toBytes('abc'), bodiless: true })).toBe('HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n')
  })
  test.each([100, 204, 304])('9110 8.6: %i has neither', (status) => {
    expect(reply({ status, body: toBytes('abc') })).not.toMatch(/Content-Length|abc/)
  })
  test('9112 4: a status without a known reason keeps its space', () => {
    expect(reply({ status: 299 })).toBe('HTTP/1.1 299 \r\nContent-Length: 0\r\n\r\n')
    expect(reply({ status: 299, reason: 'Odd' })).toMatch(/^HTTP\/1.1 299 Odd\r\n/)
  })
  test('a line end in a field is a bug, not a field', () => {
    expect(() => reply({ fields: [['Location', 'a\r\nX: b']] })).toThrow('line end')
  })
  test('what is written parses', () => {
    const text = reply({ status: 502, body: toBytes('abc'), fields: [['A', 'b']] })
    const result = everyWay('response', text + text)
    expect(result.messages).toHaveLength(2)
    expect(result.messages[0]).toMatchObject({ start: '1 502 Bad Gateway', body: 'abc', framing: 'length 3' })
  })
  test('every failure that is answered has a reason', () => {
    for (const { status } of Object.values(FAILURES)) if (status !== 0) expect(REASONS[status]).toBeTypeOf('string')
  })
})

test('9110 9.3.8: TRACE is answered with what came, but for its secrets', () => {
  const head = headOf(
    'request',
    'TRACE http://h/x HTTP/1.1\r\nHost:  h\r\nCookie: a\r\nX-Shown: \xe9 \r\nauthorization: b\r\nProxy-Authorization: c\r\n\r\n',
  )
  const out = new ByteWriter(16)
  writeTrace(out, head, { close: true, date: 'now' })
  const result = everyWay('response', latin1(out.view()))
  expect(result.end).toBe('waiting')
  expect(result.messages[0].body).toBe('TRACE http://h/x HTTP/1.1\r\nHost: h\r\nX-Shown: \xe9\r\n\r\n')
  expect(result.messages[0].fields).toContain('Content-Type: message/http')
  expect(result.messages[0].persistent).toBe(false)
})
